//! Pictures of the pages, for people to look at: `tests/system/screenshots/`, not in version
//! control. What can be checked without eyes is checked: nothing is wider than the screen, and
//! everything that can be touched is large enough for a thumb.

use std::fs;
use std::path::Path;

use answer::desk::{Check, Origin, Stage, Topic};

use crate::support::browser::{Browser, Setup};
use crate::support::desk::{CODE, PLACE, Staged, StagedDesk, answer, floor};

/// What a page shows, and where it is found.
struct Scene {
    name: &'static str,
    path: String,
    set: fn(&StagedDesk, &Content),
}

/// People's words in one language.
struct Content {
    language: &'static str,
    question: &'static str,
    answer: &'static str,
    source: &'static str,
    passage: &'static str,
    danger: &'static str,
    no_source: &'static str,
    failure: &'static str,
}

const ENGLISH: Content = Content {
    language: "en",
    question: "How do I make sugar and salt water for a child with diarrhoea?",
    answer: "Mix six level teaspoons of sugar and half a level teaspoon of salt in one litre of \
             safe water.\nGive it in small sips after each loose stool.",
    source: "Oral rehydration at home (World Health Organization)",
    passage: "Wash your hands. Take one litre of safe water, six level teaspoons of sugar and half \
              a level teaspoon of salt. Stir until all is dissolved. Use it within one day.",
    danger: "Fits in a child are a sign of danger. Go to a health facility NOW: 0722 345 678. On \
             the way keep the child warm and lying on the side.",
    no_source: "The box carries nothing about this. Ask a health worker or a teacher.",
    failure: "The model stopped while it wrote this answer. Ask again in a few minutes.",
};

const ARABIC: Content = Content {
    language: "ar",
    question: "كيف أحضّر محلول السكر والملح لطفل مصاب بالإسهال؟",
    answer: "امزج ست ملاعق صغيرة ممسوحة من السكر ونصف ملعقة صغيرة ممسوحة من الملح في لتر واحد من \
             الماء النظيف.\nأعطه للطفل رشفات صغيرة بعد كل براز رخو.",
    source: "معالجة الجفاف في المنزل (منظمة الصحة العالمية)",
    passage: "اغسل يديك. خذ لتراً واحداً من الماء النظيف وست ملاعق صغيرة ممسوحة من السكر ونصف ملعقة \
              صغيرة ممسوحة من الملح. حرّك حتى يذوب كل شيء. استعمله خلال يوم واحد.",
    danger: "التشنجات عند الطفل علامة خطر. اذهب إلى مرفق صحي الآن: 0722 345 678. في الطريق أبقِ \
             الطفل دافئاً ومستلقياً على جنبه.",
    no_source: "لا يوجد في الجهاز شيء عن هذا. اسأل عاملاً صحياً أو معلّماً.",
    failure: "توقف النموذج أثناء كتابة هذا الجواب. اسأل من جديد بعد بضع دقائق.",
};

fn scenes() -> [Scene; 14] {
    let scene = |name, set| Scene { name, path: format!("/a/{CODE}"), set };
    [
        Scene { name: "1-first", path: "/".into(), set: |_, _| {} },
        scene("2-waiting", |desk, content| {
            let stage = Stage::Waiting { ahead: 2, wait_s: Some(100) };
            desk.put(content.question, content.language, stage);
        }),
        scene("3-writing", |desk, content| {
            let half = content.answer.chars().take(content.answer.chars().count() / 2).collect();
            desk.put(content.question, content.language, Stage::Writing { so_far: half });
        }),
        scene("4-answer", |desk, content| {
            let answer = answer(content.answer, content.source, content.passage);
            desk.put(content.question, content.language, Stage::Done(answer));
        }),
        scene("5-checked", |desk, content| {
            let mut answer = answer(content.answer, content.source, content.passage);
            (answer.origin, answer.model, answer.notice) = (Origin::Checked, None, None);
            answer.check = Some(Check { role: "nurse".into(), on: Some("2026-03-31".into()) });
            answer.sources[0].reviewed = true;
            desk.put(content.question, content.language, Stage::Done(answer));
        }),
        scene("6-no-source", |desk, content| {
            let mut answer = answer(content.no_source, "", "");
            (answer.origin, answer.model, answer.notice) = (Origin::None, None, None);
            answer.sources.clear();
            let (title, question) = (content.source.to_owned(), content.question.to_owned());
            answer.topics = vec![Topic { title, question }];
            desk.put(content.question, content.language, Stage::Done(answer));
        }),
        scene("7-failed", |desk, content| {
            let reason = content.failure.to_owned();
            desk.put(content.question, content.language, Stage::Failed { reason });
        }),
        scene("10-danger", |desk, content| {
            desk.warn(Some(floor(content.danger, content.language)));
            let answer = answer(content.answer, content.source, content.passage);
            desk.put(content.question, content.language, Stage::Done(answer));
        }),
        Scene { name: "11-source", path: format!("/s/{PLACE}"), set: |desk, _| desk.warn(None) },
        Scene { name: "12-delete", path: format!("/a/{CODE}/delete"), set: |_, _| {} },
        Scene { name: "13-deleted", path: "/deleted".into(), set: |_, _| {} },
        Scene { name: "14-status", path: "/status".into(), set: |_, _| {} },
        Scene { name: "8-no-such-code", path: "/a/X".into(), set: |_, _| {} },
        Scene { name: "9-wrong-method", path: "/ask".into(), set: |_, _| {} },
    ]
}

/// Elements that reach beyond the screen, and targets smaller than 48 by 48 CSS pixels.
pub(super) const FAULTS: &str = "
    var faults = [], wide = document.documentElement.clientWidth;
    document.querySelectorAll('body *').forEach(function (element) {
        var box = element.getBoundingClientRect();
        var name = element.tagName + ' ' + element.textContent.trim().slice(0, 20);
        if (box.left < -0.5 || box.right > wide + 0.5) { faults.push('beyond: ' + name); }
        var target = element.matches('a, button, summary, input:not([type=hidden]), textarea');
        if (target && box.width > 0 && (box.height < 48 || box.width < 48)) {
            faults.push('small: ' + name + ' ' + box.width + 'x' + box.height);
        }
    });
    return faults.join('\\n');";

/// Text whose colour stands out less than 7 to 1 from what is behind it (WCAG 2.2, 1.4.6).
pub(super) const FAINT: &str = "
    function light(colour) {
        var parts = colour.match(/[0-9.]+/g).map(Number).slice(0, 3).map(function (part) {
            part /= 255;
            return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    }
    function behind(element) {
        for (; element; element = element.parentElement) {
            var colour = getComputedStyle(element).backgroundColor;
            if (!/, 0\\)$/.test(colour)) { return colour; }
        }
        return 'rgb(255, 255, 255)';
    }
    var faint = [];
    document.querySelectorAll('body *').forEach(function (element) {
        var own = Array.prototype.some.call(element.childNodes, function (node) {
            return node.nodeType === 3 && node.textContent.trim();
        });
        if (!own || element.tagName === 'NOSCRIPT') { return; }
        var a = light(getComputedStyle(element).color), b = light(behind(element));
        var contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 7) { faint.push(contrast.toFixed(1) + ' ' + element.textContent.trim()); }
    });
    return faint.join('\\n');";

fn look_at(setup: Setup) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    let box_ = Staged::start(web::Options::default());
    let Some(browser) = Browser::start(setup) else { return };
    let (width, height) = setup.size;
    for content in [ENGLISH, ARABIC] {
        for scene in scenes() {
            (scene.set)(&box_.desk, &content);
            browser.go(&box_.url(&format!("{}?lang={}", scene.path, content.language)));
            let name = format!("{}-{}-{width}x{height}", scene.name, content.language);
            assert_eq!(browser.script(FAULTS), "", "{name}");
            assert_eq!(browser.script(FAINT), "", "{name}");
            fs::write(folder.join(format!("{name}.png")), browser.picture(false)).unwrap();
            fs::write(folder.join(format!("{name}-whole.png")), browser.picture(true)).unwrap();
        }
    }
}

#[test]
fn on_a_phone() {
    look_at(Setup::PHONE);
}

#[test]
fn on_a_phone_with_keys() {
    look_at(Setup { size: (240, 320), ..Setup::PHONE });
}

#[test]
fn on_a_laptop() {
    look_at(Setup::LAPTOP);
}
