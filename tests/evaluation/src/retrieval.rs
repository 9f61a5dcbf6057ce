//! Measures retrieval on a box that holds as much as one may:
//!
//! ```text
//! cargo run --release -p evaluation --bin retrieval -- [ENTRIES] [PASSAGES]
//! ```
//!
//! It fills a store in a temporary folder with 20,000 entries and 200,000 passages of documents, made of
//! invented words that are as unevenly common as real ones (Zipf), beside the real packs, and prints how
//! long each kind of search takes. Vectors are random: their contents do not change the time.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use answer::desk::{Answer, AnswerCode, Channel, Origin, Source};
use answer::finding::{Finder, Next};
use answer::limits::CANDIDATES_MAX;
use answer::ports::{Accepting, Journal, Library, Making, Which};
use answer::question::{CacheKey, Language, QuestionText};
use answer::relevance::Query;
use answer::review::{Decision, List};
use answer::{danger, guard};
use fastrand::Rng;
use store::limits::DOCUMENT_BATCH;
use store::{By, DocumentPack, DocumentPassage, KnowledgePack, Rules, Store};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const ENCODER: &str = "random";
const WIDTH: usize = 384;
const WORDS: usize = 60_000;
const WORDS_OF_PASSAGE: usize = 90;
const QUESTIONS: usize = 200;

/// Words of which the n-th is n times rarer than the first.
struct Zipf {
    words: Vec<String>,
    sums: Vec<f64>,
    rng: Rng,
}

impl Zipf {
    fn new(seed: u64) -> Self {
        const SYLLABLES: [&str; 24] = [
            "ba", "ke", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro",
            "su", "ta", "ve", "wi", "xo", "zu", "bra", "ste", "tri", "plo",
        ];
        let mut rng = Rng::with_seed(seed);
        let mut word = || {
            let syllables = rng.usize(2..5);
            (0..syllables).map(|_| SYLLABLES[rng.usize(..SYLLABLES.len())]).collect::<String>()
        };
        let words: Vec<String> = (0..WORDS).map(|_| word()).collect();
        let mut sum = 0.0;
        let sums = (1..=WORDS)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { words, sums, rng }
    }

    fn text(&mut self, words: usize) -> String {
        let mut text = String::new();
        for _ in 0..words {
            let at = self.rng.f64() * self.sums[WORDS - 1];
            let rank = self.sums.partition_point(|sum| *sum < at).min(WORDS - 1);
            let _ = write!(text, "{} ", self.words[rank]);
        }
        text.trim_end().to_owned()
    }

    fn vector(&mut self) -> Vec<i8> {
        (0..WIDTH).map(|_| self.rng.i8(-12..=12)).collect()
    }
}

fn main() -> Result<()> {
    let mut counts = env::args().skip(1).map(|argument| argument.parse::<usize>());
    let entries = counts.next().transpose()?.unwrap_or(20_000);
    let passages = counts.next().transpose()?.unwrap_or(200_000);
    let folder = tempfile::tempdir()?;
    let mut store = Store::open(folder.path())?.with_vectors(ENCODER, engine::nearest);
    let mut zipf = Zipf::new(20_261_121);
    timed("loading the packs of the box", || load_real(&mut store))?;
    timed("loading entries", || load_entries(&mut store, &mut zipf, entries))?;
    timed("loading passages", || load_passages(&mut store, &mut zipf, passages))?;
    println!("database without vectors: {} MiB", size(folder.path())? >> 20);
    let mut asked: Vec<String> = (0..QUESTIONS / 2).map(|_| zipf.text(7)).collect();
    asked.extend(real_questions()?.into_iter().take(QUESTIONS / 2));
    timed("first search", || search(&store, &asked[0], None).map(drop))?;
    measure("worded", &asked, |question| {
        let text = QuestionText::parse(question).map_err(|error| format!("{error:?}"))?;
        Ok(store.worded(&CacheKey::of(&text), &Language::english()).map(drop)?)
    })?;
    measure("search by words", &asked, |question| search(&store, question, None).map(drop))?;
    timed("keeping vectors", || put_vectors(&mut store, &mut zipf))?;
    let vector = zipf.vector();
    timed("first search with vectors", || {
        search(&store, &asked[0], Some(vector.clone())).map(drop)
    })?;
    measure("search by words and vectors", &asked, |question| {
        search(&store, question, Some(vector.clone())).map(drop)
    })?;
    whole_answers(&mut store)?;
    let (words, vectors) = store.search_bytes();
    println!("database: {} MiB", size(folder.path())? >> 20);
    println!("memory: words {} KiB, vectors {} MiB", words >> 10, vectors >> 20);
    Ok(())
}

/// What a person waits for who needs no model: from the question to its answer in the journal, without
/// the commit, which is the disk's.
fn whole_answers(store: &mut Store) -> Result<()> {
    const CACHED: &str = "How do I keep a bicycle chain from rusting in the rains?";
    const CHECKED: &str = "How do I keep the school roof from leaking in the rains?";
    let making = Making { model: "none".into(), knowledge: String::new(), prompt: 1 };
    for question in [CACHED, CHECKED] {
        let text = QuestionText::parse(question).map_err(|error| format!("{error:?}"))?;
        let mut asked = Accepting::new(text, Language::english(), Channel::Web);
        asked.general = question.into();
        let mut number = question.len() as u64;
        let mut code = || {
            AnswerCode::generate(&mut || {
                number += 1;
                number
            })
        };
        store.accept(&asked, &making, 10, &mut code)?;
        let job = store.take(Which::Next)?.ok_or("no question waits")?;
        let written = Answer {
            text: "Clean it, oil it, and keep it under a roof.".into(),
            origin: Origin::Model,
            model: Some("none".into()),
            // An answer without a source is not kept.
            sources: vec![Source { id: "shed".into(), ..Source::default() }],
            ..Answer::default()
        };
        store.finish(&job, &written, &making)?;
    }
    let by = By::default();
    let nurse = store.add_reviewer("nurse", "", &by)?;
    let rules = Rules { has_dose: &|_| false, words: &store::content_words };
    let items = store.reviews(List::Open, 0, &rules)?.items;
    let item = items.iter().find(|item| item.question == CHECKED).ok_or("not in the list")?;
    store.decide(&nurse, None, item.target, &item.version, &Decision::Approve, &rules)?;
    let languages: Vec<Language> = ["fr", "sw"].iter().filter_map(|l| Language::parse(l)).collect();
    let finder = Finder {
        library: store,
        kept: store,
        may_share: &|known, asked, language| {
            guard::may_share(known, asked, language) == guard::Verdict::Same
        },
        rules: danger::Rules::embedded(),
        card: None,
        making: &making,
        has_model: true,
        model_without_source: false,
        encode: &|_| None,
        languages: &languages,
    };
    for (what, question, origin) in [
        ("danger floor, with an entry quoted", "my wife bleeds heavily after birth", Origin::Floor),
        ("cached answer", CACHED, Origin::Cache),
        ("checked answer", CHECKED, Origin::Checked),
        (
            "checked answer, in other words",
            "please how to keep school roof from leaking in the rains",
            Origin::Checked,
        ),
    ] {
        let asked = vec![question.to_owned(); QUESTIONS];
        measure(what, &asked, |question| {
            let text = QuestionText::parse(question).map_err(|error| format!("{error:?}"))?;
            match finder.find(&text, &Language::english())?.next {
                Next::Done(answer) if answer.origin == origin => Ok(()),
                other => Err(format!("{what}: {other:?}").into()),
            }
        })?;
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load_real(store: &mut Store) -> Result<()> {
    for entry in fs::read_dir(root().join("app/store/knowledge"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            store.load(&KnowledgePack::parse(&path.to_string_lossy(), &fs::read(&path)?)?)?;
        }
    }
    Ok(())
}

fn real_questions() -> Result<Vec<String>> {
    let text = fs::read_to_string(root().join("tests/golden/answers/paraphrases.jsonl"))?;
    let mut questions = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        questions.extend(line["question"].as_str().map(str::to_owned));
    }
    Ok(questions)
}

fn load_entries(store: &mut Store, zipf: &mut Zipf, count: usize) -> Result<()> {
    let mut lines = String::from(
        "{\"format\":\"baraza-knowledge\",\"version\":1,\"name\":\"made\",\"revision\":\"2026-11\",\
         \"language\":\"en\",\"licence\":\"CC0-1.0\",\"note\":\"made\"}\n",
    );
    for entry in 0..count {
        let phrasings: Vec<String> = (0..5).map(|_| zipf.text(6)).collect();
        let line = serde_json::json!({"id": format!("e{entry}"), "language": "en",
            "topic": "school", "title": zipf.text(3), "question": zipf.text(7),
            "phrasings": phrasings, "answer": zipf.text(55),
            "source": {"publisher": "P", "title": "S", "year": 2026}, "reviewed": null});
        writeln!(lines, "{line}")?;
    }
    store.load(&KnowledgePack::parse("made", lines.as_bytes())?)?;
    Ok(())
}

fn load_passages(store: &mut Store, zipf: &mut Zipf, count: usize) -> Result<()> {
    let pack = DocumentPack {
        name: "made-documents".into(),
        revision: "2026-11".into(),
        language: "en".into(),
        licence: "CC0-1.0".into(),
        note: "made".into(),
        blake3: String::new(),
        publisher: "P".into(),
        year: 2026,
    };
    let id = store.begin_documents(&pack)?;
    for start in (0..count).step_by(DOCUMENT_BATCH) {
        let batch: Vec<DocumentPassage> = (start..count.min(start + DOCUMENT_BATCH))
            .map(|at| DocumentPassage {
                id: format!("d{at}"),
                language: "en".into(),
                title: zipf.text(3),
                section: zipf.text(2),
                text: zipf.text(WORDS_OF_PASSAGE),
                document_id: (at / 10) as i64,
                position: (at % 10) as i64,
                anchor: None,
                page: None,
            })
            .collect();
        store.add_documents(id, &pack, &batch, (0, 0))?;
    }
    store.finish_documents(id, &pack)?;
    Ok(())
}

/// One vector for each passage and, as an encoder would, one for each wording of an entry.
fn put_vectors(store: &mut Store, zipf: &mut Zipf) -> Result<()> {
    loop {
        let waiting = store.passages_without_vectors(ENCODER, 2_000)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let vectors: Vec<_> = waiting
            .iter()
            .map(|passage| {
                let wordings = passage.texts.iter().map(|_| zipf.vector()).collect();
                (passage.id, wordings)
            })
            .collect();
        store.put_vectors(ENCODER, &vectors)?;
    }
}

fn search(store: &Store, question: &str, vector: Option<Vec<i8>>) -> Result<usize> {
    let text = QuestionText::parse(question).map_err(|error| format!("{error:?}"))?;
    let language = Language::english();
    let query = Query::of(&text, &language).with_vector(vector);
    Ok(store.search(&query, &language, CANDIDATES_MAX)?.candidates.len())
}

fn size(folder: &Path) -> Result<u64> {
    Ok(fs::metadata(folder.join("baraza.db"))?.len())
}

fn timed(what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    act()?;
    println!("{what}: {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn measure(what: &str, asked: &[String], mut act: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut times: Vec<Duration> = Vec::with_capacity(asked.len());
    let before = computed();
    for question in asked {
        let start = Instant::now();
        act(question)?;
        times.push(start.elapsed());
    }
    let computed = computed().saturating_sub(before).as_secs_f64() * 1e3 / asked.len() as f64;
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    let (median, p95) = (at(0.5), at(0.95));
    println!("{what}: median {median:.2} ms, p95 {p95:.2} ms; processor {computed:.2} ms each");
    Ok(())
}

/// Time that this thread has had a processor, where the system says it (Linux); on a busy computer it
/// is less than what the clock shows.
fn computed() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}
