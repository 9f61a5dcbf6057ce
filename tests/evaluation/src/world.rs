//! A box with all packs, the questions it is judged by, and vectors if there are any.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use answer::answering::{Ground, find_ground};
use answer::limits::CANDIDATES_MAX;
use answer::passage::Passage;
use answer::ports::Library;
use answer::question::{Language, QuestionText};
use answer::relevance::{Found, Query};
use engine::{Encoder, EncoderOptions, quantize_unit};
use model_pack::Pack;
use serde_json::Value;
use store::{KnowledgePack, Store};

use crate::Result;

/// A box to ask.
pub(crate) struct World {
    store: Store,
    encoder: Option<RefCell<Encoder>>,
    _folder: tempfile::TempDir,
}

/// One line of a file of questions.
pub(crate) struct Line {
    value: Value,
    /// True if no choice may rest on it.
    pub(crate) held_out: bool,
}

impl Line {
    /// A text of the line, empty if it has none such.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.value[name].as_str().unwrap_or_default()
    }
}

impl Line {
    /// True if the line says so.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.value[name].as_bool().unwrap_or_default()
    }

    /// True if a list of the line is empty or missing.
    pub(crate) fn is_empty_list(&self, name: &str) -> bool {
        self.value[name].as_array().is_none_or(Vec::is_empty)
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reads a file of `tests/golden/answers`.
pub(crate) fn lines(name: &str) -> Result<Vec<Line>> {
    let text = fs::read_to_string(root().join("tests/golden/answers").join(name))?;
    let line = |line: &str| -> Result<Line> {
        let value: Value = serde_json::from_str(line)?;
        let held_out = value["held_out"].as_bool().unwrap_or_default();
        Ok(Line { value, held_out })
    };
    text.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
}

impl World {
    /// Loads every pack of `app/store/knowledge`, and makes their vectors with an encoder's pack.
    pub(crate) fn open(encoder: Option<&Path>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut store = Store::open(folder.path())?;
        let encoder = match encoder {
            Some(path) => Some(Encoder::open(Pack::open(path)?, &EncoderOptions::default())?),
            None => None,
        };
        if let Some(encoder) = &encoder {
            store = store.with_vectors(encoder.id(), engine::nearest);
        }
        let mut packs: Vec<PathBuf> = fs::read_dir(root().join("app/store/knowledge"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        packs.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        packs.sort();
        for path in packs {
            store.load(&KnowledgePack::parse(&path.to_string_lossy(), &fs::read(&path)?)?)?;
        }
        let mut encoder = encoder;
        if let Some(encoder) = &mut encoder {
            let id = encoder.id().to_owned();
            let mut put = Vec::new();
            for passage in store.passages_without_vectors(&id, usize::from(u16::MAX))? {
                let texts: Vec<&str> = passage.texts.iter().map(String::as_str).collect();
                let vectors = encoder.encode(&texts)?;
                put.push((passage.id, vectors.iter().map(|v| quantize_unit(v)).collect()));
            }
            store.put_vectors(&id, &put)?;
        }
        Ok(Self { store, encoder: encoder.map(RefCell::new), _folder: folder })
    }

    /// The words of every pack's entries, lower case.
    pub(crate) fn words(&self) -> Result<HashSet<String>> {
        let mut words = HashSet::new();
        for passage in self.store.all_passages()? {
            let text = format!("{} {} {}", passage.title, passage.question, passage.text);
            let letters = |c: char| !c.is_alphanumeric();
            words.extend(text.to_lowercase().split(letters).map(str::to_owned));
        }
        Ok(words)
    }

    fn query(&self, question: &str) -> Result<(QuestionText, Query)> {
        let text = QuestionText::parse(question).map_err(|error| format!("{error:?}"))?;
        let query = Query::of(&text, &Language::english());
        let vector = match &self.encoder {
            Some(encoder) => {
                let vectors = encoder.borrow_mut().encode(&[text.as_str()])?;
                vectors.first().map(|vector| quantize_unit(vector))
            }
            None => None,
        };
        Ok((text, query.with_vector(vector)))
    }

    /// The passage that the box answers from, if any.
    pub(crate) fn ground(&self, question: &str) -> Result<Option<String>> {
        let (text, query) = self.query(question)?;
        let ground = find_ground(&text, &Language::english(), query.vector, &self.store)?;
        Ok(match ground {
            Ground::Passage(passage) => Some(passage.id),
            _ => None,
        })
    }

    /// All that it considers, best first.
    pub(crate) fn found(&self, question: &str) -> Result<Found> {
        let (_, query) = self.query(question)?;
        Ok(self.store.search(&query, &Language::english(), CANDIDATES_MAX)?)
    }

    /// True if an entry of a pack has this identifier.
    pub(crate) fn has_entry(&self, id: &str) -> Result<bool> {
        Ok(self.store.all_passages()?.iter().any(|passage| passage.id == id))
    }

    /// The topics that it names where it has no source.
    pub(crate) fn topics(&self, question: &str) -> Result<Vec<Passage>> {
        let (_, query) = self.query(question)?;
        let limit = answer::limits::TOPICS_MAX;
        Ok(self.store.nearest_topics(&query, &Language::english(), limit)?)
    }
}
