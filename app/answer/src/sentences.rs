//! What the box itself says to people, by language. English is the source; the other languages
//! await a speaker's eye. A language without texts gets English.

use crate::question::Language;

/// One sentence in the languages that the box speaks.
struct Said {
    en: &'static str,
    fr: &'static str,
    sw: &'static str,
    ar: &'static str,
}

impl Said {
    fn to(&self, language: &Language) -> &'static str {
        match language.as_str() {
            "fr" => self.fr,
            "sw" => self.sw,
            "ar" => self.ar,
            _ => self.en,
        }
    }
}

/// Said where the box has no source.
#[must_use]
pub fn no_source(language: &Language) -> &'static str {
    Said {
        en: "I have no source for that, so I will not guess. Ask a health worker or a teacher, or \
             ask me again in other words.",
        fr: "Je n'ai pas de source pour cela, donc je ne devine pas. Demandez à un agent de santé \
             ou à un enseignant, ou posez la question avec d'autres mots.",
        sw: "Sina chanzo cha habari hii, kwa hiyo sitakisia. Muulize mhudumu wa afya au mwalimu, \
             au niulize tena kwa maneno mengine.",
        ar: "ليس لدي مصدر لهذا، لذلك لن أخمّن. اسأل عاملًا صحيًا أو معلّمًا، أو اسألني مرة أخرى \
             بكلمات أخرى.",
    }
    .to(language)
}

/// Said where nothing in the message could be looked up.
#[must_use]
pub fn not_understood(language: &Language) -> &'static str {
    Said {
        en: "I did not understand that, and I have no source for it. Write one question in a few \
             plain words, for example: How do I treat a burn?",
        fr: "Je n'ai pas compris, et je n'ai pas de source pour cela. Écrivez une question en \
             quelques mots simples, par exemple : comment soigner une brûlure ?",
        sw: "Sikuelewa, na sina chanzo cha habari hii. Andika swali moja kwa maneno machache \
             rahisi, kwa mfano: Nitibuje jeraha la moto?",
        ar: "لم أفهم ذلك وليس لدي مصدر له. اكتب سؤالًا واحدًا بكلمات بسيطة قليلة، مثل: كيف أعالج \
             حرقًا؟",
    }
    .to(language)
}

/// Said to a message that tries to command the box and asks nothing.
#[must_use]
pub fn not_for_me(language: &Language) -> &'static str {
    Said {
        en: "I only answer questions, from the sources on this box. I have no source for that.",
        fr: "Je réponds seulement à des questions, à partir des sources de cette boîte. Je n'ai \
             pas de source pour cela.",
        sw: "Ninajibu maswali tu, kutoka vyanzo vilivyo kwenye kisanduku hiki. Sina chanzo cha \
             habari hii.",
        ar: "أجيب عن الأسئلة فقط، من المصادر الموجودة في هذا الصندوق. ليس لدي مصدر لهذا.",
    }
    .to(language)
}

/// Said where a reviewer withdrew the answer.
#[must_use]
pub fn withdrawn(language: &Language) -> &'static str {
    Said {
        en: "A health worker or teacher has withdrawn the answer to this question. Ask one of \
             them.",
        fr: "Un agent de santé ou un enseignant a retiré la réponse à cette question. \
             Demandez-lui.",
        sw: "Mhudumu wa afya au mwalimu ameondoa jibu la swali hili. Muulize mmoja wao.",
        ar: "سحب عامل صحي أو معلّم الإجابة عن هذا السؤال. اسأل أحدهم.",
    }
    .to(language)
}

/// Shown beside what a model wrote without a source, where the site allows that.
#[must_use]
pub fn without_source(language: &Language) -> &'static str {
    Said {
        en: "The model wrote this without any source. It may be wrong. Ask a health worker or a \
             teacher before you act on it.",
        fr: "Le modèle a écrit ceci sans aucune source. Cela peut être faux. Demandez à un agent \
             de santé ou à un enseignant avant d'agir.",
        sw: "Modeli imeandika haya bila chanzo chochote. Huenda si sahihi. Muulize mhudumu wa afya \
             au mwalimu kabla ya kufuata.",
        ar: "كتب النموذج هذا من دون أي مصدر. قد يكون خطأ. اسأل عاملًا صحيًا أو معلّمًا قبل أن \
             تعمل به.",
    }
    .to(language)
}

/// Said where a question was given up on because the box died too often while it was written.
#[must_use]
pub fn gave_up(language: &Language) -> &'static str {
    Said {
        en: "I could not answer this question: each time I tried, the box stopped. Ask it in other \
             words, or ask a health worker or a teacher.",
        fr: "Je n'ai pas pu répondre : à chaque essai, la boîte s'est arrêtée. Posez la question \
             avec d'autres mots, ou demandez à un agent de santé ou à un enseignant.",
        sw: "Sikuweza kujibu swali hili: kila nilipojaribu, kisanduku kilizimika. Uliza kwa maneno \
             mengine, au muulize mhudumu wa afya au mwalimu.",
        ar: "لم أستطع الإجابة عن هذا السؤال: توقف الصندوق في كل محاولة. اسأل بكلمات أخرى، أو اسأل \
             عاملًا صحيًا أو معلّمًا.",
    }
    .to(language)
}

/// Said where a question waited so long that nobody can want the answer any more.
#[must_use]
pub fn too_old(language: &Language) -> &'static str {
    Said {
        en: "This question waited too long, so I stopped. Ask it again if you still need the \
             answer.",
        fr: "Cette question a attendu trop longtemps, donc j'ai arrêté. Posez-la encore si vous \
             avez toujours besoin de la réponse.",
        sw: "Swali hili lilisubiri muda mrefu mno, kwa hiyo niliacha. Uliza tena kama bado \
             unahitaji jibu.",
        ar: "انتظر هذا السؤال طويلًا فتوقفت. اسأله مرة أخرى إن كنت ما زلت تحتاج إلى الإجابة.",
    }
    .to(language)
}

/// Said where the model failed on a question.
#[must_use]
pub fn could_not_write(language: &Language) -> &'static str {
    Said {
        en: "I could not write an answer to this question. Ask it in other words, or ask a health \
             worker or a teacher.",
        fr: "Je n'ai pas pu écrire de réponse. Posez la question avec d'autres mots, ou demandez à \
             un agent de santé ou à un enseignant.",
        sw: "Sikuweza kuandika jibu la swali hili. Uliza kwa maneno mengine, au muulize mhudumu wa \
             afya au mwalimu.",
        ar: "لم أستطع كتابة إجابة عن هذا السؤال. اسأل بكلمات أخرى، أو اسأل عاملًا صحيًا أو معلّمًا.",
    }
    .to(language)
}
