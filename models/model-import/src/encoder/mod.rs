//! Sentence encoders of BERT's kind, as Hugging Face and sentence-transformers publish them.

mod config;
mod graph;
mod matrix;

use std::path::Path;

use model_pack::{EncoderCard, ModelCard, PackWriter, Pooling, TensorKind, TensorSink, names};
use prost::Message;
use serde_json::Value;

use crate::card::{self, Json};
use crate::error::{ENCODERS, ImportError};
use crate::limits;
use crate::safetensors::Tensors;
use crate::source::{Source, read_optional};
use crate::{ImportOptions, ImportReport, Progress, add_licence, read_tokenizer};
use config::Config;
use graph::Vector;
use matrix::Rounded;

/// What the model is.
const CONFIG: &str = "config.json";
/// The weights.
const WEIGHTS: &str = "model.safetensors";

/// Model types that are encoders, but other ones than those that are run.
const OTHERS: [&str; 15] = [
    "albert",
    "camembert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "ernie",
    "modernbert",
    "mpnet",
    "new",
    "nomic_bert",
    "roberta",
    "t5",
    "xlm-roberta",
    "xlm-roberta-xl",
];

/// True where the folder has an encoder that may be imported.
///
/// # Errors
///
/// When it has an encoder that is not run, or a file that is not what its name says.
pub(crate) fn recognised(src: &Path) -> Result<bool, ImportError> {
    if src.join(card::GENAI).exists() {
        return Ok(false);
    }
    let Some(config) = Json::read(src, CONFIG)? else {
        refuse_onnx_encoder(src)?;
        return Ok(false);
    };
    let kind = config.text("model_type")?.unwrap_or_default();
    let architectures = config.get("architectures").and_then(Value::as_array);
    let mut architectures = architectures.into_iter().flatten().filter_map(Value::as_str);
    if kind == "bert" || (kind.is_empty() && architectures.any(|name| name.starts_with("Bert"))) {
        return Ok(true);
    }
    if OTHERS.contains(&kind.as_str()) || src.join(config::MODULES).exists() {
        return Err(ImportError::Config {
            file: config.file,
            field: "model_type".into(),
            reason: format!("is {kind:?}, and of encoders only bert is run"),
            next: ENCODERS.into(),
        });
    }
    Ok(false)
}

/// An encoder in ONNX form is named for what it is, instead of lacking a `genai_config.json`.
fn refuse_onnx_encoder(src: &Path) -> Result<(), ImportError> {
    let file = "model.onnx";
    if !src.join(file).exists() {
        return Ok(());
    }
    let source = Source::new(src, file);
    // A damaged file gets its own sentence further on.
    let Ok(model) = source.model() else { return Ok(()) };
    let Some(graph) = model.graph else { return Ok(()) };
    let has = |name: &str| graph.input.iter().any(|input| input.name == name);
    let gives = |name: &str| graph.output.iter().any(|output| output.name == name);
    if has("input_ids") && has("attention_mask") && gives("last_hidden_state") {
        return Err(ImportError::Graph {
            file: source.model_path,
            reason: "is a sentence encoder in ONNX form, which is not read".into(),
            next: ENCODERS.into(),
        });
    }
    Ok(())
}

/// Imports the encoder in folder `src` as a new pack at `dest`.
///
/// # Errors
///
/// As [`crate::import`].
pub(crate) fn import(
    src: &Path,
    dest: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ImportReport, ImportError> {
    let mut warnings = Vec::new();
    let config = Config::read(src, &mut warnings)?;
    let tokenizer = read_tokenizer(src, ImportOptions::default())?.unwrap_or_default();
    let path = src.join(WEIGHTS);
    if !path.exists() {
        return Err(ImportError::Missing {
            file: path.display().to_string(),
            next: format!("PyTorch and ONNX files of encoders are not read: {ENCODERS}"),
        });
    }
    let mut tensors = Tensors::open(&path)?;
    let plan = Plan::new(&config, &tensors)?;
    let vectors = plan.read_vectors(&mut tensors)?;
    let graph = graph::build(&config, &vectors);
    let card = model_card(src, &config)?;

    let mut writer = PackWriter::create(dest)?;
    let total = plan.matrices.len() + 1;
    for (done, (name, matrix)) in plan.matrices.iter().enumerate() {
        progress(Progress { tensor: name, done, total });
        let common = matrix.common_scale(&mut tensors)?;
        let spec = matrix.spec()?;
        let kind = matrix::kind(&spec, common);
        writer.add_tensor(name, kind, |sink| matrix.write(&spec, common, &mut tensors, sink))?;
    }
    progress(Progress { tensor: graph::POSITIONS, done: total - 1, total });
    write_positions(&mut writer, &config, &plan, &mut tensors)?;
    writer.add_file(names::GRAPH, &graph.encode_to_vec())?;
    writer.add_file(names::TOKENIZER, &tokenizer)?;
    add_licence(src, &mut writer)?;
    let manifest = writer.finish(card)?;
    Ok(ImportReport { manifest, shared_matrices: 0, warnings })
}

/// Which tensor of the source becomes what.
struct Plan {
    /// By name in the pack, in the order in which they are read.
    matrices: Vec<(String, Rounded)>,
    /// Biases and gains, by name in the graph.
    vectors: Vec<(String, Vec<crate::safetensors::Floats>)>,
    positions: crate::safetensors::Floats,
    types: crate::safetensors::Floats,
}

impl Plan {
    fn new(config: &Config, tensors: &Tensors) -> Result<Self, ImportError> {
        // Models with a head of their own have the encoder below `bert`.
        let under = "bert.embeddings.word_embeddings.weight";
        let prefix = if tensors.has(under) { "bert." } else { "" };
        let find = |name: &str, shape: &[usize]| tensors.floats(&format!("{prefix}{name}"), shape);
        let (hidden, inner) = (config.hidden, config.inner);
        let mut plan = Self {
            matrices: vec![],
            vectors: vec![],
            positions: find("embeddings.position_embeddings.weight", &[config.positions, hidden])?,
            types: find("embeddings.token_type_embeddings.weight", &[config.types, hidden])?,
        };
        let words = find("embeddings.word_embeddings.weight", &[config.vocabulary, hidden])?;
        plan.matrices.push((graph::WORDS.into(), Rounded(vec![words])));
        plan.norm(graph::EMBEDDED, "embeddings.LayerNorm", hidden, &find)?;
        for layer in 0..config.layers {
            let at = format!("encoder.layer.{layer}");
            let own = |part: &str| graph::name(layer, part);
            let self_attention =
                ["query", "key", "value"].map(|p| format!("{at}.attention.self.{p}"));
            plan.dense(own(graph::QKV), &self_attention, [hidden, hidden], &find)?;
            let output = format!("{at}.attention.output");
            let dense = |name: &str| [format!("{name}.dense")];
            plan.dense(own(graph::MIX), &dense(&output), [hidden, hidden], &find)?;
            plan.norm(&own(graph::MIXED), &format!("{output}.LayerNorm"), hidden, &find)?;
            let up = dense(&format!("{at}.intermediate"));
            plan.dense(own(graph::UP), &up, [inner, hidden], &find)?;
            let down = dense(&format!("{at}.output"));
            plan.dense(own(graph::DOWN), &down, [hidden, inner], &find)?;
            plan.norm(&own(graph::DONE), &format!("{at}.output.LayerNorm"), hidden, &find)?;
        }
        Ok(plan)
    }

    /// A layer of the pack made of one or more of the source, one below the other.
    fn dense(
        &mut self,
        name: String,
        from: &[String],
        shape: [usize; 2],
        find: &Find<'_>,
    ) -> Result<(), ImportError> {
        let weights = from.iter().map(|name| find(&format!("{name}.weight"), &shape));
        let biases = from.iter().map(|name| find(&format!("{name}.bias"), &shape[..1]));
        self.vectors.push((graph::bias(&name), biases.collect::<Result<_, _>>()?));
        self.matrices.push((name, Rounded(weights.collect::<Result<_, _>>()?)));
        Ok(())
    }

    fn norm(
        &mut self,
        name: &str,
        from: &str,
        width: usize,
        find: &Find<'_>,
    ) -> Result<(), ImportError> {
        for (own, part) in [(graph::gain(name), "weight"), (graph::bias(name), "bias")] {
            self.vectors.push((own, vec![find(&format!("{from}.{part}"), &[width])?]));
        }
        Ok(())
    }

    /// Reads what stays in the graph: some kilobytes a layer.
    fn read_vectors(&self, tensors: &mut Tensors) -> Result<Vec<Vector>, ImportError> {
        let mut vectors = Vec::with_capacity(self.vectors.len() + 1);
        // Every token is of the first type: there is one text.
        let types = (graph::TYPE.to_owned(), vec![self.types.clone()]);
        for (name, parts) in self.vectors.iter().chain([&types]) {
            let mut values = Vec::new();
            for part in parts {
                let start = values.len();
                values.resize(start + part.columns, 0.0);
                tensors.row(part, 0, &mut values[start..])?;
            }
            vectors.push(Vector { name: name.clone(), values });
        }
        Ok(vectors)
    }
}

/// Finds a tensor of the source by name, with its shape.
type Find<'a> = dyn Fn(&str, &[usize]) -> Result<crate::safetensors::Floats, ImportError> + 'a;

/// The embeddings of the positions that a text may have, as they are.
fn write_positions(
    writer: &mut PackWriter,
    config: &Config,
    plan: &Plan,
    tensors: &mut Tensors,
) -> Result<(), ImportError> {
    let shape = vec![config.max_tokens as u64, config.hidden as u64];
    let kind = TensorKind::F32 { shape };
    let mut row = vec![0.0; config.hidden];
    writer.add_tensor(graph::POSITIONS, kind, |sink: &mut TensorSink<'_>| {
        for position in 0..config.max_tokens {
            tensors.row(&plan.positions, position, &mut row)?;
            let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            sink.put(&bytes)?;
        }
        Ok::<(), ImportError>(())
    })
}

fn model_card(src: &Path, config: &Config) -> Result<ModelCard, ImportError> {
    let (heading, licence) = readme(src)?;
    // All dimensions were read as u32.
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut card = ModelCard {
        name: heading.unwrap_or_else(|| card::folder_name(src)),
        notice: None,
        licence: licence.unwrap_or_default(),
        source: "safetensors of a sentence encoder, rounded to 8 bits".into(),
        architecture: "bert".into(),
        context_length: small(config.max_tokens),
        vocab_size: small(config.vocabulary),
        hidden_size: small(config.hidden),
        layers: config.layers,
        heads: small(config.heads),
        kv_heads: small(config.heads),
        head_dim: small(config.hidden / config.heads),
        bos_token_id: None,
        eos_token_ids: vec![],
        bos_token: None,
        eos_token: None,
        encoder: Some(EncoderCard {
            width: small(config.hidden),
            pooling: Pooling::Mean,
            max_tokens: small(config.max_tokens),
            normalise: true,
        }),
    };
    let stated = card.licence.clone();
    card::read_ours(src, &mut card)?;
    if card.licence.is_empty() {
        card.licence = stated;
    }
    Ok(card)
}

/// The first heading of the model's `README.md`, and the licence that the header of that file
/// names.
fn readme(src: &Path) -> Result<(Option<String>, Option<String>), ImportError> {
    let Some(bytes) = read_optional(&src.join("README.md"), limits::CONFIG_BYTES_MAX)? else {
        return Ok((None, None));
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let mut licence = None;
    if text.starts_with("---") {
        let header = lines.by_ref().skip(1).take_while(|line| line.trim_end() != "---");
        let stated = header.filter_map(|line| line.strip_prefix("license:"));
        licence = stated.map(|value| value.trim().to_owned()).last();
    }
    let heading = lines.find_map(|line| line.strip_prefix("# "));
    let heading = heading.map(|line| line.trim().chars().take(limits::NAME_CHARS_MAX).collect());
    Ok((heading.filter(|name: &String| !name.is_empty()), licence))
}
