//! The writer leaves a whole pack or nothing.

mod common;

use common::{FILES, add_tensors, card, matrix, sample};
use model_pack::{ModelCard, Pack, PackError, PackWriter, TensorKind, names};

fn say<T: std::fmt::Debug>(result: Result<T, PackError>) -> String {
    result.expect_err("refused").to_string()
}

#[test]
fn nothing_is_overwritten() {
    let (folder, path) = sample();
    let text = say(PackWriter::create(&path));
    assert!(text.contains("exists and is not empty; choose another destination"), "{text}");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("written");
    assert!(say(PackWriter::create(&file)).contains("exists and is not a folder"));
    let partial = folder.path().join("new.partial");
    std::fs::create_dir(&partial).expect("made");
    std::fs::write(partial.join("thesis.doc"), "years of work").expect("written");
    assert!(say(PackWriter::create(&folder.path().join("new"))).contains("not ours"));
    assert!(partial.join("thesis.doc").exists());
    Pack::open(&path).expect("untouched");
}

#[test]
fn an_empty_folder_and_the_rest_of_an_interrupted_import_are_fine() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("new");
    std::fs::create_dir(&path).expect("made");
    std::fs::create_dir(folder.path().join("new.partial")).expect("made");
    for file in FILES {
        std::fs::write(folder.path().join("new.partial").join(file), "rest").expect("written");
    }
    common::write_sample(&path);
    Pack::open(&path).expect("whole");
    assert!(!folder.path().join("new.partial").exists());
}

#[test]
fn an_unfinished_pack_leaves_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("deep/new");
    let mut writer = PackWriter::create(&path).expect("created");
    add_tensors(&mut writer).expect("written");
    drop(writer);
    assert!(!path.exists() && !folder.path().join("deep/new.partial").exists());

    let mut writer = PackWriter::create(&path).expect("created");
    add_tensors(&mut writer).expect("written");
    assert!(say(writer.finish(card())).contains("lacks graph.onnx"));
    assert!(!path.exists() && !folder.path().join("deep/new.partial").exists());
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = PackWriter::create(&folder.path().join("new")).expect("created");
    add_tensors(&mut writer).expect("written");
    assert!(writer.has_tensor("table") && !writer.has_tensor("chair"));
    let fill = |sink: &mut model_pack::TensorSink<'_>| sink.put(&[1, 2, 3]);
    assert!(say(writer.add_tensor("table", matrix(), fill)).contains("the name is taken"));
    let short = TensorKind::F32 { shape: vec![3] };
    assert!(say(writer.add_tensor("short", short, fill)).contains("the shape needs 12"));
    let nothing = |_: &mut model_pack::TensorSink<'_>| Ok::<(), PackError>(());
    assert!(say(writer.add_tensor("empty", matrix(), nothing)).contains("bytes is not 1 to"));
    let huge = TensorKind::F16 { shape: vec![1 << 31; 3] };
    assert!(say(writer.add_tensor("huge", huge, fill)).contains("shape is too large"));
    assert!(say(writer.add_file("notes.txt", b"x")).contains("no file of this name"));
}

#[test]
fn a_refused_model_card_is_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = PackWriter::create(&folder.path().join("new")).expect("created");
    writer.add_file(names::GRAPH, b"graph").expect("written");
    let text = say(writer.finish(ModelCard { bos_token_id: Some(8), ..card() }));
    assert!(text.contains("model.bos_token_id cannot go into a pack"), "{text}");
    let mut writer = PackWriter::create(&folder.path().join("other")).expect("created");
    writer.add_file(names::GRAPH, b"graph").expect("written");
    let text = say(writer.finish(ModelCard { hidden_size: 8, ..common::encoder_card() }));
    assert!(text.contains("model.encoder.width cannot go into a pack: is 4"), "{text}");
}
