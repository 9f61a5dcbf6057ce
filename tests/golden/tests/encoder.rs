//! Sentence encoders against onnxruntime, with every kernel that this processor has, and against
//! themselves in other batches.
//!
//! `tests/fixtures/encoder.py` made the models and the reference. The tiny one is in the
//! repository; `BARAZA_FIXTURES` names a folder with more of them (the real one that CI fetches).

use engine::{Encoder, EncoderOptions, Engine, Options, quantize_unit};
use model_pack::Pack;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Least cosine with onnxruntime's float32: weights rounded to 8 bits, activations kept.
const F32_COSINE: f64 = 0.999;
/// The same with activations rounded to 8 bits.
const INT8_COSINE: f64 = 0.99;
/// Least share of questions that find the same entry first as with onnxruntime's vectors; some
/// entries are a thousandth apart.
const SAME_FIRST: f64 = 0.95;
/// Texts of a fixture up to which every kernel is run on it, the slow ones included.
const FEW_TEXTS: usize = 64;

/// The encoders in the repository.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/encoders")
}

/// Folders with `model/`, `texts.json` and `embeddings.npy`.
fn fixtures() -> Vec<PathBuf> {
    let mut folders = vec![own()];
    folders.extend(std::env::var_os("BARAZA_FIXTURES").map(PathBuf::from));
    let list = |folder: &PathBuf| {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
        entries.map(|entry| entry.expect("entry").path()).collect::<Vec<_>>()
    };
    let mut found: Vec<PathBuf> = folders.iter().flat_map(list).collect();
    found.retain(|path| path.join("embeddings.npy").is_file());
    found.sort();
    assert!(!found.is_empty(), "one encoder ships with the repository");
    found
}

/// A fixture, imported.
struct Fixture {
    name: String,
    content: Value,
    expected: Vec<f32>,
    pack: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn read(path: &Path) -> Fixture {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pack = folder.path().join("pack");
        model_import::import(&path.join("model"), &pack, &mut |_| {})
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let texts = std::fs::read(path.join("texts.json")).expect("texts.json");
        let vectors = std::fs::read(path.join("embeddings.npy")).expect("embeddings.npy");
        Fixture {
            name: path.file_name().unwrap_or_default().display().to_string(),
            content: serde_json::from_slice(&texts).expect("JSON"),
            expected: npyz::NpyFile::new(&vectors[..]).expect("npy").into_vec().expect("float32"),
            pack,
            _folder: folder,
        }
    }

    fn texts(&self) -> Vec<&str> {
        let texts = self.content["texts"].as_array().expect("texts");
        texts.iter().map(|text| text.as_str().expect("a text")).collect()
    }

    fn open(&self, kernel: Option<&str>, f32_activations: bool) -> Encoder {
        let mut options = EncoderOptions::default();
        options.threads = Some(2);
        options.kernel = kernel.map(str::to_owned);
        options.f32_activations = f32_activations;
        let pack = Pack::open(&self.pack).expect("a good pack");
        Encoder::open(pack, &options).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    fn encode(&self, kernel: Option<&str>, f32_activations: bool) -> Vec<Vec<f32>> {
        self.open(kernel, f32_activations).encode(&self.texts()).expect("vectors")
    }

    /// What onnxruntime makes of the texts.
    fn reference(&self) -> Vec<Vec<f32>> {
        let width = self.expected.len() / self.texts().len();
        self.expected.chunks_exact(width).map(<[f32]>::to_vec).collect()
    }
}

/// The cosine of two vectors of length 1.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "width");
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn vectors_agree_with_onnxruntime() {
    let mut failures = vec![];
    println!("encoder                   texts   int8 least    mean       f32 least    mean");
    for fixture in fixtures().iter().map(|path| Fixture::read(path)) {
        let reference = fixture.reference();
        let mut line = format!("{:24} {:6}", fixture.name, reference.len());
        for (f32_activations, bound) in [(false, INT8_COSINE), (true, F32_COSINE)] {
            let found = fixture.encode(None, f32_activations);
            assert_eq!(found.len(), reference.len());
            for vector in &found {
                assert!((cosine(vector, vector) - 1.0).abs() < 1e-5, "length 1");
            }
            let cosines: Vec<f64> =
                found.iter().zip(&reference).map(|(a, b)| cosine(a, b)).collect();
            let least = cosines.iter().copied().fold(f64::INFINITY, f64::min);
            let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
            line += &format!("    {least:.6}  {mean:.6}");
            if least < bound {
                failures.push(format!("{}: {least} < {bound}", fixture.name));
            }
            let few = reference.len() <= FEW_TEXTS;
            for kernel in engine::kernels().into_iter().skip(1).filter(|_| few) {
                let same = fixture.encode(Some(kernel), f32_activations) == found;
                assert!(same, "{}: {kernel} gives other bits", fixture.name);
            }
        }
        println!("{line}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The tolerance is zero.
#[test]
fn a_text_has_one_vector_whoever_stands_beside_it() {
    let fixture = Fixture::read(&own().join("tiny_bert"));
    let texts = fixture.texts();
    let mut encoder = fixture.open(None, false);
    let together = encoder.encode(&texts).expect("vectors");
    for (text, vector) in texts.iter().zip(&together) {
        let alone = encoder.encode(&[*text]).expect("a vector");
        assert!(alone[0] == *vector, "{text:?}");
    }
    let many: Vec<&str> = texts.iter().rev().cycle().take(100).copied().collect();
    let shuffled = encoder.encode(&many).expect("vectors");
    for (i, vector) in shuffled.iter().enumerate() {
        assert!(*vector == together[texts.len() - 1 - i % texts.len()], "{i}");
    }
    assert!(encoder.encode(&[]).expect("nothing").is_empty());
    // Far beyond what is read, and cut inside a character.
    let long = "\u{1F4A7}é ".repeat(40_000);
    assert_eq!(encoder.encode(&[&long]).expect("a vector")[0].len(), encoder.width());
}

#[test]
fn each_kind_of_pack_is_refused_by_the_other() {
    let fixture = Fixture::read(&own().join("tiny_bert"));
    let pack = Pack::open(&fixture.pack).expect("a good pack");
    assert_eq!(pack.manifest().format, 2);
    let error = Engine::open(pack, &Options::default()).expect_err("refused").to_string();
    assert!(error.contains("is a sentence encoder: it finds passages and cannot write"), "{error}");
    let nano = Pack::from_static(nano::FILES).expect("whole");
    let error = Encoder::open(nano, &EncoderOptions::default()).expect_err("refused").to_string();
    assert!(error.contains("is a language model and no sentence encoder"), "{error}");
    let encoder = fixture.open(None, false);
    let (name, hash) = encoder.id().rsplit_once('@').expect("name@hash");
    assert_eq!((name, hash.len()), (encoder.manifest().model.name.as_str(), 16));
    assert!(encoder.nearest(&[0; 65], &[0; 64], 1).is_err());
}

/// What a question finds.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// The entry that comes first.
    first: usize,
    /// The place of the one that was meant, counted from 0.
    rank: usize,
}

/// Puts all entries in order for each question; an entry counts with the best of its texts.
fn search(content: &Value, cosines: impl Fn(usize, usize) -> f64) -> Vec<Found> {
    let numbers = |value: &Value| -> Vec<usize> {
        let list = value.as_array().expect("a list").iter();
        list.map(|n| n.as_u64().expect("a number") as usize).collect()
    };
    let entries: Vec<Vec<usize>> =
        content["entries"].as_array().expect("entries").iter().map(numbers).collect();
    let questions = content["questions"].as_array().expect("questions").iter();
    questions
        .map(|pair| {
            let pair = numbers(pair);
            let score = |entry: usize| {
                let of = |text: &usize| cosines(pair[0], *text);
                entries[entry].iter().map(of).fold(f64::NEG_INFINITY, f64::max)
            };
            let mut order: Vec<(usize, f64)> = (0..entries.len()).map(|i| (i, score(i))).collect();
            order.sort_by(|a, b| b.1.total_cmp(&a.1));
            let rank = order.iter().position(|(entry, _)| *entry == pair[1]).expect("an entry");
            Found { first: order[0].0, rank }
        })
        .collect()
}

/// Share of questions whose entry is among the first `places`.
fn top(found: &[Found], places: usize) -> f64 {
    found.iter().filter(|found| found.rank < places).count() as f64 / found.len() as f64
}

/// Real models only: what retrieval makes of our vectors is what it makes of onnxruntime's.
#[test]
fn retrieval_agrees_with_onnxruntime() {
    for fixture in fixtures().iter().map(|path| Fixture::read(path)) {
        if fixture.content.get("questions").is_none() {
            continue;
        }
        let reference = fixture.reference();
        let of = |vectors: &[Vec<f32>]| {
            search(&fixture.content, |a, b| cosine(&vectors[a], &vectors[b]))
        };
        let expected = of(&reference);
        let report = |what: &str, found: &[Found]| {
            let same = found.iter().zip(&expected).filter(|(a, b)| a.first == b.first).count();
            let same = same as f64 / expected.len() as f64;
            println!(
                "{:16} {what:22} top-1 {:.4}  top-3 {:.4}  first as onnxruntime's {same:.4}",
                fixture.name,
                top(found, 1),
                top(found, 3)
            );
            same
        };
        report("onnxruntime, float32", &expected);
        let vectors = fixture.encode(None, false);
        let floats = report("ours, int8", &of(&vectors));
        let quants: Vec<Vec<i8>> = vectors.iter().map(|v| quantize_unit(v)).collect();
        let dot = |a: usize, b: usize| -> f64 {
            let (a, b) = (&quants[a], &quants[b]);
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let rounded = report("ours, vectors in 8 bits", &search(&fixture.content, dot));
        let bound = SAME_FIRST;
        assert!(floats >= bound && rounded >= bound, "{}: {floats} {rounded}", fixture.name);
    }
}
