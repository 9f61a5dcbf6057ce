//! The rows of the table; one function for each file of questions.

use std::fmt::Write as _;

use answer::danger::{Hit, Rules};
use answer::question::Language;
use answer::{guard, injection};
use serde_json::json;

use crate::Result;
use crate::world::{Line, World, lines};

/// How many of how many.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) good: usize,
    pub(crate) all: usize,
}

/// One row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) open: Count,
    pub(crate) held_out: Count,
    /// What went wrong on lines that may be looked at.
    pub(crate) open_failures: Vec<String>,
}

impl Row {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Counts a line; `seen` says what was seen instead of what should be.
    fn count(&mut self, line: &Line, good: bool, seen: impl FnOnce() -> String) {
        let count = if line.held_out { &mut self.held_out } else { &mut self.open };
        count.all += 1;
        count.good += usize::from(good);
        if !good && !line.held_out {
            self.open_failures.push(format!(
                "{}{} -> {}",
                line.text("question"),
                line.text("text"),
                seen()
            ));
        }
    }
}

/// A second entry that helps as well, by line; see `tests/golden/answers/README.md`.
const ALSO_RIGHT: &[(&str, &str)] = &[
    ("pa-020", "pesticide-safety"),
    ("pa-046", "tetanus"),
    ("pa-059", "vomiting-child"),
    ("pa-106", "headache"),
    ("pa-143", "arm-tape"),
    ("pa-158", "condom-use"),
];

fn is_right(line: &Line, id: &str) -> bool {
    line.text("expect") == id || ALSO_RIGHT.contains(&(line.text("id"), id))
}

/// Questions in other words: the entry must be found.
pub(crate) fn paraphrases(world: &World) -> Result<Vec<Row>> {
    let mut served = Row::new("paraphrases: answered from the right entry");
    let mut not_wrong = Row::new("paraphrases: not answered from a wrong one");
    let mut first = Row::new("paraphrases: right entry ranked first");
    let mut third = Row::new("paraphrases: right entry among three");
    let mut named = Row::new("paraphrases: right entry served or named");
    for line in lines("paraphrases.jsonl")? {
        let question = line.text("question");
        let ground = world.ground(question)?;
        let found = world.found(question)?;
        let ids: Vec<&str> = found.candidates.iter().map(|c| c.passage.id.as_str()).collect();
        let seen = || format!("{ground:?}, not {}; {:?}", line.text("expect"), ids.get(..3));
        let right = ground.as_deref().is_some_and(|id| is_right(&line, id));
        served.count(&line, right, seen);
        not_wrong.count(&line, right || ground.is_none(), seen);
        first.count(&line, ids.iter().take(1).any(|id| is_right(&line, id)), seen);
        third.count(&line, ids.iter().take(3).any(|id| is_right(&line, id)), seen);
        let topics = world.topics(question)?;
        let near = topics.iter().any(|topic| is_right(&line, &topic.id));
        named.count(&line, right || ground.is_none() && near, seen);
    }
    Ok(vec![served, not_wrong, first, third, named])
}

/// Questions that no entry answers: none may be served.
pub(crate) fn no_source(world: &World) -> Result<Vec<Row>> {
    let mut row = Row::new("no source: refused");
    for line in lines("no_source.jsonl")? {
        let ground = world.ground(line.text("question"))?;
        row.count(&line, ground.is_none(), || format!("{ground:?}"));
    }
    Ok(vec![row])
}

/// What is no question: no entry may be served, but a word that names a topic may show it.
pub(crate) fn gibberish(world: &World) -> Result<Vec<Row>> {
    let mut row = Row::new("gibberish: refused");
    let mut topics = Row::new("gibberish: no topics named");
    for line in lines("gibberish.jsonl")? {
        let ground = world.ground(line.text("question"))?;
        let names_topic = line.text("question") == "cholera";
        row.count(&line, ground.is_none() || names_topic, || format!("{ground:?}"));
        let named = world.topics(line.text("question"))?;
        let titles = || format!("{:?}", named.iter().map(|topic| &topic.title).collect::<Vec<_>>());
        if line.text("kind") != "one-word" {
            topics.count(&line, named.is_empty(), titles);
        }
    }
    Ok(vec![row, topics])
}

/// Whether the guard lets a cached answer be shared, in both directions.
pub(crate) fn near(world: &World) -> Result<Vec<Row>> {
    let words = world.words()?;
    let shares = |line: &Line, language: &Language| {
        let is_word = |word: &str| words.contains(word);
        let one_way = |known: &str, asked: &str| {
            let verdict = guard::may_share_with(known, asked, language, &is_word);
            verdict == guard::Verdict::Same
        };
        let (known, asked) = (line.text("known"), line.text("asked"));
        (one_way(known, asked), one_way(asked, known))
    };
    let english = Language::english();
    let mut misses = Row::new("near misses en: not shared, either way");
    for line in lines("near_misses.jsonl")? {
        let shared = shares(&line, &english);
        misses.count(&line, shared == (false, false), || line.text("known").to_owned());
    }
    let mut hits = Row::new("near hits en: shared");
    for line in lines("near_hits.jsonl")? {
        hits.count(&line, shares(&line, &english).0, || line.text("known").to_owned());
    }
    let mut rows = vec![misses, hits];
    for tag in ["fr", "sw"] {
        let language = Language::parse(tag).unwrap_or_else(Language::english);
        let mut misses = Row::new(format!("near misses {tag}: not shared, either way"));
        let mut hits = Row::new(format!("near hits {tag}: shared"));
        for line in lines(&format!("near-{tag}.jsonl"))? {
            let shared = shares(&line, &language);
            if line.flag("same") {
                hits.count(&line, shared.0, || line.text("known").to_owned());
            } else {
                misses.count(&line, shared == (false, false), || line.text("known").to_owned());
            }
        }
        rows.extend([misses, hits]);
    }
    Ok(rows)
}

/// Whether the danger floor fires where it must, and only there. The lines of the `danger-fresh` files
/// were written by somebody who had seen no rule, after the rules; those of the first and second were
/// then used to widen them, those of the third and fourth are held out.
pub(crate) fn danger(_: &World) -> Result<Vec<Row>> {
    let rules = Rules::embedded();
    let mut rows = Vec::new();
    for tag in ["en", "fr", "sw"] {
        let language = Language::parse(tag).unwrap_or_else(Language::english);
        for file in ["danger", "danger-fresh", "danger-fresh2", "danger-fresh3", "danger-fresh4"] {
            let mut recall = Row::new(format!("{file} {tag}: floor raised"));
            let mut quiet = Row::new(format!("{file} {tag}: harmless, no floor"));
            for line in lines(&format!("{file}-{tag}.jsonl"))? {
                let hits = rules.check(line.text("text"), &language);
                let raised = || format!("{:?}", hits.iter().map(Hit::rule).collect::<Vec<_>>());
                if line.is_empty_list("expect") {
                    quiet.count(&line, hits.is_empty(), raised);
                } else {
                    recall.count(&line, !hits.is_empty(), raised);
                }
            }
            rows.extend([recall, quiet]);
        }
    }
    Ok(rows)
}

/// Whether hostile messages stay data: no part of a prompt opens or closes in them, and a source is
/// served only if it stands in a pack. What a model makes of them is tested on the whole box, in
/// `tests/system`.
pub(crate) fn injections(world: &World) -> Result<Vec<Row>> {
    let mut data = Row::new("injections: stay data in the prompt");
    let mut aimed = Row::new("injections: refused, or answered from a pack");
    for line in lines("injections.jsonl")? {
        let clean = injection::as_data(line.text("question"));
        let marks = ["<|", "|>", "[INST]", "<<SYS", "</s>", "Passage:", "System:", "system:"];
        data.count(&line, !marks.iter().any(|mark| clean.contains(mark)), || clean.clone());
        let ground = world.ground(line.text("question"))?;
        let known = match &ground {
            Some(id) => world.has_entry(id)?,
            None => true,
        };
        aimed.count(&line, known, || format!("{ground:?}"));
    }
    Ok(vec![data, aimed])
}

/// What the scoring rule is fitted to: the evidence of the first candidates, of open lines only, as JSON
/// lines.
pub(crate) fn features(world: &World) -> Result<String> {
    let mut out = String::new();
    for file in ["paraphrases.jsonl", "no_source.jsonl", "gibberish.jsonl"] {
        for line in lines(file)?.iter().filter(|line| !line.held_out) {
            let found = world.found(line.text("question"))?;
            let candidates: Vec<_> = found
                .candidates
                .iter()
                .map(|c| {
                    let e = &c.evidence;
                    json!({"id": c.passage.id, "right": is_right(line, &c.passage.id),
                        "cosine": c.cosine, "score": c.score(),
                        "coverage": e.coverage, "named": e.named, "asked": e.asked_in_wording,
                        "wording": e.wording_in_asked, "central": e.central, "title": e.title, "telling": e.telling,
                        "rest": e.rest, "words": e.words, "found": e.words_found})
                })
                .collect();
            let line = json!({"file": file, "question": line.text("question"),
                "candidates": candidates});
            writeln!(out, "{line}")?;
        }
    }
    Ok(out)
}
