//! Our engine against onnxruntime on the same int4 graphs, with every kernel that this processor has, and
//! against itself on other batches.
//!
//! `tests/fixtures/generate.py` made the models and onnxruntime's logits. The small ones are in the
//! repository; `BARAZA_FIXTURES` names a folder with more of them (the larger shapes that CI makes).

use engine::{Batch, Engine, Options, Place};
use model_pack::Pack;
use std::path::{Path, PathBuf};

/// Worst correlation over positions with onnxruntime's int8 path. Two correct int8 paths differ by
/// the rounding of activations, here done before sums of up to 256 columns.
const INT8_CORRELATION: f64 = 0.998;
/// With f32 activations on both sides only the order of sums differs, and the f16 KV cache.
const F32_CORRELATION: f64 = 0.9999;

/// Folders with `model/`, `tokens.npy`, `logits_int8.npy`, `logits_f32.npy`.
fn fixtures() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/onnx");
    let mut folders = vec![own];
    folders.extend(std::env::var_os("BARAZA_FIXTURES").map(PathBuf::from));
    let list = |folder: &PathBuf| {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
        entries.map(|entry| entry.expect("entry").path()).collect::<Vec<_>>()
    };
    let mut found: Vec<PathBuf> = folders.iter().flat_map(list).collect();
    found.retain(|path| path.join("tokens.npy").is_file());
    found.sort();
    assert!(found.len() >= 2, "at least two models ship with the repository");
    found
}

fn tokens(fixture: &Path) -> Vec<u32> {
    let bytes = std::fs::read(fixture.join("tokens.npy")).expect("tokens.npy");
    let ids: Vec<i64> = npyz::NpyFile::new(&bytes[..]).expect("npy").into_vec().expect("int64");
    ids.iter().map(|id| u32::try_from(*id).expect("a token id")).collect()
}

fn expected(fixture: &Path, name: &str) -> Vec<f32> {
    let bytes = std::fs::read(fixture.join(name)).expect("logits");
    npyz::NpyFile::new(&bytes[..]).expect("npy").into_vec().expect("float32")
}

/// Imports the fixture's model and opens it with the best kernel.
fn open(fixture: &Path, folder: &Path, f32_activations: bool) -> Engine {
    open_with(None, fixture, folder, f32_activations)
}

fn open_with(kernel: Option<&str>, fixture: &Path, folder: &Path, f32_activations: bool) -> Engine {
    let pack = folder.join("pack");
    if !pack.exists() {
        let options = model_import::ImportOptions { allow_missing_tokenizer: true };
        model_import::import_with(&fixture.join("model"), &pack, options, &mut |_| {})
            .unwrap_or_else(|e| panic!("{}: {e}", fixture.display()));
    }
    let mut options = Options::default();
    options.f32_activations = f32_activations;
    options.threads = Some(2);
    options.kernel = kernel.map(str::to_owned);
    Engine::open(Pack::open(&pack).expect("a good pack"), &options)
        .unwrap_or_else(|e| panic!("{}: {e}", fixture.display()))
}

/// Pearson's correlation.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |x: &[f32]| x.iter().map(|v| f64::from(*v)).sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    ab / (aa * bb).sqrt()
}

/// Worst correlation over positions, and the share of positions with the same top token.
fn compare(found: &[f32], expected: &[f32], vocab: usize) -> (f64, f64) {
    assert_eq!(found.len(), expected.len(), "logits");
    let top =
        |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(id, _)| id);
    let rows = found.chunks_exact(vocab).zip(expected.chunks_exact(vocab));
    let worst = rows.clone().map(|(a, b)| correlation(a, b)).fold(f64::INFINITY, f64::min);
    let same = rows.clone().filter(|(a, b)| top(a) == top(b)).count();
    (worst, same as f64 / rows.len() as f64)
}

#[test]
fn logits_agree_with_onnxruntime() {
    let mut failures = vec![];
    println!("kernels: {}", engine::kernels().join(", "));
    println!("model                     int8 worst  top-1   f32 worst   top-1");
    for fixture in fixtures() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tokens = tokens(&fixture);
        let mut line = format!("{:24}", fixture.file_name().unwrap_or_default().display());
        for (f32_activations, file, bound) in [
            (false, "logits_int8.npy", INT8_CORRELATION),
            (true, "logits_f32.npy", F32_CORRELATION),
        ] {
            let mut engine = open(&fixture, folder.path(), f32_activations);
            let found = engine.logits(&tokens).expect("logits");
            let vocab = engine.vocab_size();
            let (worst, top) = compare(&found, &expected(&fixture, file), vocab);
            line += &format!("  {worst:.6}   {top:.3}");
            // Every other kernel gives the same bits.
            for kernel in engine::kernels().into_iter().filter(|name| *name != engine.kernel()) {
                let mut other = open_with(Some(kernel), &fixture, folder.path(), f32_activations);
                assert_eq!(other.kernel(), kernel);
                let same = other.logits(&tokens).expect("logits") == found;
                assert!(same, "{}: {kernel} is not {}", fixture.display(), engine.kernel());
            }
            if worst < bound {
                failures.push(format!("{} {file}: {worst} < {bound}", fixture.display()));
            }
        }
        println!("{line}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs `tokens` in one slot in chunks; `[tokens, vocab]`.
fn in_chunks(engine: &mut Engine, slot: usize, tokens: &[u32], chunk: usize) -> Vec<f32> {
    let mut logits = vec![];
    for (i, part) in tokens.chunks(chunk).enumerate() {
        let place = |t| Place { slot, position: i * chunk + t };
        let places: Vec<Place> = (0..part.len()).map(place).collect();
        let rows: Vec<usize> = (0..part.len()).collect();
        let batch = Batch { tokens: part, places: &places, rows: &rows };
        logits.extend(engine.forward(&batch).expect("a pass"));
    }
    logits
}

/// The tolerance is zero: a token's numbers do not depend on who shares its batch.
#[test]
fn batches_do_not_change_the_numbers() {
    for fixture in fixtures() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut engine = open(&fixture, folder.path(), false);
        let (a, vocab) = (tokens(&fixture), engine.vocab_size());
        let b: Vec<u32> = a.iter().rev().take(97).copied().collect();
        let whole = in_chunks(&mut engine, 0, &a, a.len());
        let whole_b = in_chunks(&mut engine, 1, &b, b.len());
        for chunk in [1, 7, 64] {
            let found = in_chunks(&mut engine, 2, &a, chunk);
            assert!(found == whole, "{}: chunks of {chunk}", fixture.display());
        }
        // Two sequences, token by token in turn, in one batch.
        let (mut ids, mut places) = (vec![], vec![]);
        for t in 0..a.len() {
            for (slot, sequence) in [(3, &a), (4, &b)] {
                if let Some(id) = sequence.get(t) {
                    ids.push(*id);
                    places.push(Place { slot, position: t });
                }
            }
        }
        let rows: Vec<usize> = (0..ids.len()).collect();
        let batch = Batch { tokens: &ids, places: &places, rows: &rows };
        let found = engine.forward(&batch).expect("a pass");
        for (place, row) in places.iter().zip(found.chunks_exact(vocab)) {
            let expected = if place.slot == 3 { &whole } else { &whole_b };
            let expected = &expected[place.position * vocab..(place.position + 1) * vocab];
            assert!(row == expected, "{}: interleaved {place:?}", fixture.display());
        }
        // Only the asked rows, and none at all.
        let batch = Batch { tokens: &ids, places: &places, rows: &[5] };
        let one = engine.forward(&batch).expect("a pass");
        assert!(one == found[5 * vocab..6 * vocab], "{}: one row", fixture.display());
        let batch = Batch { tokens: &ids, places: &places, rows: &[] };
        assert!(engine.forward(&batch).expect("a pass without rows").is_empty());
    }
}
