//! The demonstration model that is built into the binary, as the files of a pack.
//!
//! It answers from the passage in front of it, mostly by copying; it knows nothing else and is not
//! advice. `models/nano/recipe` says how it was trained, `models/nano/onnx` is its export, and
//! `baraza model import models/nano/onnx models/nano/pack` makes the pack again.

#![forbid(unsafe_code)]

/// Bytes at a multiple of 64, as a pack's weights must be.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!("../pack/weights.bin"));

/// Names and contents of the pack's files, for `model_pack::Pack::from_static`.
pub static FILES: &[(&str, &[u8])] = &[
    ("manifest.json", include_bytes!("../pack/manifest.json")),
    ("manifest.blake3", include_bytes!("../pack/manifest.blake3")),
    ("graph.onnx", include_bytes!("../pack/graph.onnx")),
    ("weights.bin", &WEIGHTS.0),
    ("tokenizer.json", include_bytes!("../pack/tokenizer.json")),
    ("chat_template.jinja", include_bytes!("../pack/chat_template.jinja")),
];
