//! A sentence encoder from the command line: imported, described, used, and not taken for a writer.

use std::process::Output;

use serde_json::Value;

use crate::baraza;

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn an_encoder_is_imported_described_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let source = baraza::root().join("tests/fixtures/encoders/tiny_bert/model");
    let pack = folder.path().join("pack");
    let (source, pack) = (source.to_str().unwrap(), pack.to_str().unwrap());
    let made = said(&baraza::run(&["model", "import", source, pack]));
    assert!(made.contains(": sentence encoder, 0.1 MB of weights"), "{made}");
    let info = said(&baraza::run(&["model", "info", pack]));
    let kind = "sentence encoder, 64 values a text, mean of at most 32 tokens";
    assert!(info.contains(kind), "{info}");
    let info: Value =
        serde_json::from_str(&said(&baraza::run(&["model", "info", pack, "--json"]))).unwrap();
    assert_eq!(info["encoder"]["pooling"], "mean");
    let vectors = said(&baraza::run(&["model", "encode", pack, "clean water", ""]));
    let vectors: Vec<Vec<f64>> =
        vectors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(vectors.len(), 2);
    for vector in &vectors {
        let length: f64 = vector.iter().map(|x| x * x).sum();
        assert!(vector.len() == 64 && (length - 1.0).abs() < 1e-5, "{length}");
    }
    let refused = baraza::run(&["model", "generate", pack, "--prompt", "water"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("is a sentence encoder: it finds passages and cannot write"), "{error}");
}
