//! The desk of the tour: one question a scene and language.

use std::sync::mpsc::{Receiver, channel};

use answer::desk::{
    Answer, AnswerCode, AskError, Check, Clock, Desk, Feedback, Floor, Health, NewQuestion, Origin,
    Progress, Source, SourcePage, Stage, Ticket, Topic,
};
use answer::ports::StorageError;

/// Scenes, with the letter that their codes are made of.
pub(crate) const SCENES: [(&str, char); 8] = [
    ("waiting", 'W'),
    ("floor", 'F'),
    ("checked", 'C'),
    ("cached", 'K'),
    ("model", 'M'),
    ("weak", 'X'),
    ("topics", 'N'),
    ("writing", 'R'),
];

/// Languages, with the last symbol of their codes.
pub(crate) const LANGUAGES: [(&str, char); 3] = [("en", 'G'), ("ar", 'R'), ("sw", 'W')];

/// A box with a model, or without one.
pub(crate) struct TourDesk {
    pub(crate) with_model: bool,
}

/// People's words in one language.
struct Content {
    language: &'static str,
    question: &'static str,
    text: &'static str,
    title: &'static str,
    passage: &'static str,
    danger_question: &'static str,
    danger: &'static str,
    no_source: &'static str,
    topics: [(&'static str, &'static str); 3],
}

const CONTENT: [Content; 3] = [
    Content {
        language: "en",
        question: "How do I make sugar and salt water for a child with diarrhoea?",
        text: "Mix six level teaspoons of sugar and half a level teaspoon of salt in one litre of \
               safe water.\nGive it in small sips after each loose stool.",
        title: "Oral rehydration at home (World Health Organization, 2014)",
        passage: "Wash your hands. Take one litre of safe water, six level teaspoons of sugar and \
                  half a level teaspoon of salt. Stir until all is dissolved. Use it within one \
                  day.",
        danger_question: "My baby had fits this morning and does not drink. What do I do?",
        danger: "Fits in a child are a sign of danger. Go to a health facility NOW: Kibera South \
                 Health Centre, 0722 345 678, open day and night. On the way keep the child warm \
                 and lying on the side. Give nothing by mouth while the child is not awake.",
        no_source: "I have no source for that, so I will not guess. Ask a health worker or a \
                    teacher, or ask me again in other words.",
        topics: [
            ("Diarrhoea in children", "What do I do if a child has diarrhoea?"),
            ("Safe drinking water", "How do I make water safe to drink?"),
            ("Fever", "What do I do if a child has fever?"),
        ],
    },
    Content {
        language: "ar",
        question: "كيف أحضّر محلول السكر والملح لطفل مصاب بالإسهال؟",
        text: "امزج ست ملاعق صغيرة ممسوحة من السكر ونصف ملعقة صغيرة ممسوحة من الملح في لتر واحد من \
               الماء النظيف.\nأعطه للطفل رشفات صغيرة بعد كل براز رخو.",
        title: "معالجة الجفاف في المنزل (منظمة الصحة العالمية، 2014)",
        passage: "اغسل يديك. خذ لتراً واحداً من الماء النظيف وست ملاعق صغيرة ممسوحة من السكر ونصف \
                  ملعقة صغيرة ممسوحة من الملح. حرّك حتى يذوب كل شيء. استعمله خلال يوم واحد.",
        danger_question: "أصيب طفلي بتشنجات هذا الصباح ولا يشرب. ماذا أفعل؟",
        danger: "التشنجات عند الطفل علامة خطر. اذهب إلى مرفق صحي الآن: مركز كيبيرا الجنوبي الصحي، \
                 0722 345 678، مفتوح ليلاً ونهاراً. في الطريق أبقِ الطفل دافئاً ومستلقياً على \
                 جنبه. لا تعطه شيئاً بالفم ما دام غير واعٍ.",
        no_source: "ليس لديّ مصدر لذلك، فلن أخمّن. اسأل عاملاً صحياً أو معلّماً، أو اسألني بكلمات \
                    أخرى.",
        topics: [
            ("الإسهال عند الأطفال", "ماذا أفعل إذا أصيب طفل بالإسهال؟"),
            ("ماء الشرب الآمن", "كيف أجعل الماء آمناً للشرب؟"),
            ("الحمّى", "ماذا أفعل إذا أصيب طفل بالحمّى؟"),
        ],
    },
    Content {
        language: "sw",
        question: "Nitatengenezaje maji ya sukari na chumvi kwa mtoto anayeharisha?",
        text: "Changanya vijiko vidogo sita vya sukari na nusu kijiko kidogo cha chumvi katika \
               lita moja ya maji salama.\nMpe mtoto kidogo kidogo kila baada ya kuharisha.",
        title: "Maji ya chumvi na sukari nyumbani (Shirika la Afya Duniani, 2014)",
        passage: "Nawa mikono. Chukua lita moja ya maji salama, vijiko vidogo sita vya sukari na \
                  nusu kijiko kidogo cha chumvi. Koroga hadi viyeyuke. Tumia ndani ya siku moja.",
        danger_question: "Mtoto wangu alipata degedege asubuhi na hanywi. Nifanye nini?",
        danger: "Degedege kwa mtoto ni dalili ya hatari. Nenda kituo cha afya SASA: Kibera South \
                 Health Centre, 0722 345 678, wazi usiku na mchana. Njiani mlaze mtoto ubavu na \
                 umweke katika joto. Usimpe kitu mdomoni akiwa hajazinduka.",
        no_source: "Sina chanzo cha swali hilo, kwa hiyo sitakisia. Muulize mhudumu wa afya au \
                    mwalimu, au niulize tena kwa maneno mengine.",
        topics: [
            ("Kuharisha kwa watoto", "Nifanye nini mtoto akiharisha?"),
            ("Maji salama ya kunywa", "Nitafanyaje maji yawe salama kunywa?"),
            ("Homa", "Nifanye nini mtoto akiwa na homa?"),
        ],
    },
];

fn source(content: &Content, reviewed: bool) -> Source {
    Source {
        id: "ors-home-recipe".into(),
        title: content.title.into(),
        reviewed,
        passage: content.passage.into(),
        place: Some(2),
        pack: "starter@0f3c".into(),
    }
}

fn floor(content: &Content) -> Floor {
    Floor {
        rule: "convulsions".into(),
        text: content.danger.into(),
        sms: content.danger.into(),
        language: content.language.into(),
        source: "WHO, IMCI chart booklet, 2014".into(),
        reviewed: false,
    }
}

fn written(content: &Content) -> Answer {
    Answer {
        text: content.text.into(),
        origin: Origin::Model,
        sources: vec![source(content, false)],
        model: Some("qwen2.5-1.5b-int4".into()),
        milliseconds: 8_400,
        ..Answer::default()
    }
}

fn stage(scene: char, content: &Content) -> Stage {
    Stage::Done(match scene {
        'W' => return Stage::Waiting { ahead: 3, wait_s: Some(140) },
        // A long wait whose end nobody knows.
        'H' => return Stage::Waiting { ahead: 3, wait_s: None },
        'R' => return Stage::Writing { so_far: content.text.chars().take(70).collect() },
        'F' => Answer { danger: true, origin: Origin::Floor, ..written(content) },
        'C' => Answer {
            origin: Origin::Checked,
            check: Some(Check { role: "nurse".into(), on: Some("2026-03-31".into()) }),
            sources: vec![source(content, true)],
            model: None,
            ..written(content)
        },
        'K' => Answer {
            origin: Origin::Cache,
            text: content.passage.into(),
            model: None,
            ..written(content)
        },
        'X' => Answer { weak: true, ..written(content) },
        'N' => Answer {
            text: content.no_source.into(),
            topics: content
                .topics
                .iter()
                .map(|(title, question)| Topic {
                    title: (*title).into(),
                    question: (*question).into(),
                })
                .collect(),
            ..Answer::default()
        },
        _ => written(content),
    })
}

impl Desk for TourDesk {
    fn ask(&self, question: NewQuestion) -> Result<AnswerCode, AskError> {
        if question.text.trim().is_empty() {
            return Err(AskError::Empty);
        }
        let sign = LANGUAGES.iter().find(|(tag, _)| Some(*tag) == question.language.as_deref());
        let code = format!("WWWWWW{}", sign.map_or('G', |(_, sign)| *sign));
        AnswerCode::parse(&code).ok_or(AskError::Empty)
    }

    fn look_up(&self, code: &AnswerCode) -> Option<Ticket> {
        let scene = code.as_str().chars().next()?;
        let sign = code.as_str().chars().last()?;
        let language = LANGUAGES.iter().find(|(_, known)| *known == sign)?.0;
        let content = CONTENT.iter().find(|content| content.language == language)?;
        let in_danger = scene == 'F';
        Some(Ticket {
            code: code.clone(),
            question: if in_danger { content.danger_question } else { content.question }.into(),
            language: language.into(),
            floor: in_danger.then(|| floor(content)),
            stage: stage(if self.with_model || scene != 'W' { scene } else { 'H' }, content),
        })
    }

    fn follow(&self, code: &AnswerCode) -> Option<Receiver<Progress>> {
        let (sender, receiver) = channel();
        let progress = match self.look_up(code)?.stage {
            Stage::Waiting { ahead, .. } => Progress::Ahead(ahead),
            Stage::Writing { so_far } => Progress::Text(so_far),
            Stage::Done(answer) => Progress::Done(answer),
            _ => return Some(receiver),
        };
        // A scene stands still, so that it can be looked at.
        std::thread::spawn(move || {
            if sender.send(progress).is_ok() {
                std::thread::sleep(std::time::Duration::from_secs(600));
            }
            drop(sender);
        });
        Some(receiver)
    }

    fn health(&self) -> Health {
        Health {
            journal_ok: true,
            model: self.with_model.then(|| "qwen2.5-1.5b-int4".into()),
            kernel: Some("neon-dotprod".into()),
            queued: 4,
            passages: 1_320,
            indexing: Some(("malaria-guideline".into(), 40)),
            clock: if self.with_model { Clock::Set(1_774_967_400) } else { Clock::NotSet },
            encoder: self.with_model,
        }
    }

    fn feedback(&self, _: &AnswerCode, _: Feedback) -> bool {
        true
    }

    fn forget(&self, _: &AnswerCode) -> Result<bool, StorageError> {
        Ok(true)
    }

    fn source_page(&self, place: i64) -> Option<SourcePage> {
        (1..=3).contains(&place).then(|| SourcePage {
            title: "Oral rehydration at home".into(),
            section: Some("Treating diarrhoea, page 14".into()),
            published: Some("World Health Organization, 2014".into()),
            licence: "CC BY-NC-SA 3.0 IGO".into(),
            text: CONTENT[0].passage.into(),
            before: "children lose water and salts with each loose stool. What is lost must be \
                     given back."
                .into(),
            after: "Go on with breast milk and food. If there is blood in the stool".into(),
            previous: (place > 1).then(|| place - 1),
            next: (place < 3).then(|| place + 1),
            check: None,
        })
    }
}
