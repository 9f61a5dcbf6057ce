//! Imports that work, and what they make.

use int4_kernels::{Bits, MatrixSpec};
use model_pack::{Pack, TensorKind};
use prost::Message;

use super::sample::{Export, HIDDEN, VOCABULARY, floats, import_folder, node, noise, raw};
use crate::onnx::*;
use crate::{ImportOptions, import_with};

fn graph_of(export: &Export) -> (Pack, GraphProto) {
    export.import().expect("imported");
    let pack = Pack::open(&export.dest()).expect("whole");
    let model = ModelProto::decode(pack.graph()).expect("decoded");
    (pack, model.graph.expect("there"))
}

fn made_by<'a>(graph: &'a GraphProto, value: &str) -> &'a NodeProto {
    graph.node.iter().find(|n| n.output.iter().any(|o| o == value)).expect("made")
}

fn text<'a>(node: &'a NodeProto, name: &str) -> &'a str {
    std::str::from_utf8(&node.attribute(name).expect("there").s).expect("UTF-8")
}

#[test]
fn the_graph_becomes_the_dialect() {
    let (pack, graph) = graph_of(&Export::new());
    let names = |values: &[ValueInfoProto]| -> Vec<String> {
        values.iter().map(|v| v.name.clone()).collect()
    };
    assert_eq!(names(&graph.input), ["input_ids", "places", "rows"]);
    assert_eq!(names(&graph.output), ["logits"]);
    let ops: Vec<&str> = graph.node.iter().map(|n| n.op_type.as_str()).collect();
    assert_eq!(
        ops,
        [
            "GatherBlockQuantized",
            "SimplifiedLayerNormalization",
            "MatMulNBits",
            "GroupQueryAttention",
            "MatMulNBits",
            "SkipSimplifiedLayerNormalization",
            "Gather",
            "MatMulNBits",
        ]
    );
    let attention = made_by(&graph, "attended");
    assert_eq!(attention.input, ["packed", "", "", "places"]);
    assert_eq!(attention.output, ["attended"]);
    assert_eq!(attention.float("scale", 0.0), 0.25);
    let ints = ["layer", "local_window_size", "do_rotary", "rotary_interleaved"];
    assert_eq!(ints.map(|name| attention.int(name, 99)), [0, -1, 1, 0]);
    assert_eq!([text(attention, "cos_cache"), text(attention, "sin_cache")], ["cos", "sin"]);
    let (table, head) = (made_by(&graph, "embedded"), made_by(&graph, "logits"));
    assert_eq!(table.input, ["input_ids"]);
    assert_eq!([text(table, "weight"), text(head, "weight")], ["head_Q", "head_Q"]);
    assert_eq!([head.int("K", 0), head.int("N", 0)], [HIDDEN as i64, VOCABULARY as i64]);
    let pick = made_by(&graph, &head.input[0]);
    assert_eq!(
        (pick.op_type.as_str(), pick.input.as_slice()),
        ("Gather", &["hidden".to_owned(), "rows".into()][..])
    );
    let kept: Vec<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(kept, ["norm"]);
    assert!(graph.initializer.iter().all(|t| t.external_data.is_empty() && t.data_location == 0));
    let card = &pack.manifest().model;
    assert_eq!(
        (card.eos_token_ids.as_slice(), card.bos_token.as_deref()),
        (&[2, 3][..], Some("<s>"))
    );
    assert!(card.source.contains("test"), "{}", card.source);
}

#[test]
fn every_weight_means_what_it_meant() {
    let mut export = Export::new();
    export.external("zeros", &[64, 1], data_type::UINT8, &noise(64, 3));
    export.node("packed").input.push("zeros".into());
    let report = export.import().expect("imported");
    assert_eq!(report.shared_matrices, 1);
    let pack = Pack::open(&export.dest()).expect("whole");
    for (name, rows, bits, block, seed) in
        [("qkv", 64, 4, 16, 3), ("o", HIDDEN, 8, 32, 1), ("head", VOCABULARY, 4, 16, 4)]
    {
        let view = pack.tensor(&format!("{name}_Q")).expect("there");
        let TensorKind::Matrix { zero_points, scale, .. } = view.tensor.kind else {
            panic!("{name} is no matrix")
        };
        assert_eq!(zero_points, name == "qkv");
        let width = if bits == 4 { Bits::Four } else { Bits::Eight };
        let spec = MatrixSpec::new(rows, HIDDEN, width, block, zero_points).expect("sane");
        let matrix = int4_kernels::Matrix::new(spec, view.bytes, scale).expect("fits");
        let quants = noise(rows * HIDDEN * bits / 8, seed);
        let scales = floats(rows * HIDDEN / block, seed + 7);
        let zeros = noise(64, 3);
        let mut found = [0.0; HIDDEN];
        for row in 0..rows {
            matrix.dequantize_row(row, &mut found);
            for (column, &found) in found.iter().enumerate() {
                let index = row * HIDDEN + column;
                let block_index = index / block;
                let (quant, zero) = if bits == 8 {
                    (quants[index], 128)
                } else {
                    let nibble = |bytes: &[u8], i: usize| (bytes[i / 2] >> (4 * (i % 2))) & 15;
                    let zero = if zero_points { nibble(&zeros, block_index) } else { 8 };
                    (nibble(&quants, index), zero)
                };
                let expected = (f32::from(quant) - f32::from(zero)) * scales[block_index];
                let tolerance = expected.abs() * 2f32.powi(-11);
                assert!((found - expected).abs() <= tolerance, "{name} {row} {column}");
            }
        }
    }
    let cos = pack.tensor("cos").and_then(|t| t.to_f32()).expect("there");
    assert_eq!(cos, floats(512, 9));
}

#[test]
fn a_last_token_choice_of_the_export_is_taken_out() {
    let mut export = Export::new();
    export.inline("last", &[-1]);
    let mut gather = node("Gather", "", &["hidden", "last"], &["chosen"]);
    gather.attribute.push(AttributeProto::int("axis", 1));
    export.insert(gather, "logits", 0);
    export.insert(node("Unsqueeze", "", &["chosen", "one"], &["widened"]), "logits", 0);
    let (_pack, graph) = graph_of(&export);
    let pick = made_by(&graph, &made_by(&graph, "logits").input[0]);
    assert_eq!(pick.input, ["hidden", "rows"]);
    assert!(!graph.node.iter().any(|n| n.op_type == "Unsqueeze"));
}

#[test]
fn scaled_and_capped_logits_keep_their_tail() {
    let mut export = Export::new();
    export.node("logits").output[0] = "unscaled".into();
    export.inline("factor", &[2]);
    export.graph().node.push(node("Div", "", &["unscaled", "factor"], &["divided"]));
    export.graph().node.push(node("Tanh", "", &["divided"], &["capped"]));
    export.graph().node.push(node("Mul", "", &["capped", "factor"], &["logits"]));
    let (_pack, graph) = graph_of(&export);
    assert_eq!(made_by(&graph, "unscaled").input, ["baraza/picked"]);
    assert_eq!(made_by(&graph, "logits").op_type, "Mul");
}

#[test]
fn float_tables_names_positions_and_constants() {
    let mut export = Export::new();
    // A float embedding, named as another exporter might, with a Constant node on the way.
    let table = raw(&floats(VOCABULARY * HIDDEN, 5));
    let dims = [VOCABULARY as i64, HIDDEN as i64];
    export.external("words", &dims, data_type::FLOAT, &table);
    let lookup = export.node("embedded");
    *lookup = node("Gather", "", &["words", "ids"], &["looked_up"]);
    let mut constant = node("Constant", "", &[], &["twelve"]);
    constant.attribute.push(AttributeProto::float("value_float", 12.0));
    let at = export.graph().node.len() - 6;
    export.graph().node.insert(at, constant);
    export.insert(node("Mul", "", &["looked_up", "twelve"], &["embedded"]), "normed", 0);
    export.graph().input[0].name = "ids".into();
    export.genai["model"]["decoder"]["inputs"]["input_ids"] = "ids".into();
    // Positions as an input of their own.
    export.graph().input.push(ValueInfoProto::tensor("position_ids", 7, []));
    export.node("attended").input[9] = "position_ids".into();
    let (pack, graph) = graph_of(&export);
    let lookup = made_by(&graph, "looked_up");
    assert_eq!((lookup.domain.as_str(), lookup.op_type.as_str()), ("baraza", "GatherRows"));
    assert_eq!(lookup.input, ["input_ids"]);
    assert_eq!(pack.tensor("words").expect("there").bytes, table);
    assert!(graph.initializer.iter().any(|t| t.name == "twelve" && t.raw_data.len() == 4));
    assert!(!graph.node.iter().any(|n| n.op_type == "Constant"));
}

#[test]
fn small_files_come_along() {
    let mut export = Export::new();
    export.files[1].1 = br#"{"chat_template": "inner", "eos_token": "</s>"}"#.to_vec();
    export
        .files
        .push(("baraza.json", br#"{"name": "Nano", "notice": "A demonstration."}"#.to_vec()));
    export.files.push(("LICENSE", b"do as you like".to_vec()));
    let (pack, _) = graph_of(&export);
    let card = &pack.manifest().model;
    assert_eq!((card.name.as_str(), card.notice.as_deref()), ("Nano", Some("A demonstration.")));
    assert_eq!((pack.chat_template(), card.eos_token.as_deref()), (Some("inner"), Some("</s>")));
    assert_eq!(pack.licence_text().as_deref(), Some("do as you like"));

    let mut export = Export::new();
    let named = br#"{"chat_template": [{"name": "tool", "template": "t"},
        {"name": "default", "template": "d"}]}"#;
    export.files[1].1 = named.to_vec();
    assert_eq!(graph_of(&export).0.chat_template(), Some("d"));
    export.files.push(("chat_template.jinja", b"own file".to_vec()));
    let second = export.dest().with_file_name("second");
    import_folder(&export.write(), &second).expect("imported");
    assert_eq!(Pack::open(&second).expect("whole").chat_template(), Some("own file"));
}

#[test]
fn a_missing_tokenizer_can_be_allowed_and_a_short_cache_is_told() {
    let mut export = Export::new();
    export.files.remove(0);
    export.genai["model"]["context_length"] = 100.into();
    let options = ImportOptions { allow_missing_tokenizer: true };
    let mut seen = vec![];
    let mut progress = |p: crate::Progress<'_>| seen.push((p.done, p.total));
    let report =
        import_with(&export.write(), &export.dest(), options, &mut progress).expect("imported");
    assert_eq!(seen, [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)]);
    assert_eq!(report.manifest.model.context_length, 64);
    assert!(report.warnings[0].contains("ends at 64"), "{:?}", report.warnings);
    assert!(Pack::open(&export.dest()).expect("whole").tokenizer().is_none());
}
