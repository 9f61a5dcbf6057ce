//! A pack that was damaged in any way is refused with a sentence, never with a panic.

mod common;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{FILES, sample, write_sample};
use model_pack::{Pack, PackError, names};
use proptest::prelude::*;

/// Opens the pack in `folder` after `damage` changed the content of `file`.
fn open_damaged(file: &str, damage: impl FnOnce(&mut Vec<u8>)) -> Result<Pack, PackError> {
    let (_folder, path) = sample();
    let mut bytes = std::fs::read(path.join(file)).expect("read");
    damage(&mut bytes);
    std::fs::write(path.join(file), bytes).expect("written");
    Pack::open(&path)
}

/// Opens a pack whose manifest was edited and whose checksum was made to fit again.
fn open_edited(edit: impl FnOnce(&mut Vec<u8>)) -> Result<Pack, PackError> {
    // Written once: each writing waits for the disk.
    static SAMPLE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(sample);
    edited(&SAMPLE.1, edit)
}

/// The same of the pack at `source`, which stays as it is.
fn edited(source: &Path, edit: impl FnOnce(&mut Vec<u8>)) -> Result<Pack, PackError> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path();
    for file in FILES {
        std::fs::copy(source.join(file), path.join(file)).expect("copied");
    }
    let mut json = std::fs::read(path.join(names::MANIFEST)).expect("read");
    edit(&mut json);
    let checksum = format!("{}\n", blake3::hash(&json).to_hex());
    std::fs::write(path.join(names::MANIFEST), json).expect("written");
    std::fs::write(path.join(names::MANIFEST_CHECKSUM), checksum).expect("written");
    Pack::open(path)
}

fn replaced(from: &str, to: &str) -> String {
    let result = open_edited(|json| {
        let text = String::from_utf8(json.clone()).expect("UTF-8");
        assert!(text.contains(from), "the manifest has no {from}");
        *json = text.replacen(from, to, 1).into_bytes();
    });
    result.expect_err(to).to_string()
}

#[test]
fn every_flipped_byte_is_found() {
    let (_folder, path) = sample();
    for file in FILES {
        let whole = std::fs::read(path.join(file)).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(path.join(file), bytes).expect("written");
            let error = Pack::open(&path).expect_err("found").to_string();
            let named = if file == names::MANIFEST_CHECKSUM { names::MANIFEST } else { file };
            assert!(error.contains(named), "byte {at} of {file}: {error}");
        }
        std::fs::write(path.join(file), whole).expect("written");
    }
    Pack::open(&path).expect("whole again");
}

#[test]
fn every_cut_is_found_and_so_is_an_extra_byte() {
    let (_folder, path) = sample();
    for file in FILES {
        let whole = std::fs::read(path.join(file)).expect("read");
        let mut longer = whole.clone();
        longer.push(b'x');
        let cuts = (0..whole.len()).map(|keep| whole[..keep].to_vec());
        for bytes in cuts.chain([longer]) {
            // The checksum file is as good without its newline.
            if file == names::MANIFEST_CHECKSUM && bytes.len() == 64 {
                continue;
            }
            std::fs::write(path.join(file), bytes).expect("written");
            let text = Pack::open(&path).expect_err("found").to_string();
            assert!(text.contains("copy the pack again or import the model again"), "{text}");
        }
        std::fs::write(path.join(file), whole).expect("written");
    }
    Pack::open(&path).expect("whole again");
}

#[test]
fn the_sentences_name_file_tensor_and_remedy() {
    let say = |result: Result<Pack, PackError>| result.expect_err("refused").to_string();
    let text = say(open_damaged(names::WEIGHTS, |bytes| bytes[128 + 3] ^= 1));
    assert!(
        text.contains("weights.bin is damaged in tensor table: its checksum is wrong"),
        "{text}"
    );
    let text = say(open_damaged(names::WEIGHTS, |bytes| bytes.truncate(100)));
    assert!(text.contains("cut short: 100 bytes instead of"), "{text}");
    let text = say(open_damaged(names::TOKENIZER, |bytes| bytes[0] = b'X'));
    assert!(text.contains("tokenizer.json is damaged"), "{text}");
    for file in FILES {
        let (_folder, path) = sample();
        std::fs::remove_file(path.join(file)).expect("removed");
        let text = say(Pack::open(&path));
        let expected = if file == names::MANIFEST { "has no manifest.json" } else { "is missing" };
        assert!(text.contains(expected) && text.contains(file), "{text}");
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let text = say(Pack::open(&folder.path().join("nowhere")));
    assert!(text.contains("does not exist; give the folder that `baraza model import`"), "{text}");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("written");
    assert!(say(Pack::open(&file)).contains("is not a folder"));
}

#[test]
fn impossible_manifests_are_refused_by_field() {
    for (from, to, expected) in [
        ("\"format\": 1", "\"format\": 3", "format 3, this program reads formats up to 2; update"),
        ("\"format\": 1", "\"format\": 2", "field format: is 2, and no model.encoder makes it 1"),
        ("\"format\": 1", "\"format\": 0", "import the model again"),
        ("\"format\": 1", "\"format\": -1", "field format"),
        ("\"format\": 1", "\"format\": 1, \"more\": 2", "unknown field `more`"),
        ("\"name\": \"sample\"", "\"name\": \" \"", "model.name: is empty"),
        ("\"heads\": 4", "\"heads\": 5", "model.heads: is not a multiple of kv_heads"),
        ("\"kv_heads\": 2", "\"kv_heads\": 0", "model.kv_heads: is not between"),
        ("\"eos_token_ids\": [\n      2", "\"eos_token_ids\": [\n      99", "not below vocab_size"),
        ("\"offset\": 128", "\"offset\": 64", "tensors[1].offset: is 64, expected 128"),
        ("\"offset\": 0", "\"offset\": 18446744073709551615", "tensors[0].offset: is above"),
        ("\"bits\": 4", "\"bits\": 3", "bits is 3, not 4 or 8"),
        ("\"block\": 32", "\"block\": 48", "block is 48"),
        ("\"scale\": 0.5", "\"scale\": 0.3", "not a positive power of two"),
        ("\"scale\": 0.5", "\"scale\": -0.5", "not a positive power of two"),
        ("\"shape\": [\n          2", "\"shape\": [\n          3", "tensors[1].bytes"),
        ("\"name\": \"table\"", "\"name\": \"matrix\"", "matrix appears twice"),
        ("\"weights_bytes\": ", "\"weights_bytes\": 1", "weights_bytes"),
        ("\"graph.onnx\":", "\"../graph.onnx\":", "is no file of a pack"),
    ] {
        let text = replaced(from, to);
        assert!(text.contains(expected) && text.contains("manifest.json"), "{text}");
    }
}

#[test]
fn an_embedded_pack_is_checked_too() {
    #[repr(align(64))]
    struct Aligned([u8; 4096]);
    let (_folder, path) = sample();
    let load = |name: &str| -> &'static [u8] {
        Box::leak(std::fs::read(path.join(name)).expect("read").into_boxed_slice())
    };
    let weights = load(names::WEIGHTS);
    let place = |shift: usize| -> &'static [u8] {
        let room: &'static mut Aligned = Box::leak(Box::new(Aligned([0; 4096])));
        room.0[shift..shift + weights.len()].copy_from_slice(weights);
        &room.0[shift..shift + weights.len()]
    };
    let content = |weights: &'static [u8], leave_out: &str| -> &'static [_] {
        let mut content: Vec<(&'static str, &'static [u8])> = Vec::new();
        for name in FILES.into_iter().filter(|name| *name != leave_out) {
            content.push((name, if name == names::WEIGHTS { weights } else { load(name) }));
        }
        Box::leak(content.into_boxed_slice())
    };
    let pack = Pack::from_static(content(place(0), "")).expect("whole");
    assert_eq!(pack.tensor("table").and_then(|t| t.to_f32()), Some(vec![0.0, 1.5, -2.0, 3.0]));
    let say = |content| Pack::from_static(content).expect_err("refused").to_string();
    assert!(say(content(place(4), "")).contains("4 bytes past a multiple of 64"));
    assert!(say(content(place(0), names::GRAPH)).contains("embedded graph.onnx is missing"));
    let damaged: &'static mut [u8] = Box::leak(Box::new(Aligned([0; 4096]))).0.as_mut_slice();
    assert!(say(content(&damaged[..weights.len()], "")).contains("embedded weights.bin"));
}

#[test]
fn what_was_written_is_read_back() {
    let (_folder, path) = sample();
    let pack = Pack::open(&path).expect("whole");
    let copy = pack.clone();
    drop(pack);
    assert_eq!(copy.manifest().model.name, "sample");
    assert_eq!(copy.graph(), b"graph");
    assert_eq!(copy.tokenizer(), Some(&b"{}"[..]));
    assert_eq!(copy.chat_template(), Some("{{ messages }}"));
    assert_eq!(copy.licence_text().as_deref(), Some("free"));
    let bytes = copy.bytes("matrix").expect("there");
    assert!(copy.bytes("nothing").is_none() && copy.tensor("nothing").is_none());
    assert!(copy.tensor("matrix").and_then(|t| t.to_f32()).is_none());
    drop(copy);
    // The handle keeps the map alive by itself.
    assert_eq!(bytes.len(), 100);
    assert!(bytes.iter().enumerate().all(|(i, &b)| b == i as u8));
    assert_eq!(bytes.as_ptr().addr() % 64, 0);
}

/// `frozen/format1` was written when the format was new and must open for ever: boxes keep packs
/// over updates.
#[test]
fn a_pack_of_format_1_still_opens() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/format1");
    let pack = Pack::open(&path).expect("whole");
    let table = pack.tensor("table").expect("there");
    assert_eq!((table.tensor.offset, table.to_f32()), (128, Some(vec![0.0, 1.5, -2.0, 3.0])));
    assert_eq!(pack.manifest().tensors[0].kind, common::matrix());
    assert_eq!(pack.manifest().model, common::card());
}

/// `frozen/format2`, a sentence encoder, likewise.
#[test]
fn a_pack_of_format_2_still_opens() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/format2");
    let pack = Pack::open(&path).expect("whole");
    assert_eq!(pack.manifest().format, 2);
    assert_eq!(pack.manifest().model, common::encoder_card());
    assert!(pack.tensor("table").is_some());
}

#[test]
fn impossible_encoders_are_refused_by_field() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("encoder");
    common::write_pack(&path, common::encoder_card());
    assert_eq!(Pack::open(&path).expect("whole").manifest().model, common::encoder_card());
    for (from, to, expected) in [
        ("\"format\": 2", "\"format\": 1", "field format: is 1, and a model.encoder makes it 2"),
        ("\"width\": 4", "\"width\": 5", "model.encoder.width: is 5, hidden_size is 4"),
        ("\"max_tokens\": 8", "\"max_tokens\": 2", "model.encoder.max_tokens: is 2, not 3 to 16"),
        ("\"max_tokens\": 8", "\"max_tokens\": 17", "model.encoder.max_tokens: is 17, not 3 to"),
        ("\"normalise\": true", "\"normalise\": false", "model.encoder.normalise: is false"),
        ("\"pooling\": \"mean\"", "\"pooling\": \"max\"", "unknown variant `max`"),
        ("\"pooling\": \"mean\"", "\"pooling\": \"mean\", \"x\": 1", "unknown field `x`"),
    ] {
        let result = edited(&path, |json| {
            let text = String::from_utf8(std::mem::take(json)).expect("UTF-8");
            assert!(text.contains(from), "the manifest has no {from}");
            *json = text.replacen(from, to, 1).into_bytes();
        });
        let text = result.expect_err(to).to_string();
        assert!(text.contains(expected) && text.contains("manifest.json"), "{text}");
    }
}

#[test]
fn an_open_pack_survives_its_replacement() {
    let (folder, path) = sample();
    let old = Pack::open(&path).expect("whole");
    std::fs::rename(&path, folder.path().join("old")).expect("moved");
    write_sample(&path);
    assert_eq!(old.bytes("matrix").map(|bytes| bytes[99]), Some(99));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_edit_of_the_manifest_is_an_error_or_harmless(
        at in 0usize..4096, drop in 0usize..8, insert in "[0-9\\-\\.eE\"{}\\[\\],:a-z]{0,6}",
    ) {
        let result = open_edited(|json| {
            let at = at % json.len();
            let end = (at + drop).min(json.len());
            json.splice(at..end, insert.bytes());
        });
        if let Ok(pack) = result {
            // Whatever was accepted can be used.
            for tensor in &pack.manifest().tensors {
                prop_assert!(pack.bytes(&tensor.name).is_some());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_manifest(json in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open_edited(|bytes| *bytes = json).is_err());
    }
}
