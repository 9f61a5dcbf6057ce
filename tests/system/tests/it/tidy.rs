//! The law of the workspace: which crate may depend on which, and where unsafe code may stand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::baraza::root;

/// Our crates, and of our crates those that each may use. A new edge is a decision: it belongs into
/// ARCHITECTURE.md as well.
const EDGES: &[(&str, &[&str])] = &[
    ("int4-kernels", &[]),
    ("model-pack", &[]),
    ("answer", &[]),
    ("documents", &[]),
    ("nano", &[]),
    ("engine", &["int4-kernels", "model-pack"]),
    ("model-import", &["int4-kernels", "model-pack"]),
    ("store", &["answer"]),
    ("web", &["answer"]),
    (
        "server",
        &["answer", "documents", "engine", "model-import", "model-pack", "nano", "store", "web"],
    ),
    ("evaluation", &["answer", "engine", "model-pack", "store"]),
    ("golden", &[]),
    ("system", &[]),
];

/// Foreign crates that only one of ours may use: each is somebody's whole business.
const ONE_USER: &[(&str, &str)] = &[
    ("tract-onnx", "engine"),
    ("tokenizers", "engine"),
    ("rusqlite", "store"),
    ("tiny_http", "web"),
    ("maud", "web"),
    ("clap", "server"),
    ("anyhow", "server"),
    ("memmap2", "model-pack"),
];

/// Crates that may have unsafe code, in modules that say so.
const UNSAFE: &[&str] = &["int4-kernels", "model-pack"];

/// Longest source file, in lines.
const LINES_MAX: usize = 800;

struct Crate {
    name: String,
    folder: PathBuf,
    /// Normal and build dependencies; what tests use is free.
    uses: BTreeSet<String>,
}

fn crates() -> Vec<Crate> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| Crate {
            name: package["name"].as_str().unwrap().to_owned(),
            folder: Path::new(package["manifest_path"].as_str().unwrap())
                .parent()
                .unwrap()
                .to_owned(),
            uses: package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect(),
        })
        .collect()
}

#[test]
fn crates_use_only_those_they_may() {
    let crates = crates();
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let ours: BTreeSet<&str> = crates.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(ours, allowed.keys().copied().collect(), "crates come and go here too");
    for one in &crates {
        let allowed = allowed[one.name.as_str()];
        for used in one.uses.iter().filter(|used| ours.contains(used.as_str())) {
            assert!(allowed.contains(&used.as_str()), "{} must not use {used}", one.name);
        }
        for (foreign, user) in ONE_USER {
            let uses = one.uses.contains(*foreign);
            assert!(!uses || one.name == *user, "{} must not use {foreign}", one.name);
        }
    }
}

#[test]
fn folders_have_the_names_of_their_crates() {
    for one in crates() {
        assert_eq!(one.folder.file_name().unwrap(), one.name.as_str());
    }
}

#[test]
fn unsafe_code_stands_only_where_it_may() {
    for one in crates() {
        for entry in ["src/lib.rs", "src/main.rs"] {
            let Ok(text) = fs::read_to_string(one.folder.join(entry)) else { continue };
            let forbidden = text.contains("#![forbid(unsafe_code)]");
            let exempt = UNSAFE.contains(&one.name.as_str());
            assert!(forbidden || exempt, "{} {entry}: forbid(unsafe_code) is missing", one.name);
        }
    }
}

#[test]
fn files_stay_readable() {
    for one in crates() {
        for folder in ["src", "tests"] {
            let mut waiting = vec![one.folder.join(folder)];
            while let Some(path) = waiting.pop() {
                if path.is_dir() {
                    waiting.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let lines = fs::read_to_string(&path).unwrap().lines().count();
                    assert!(lines <= LINES_MAX, "{}: {lines} lines", path.display());
                }
            }
        }
    }
}
