//! `config.json` and the small files of sentence-transformers.

use std::path::Path;

use model_pack::limits::ENCODER_TOKENS_MAX;
use serde_json::Value;

use super::CONFIG;
use crate::card::{Json, TOKENIZER};
use crate::error::{ENCODERS, FETCH, ImportError};
use crate::limits::{CONFIG_BYTES_MAX, ENCODER_LAYERS_MAX};
use crate::source::{is_plain_relative, read_optional};

/// What is done with a text, step by step.
pub(super) const MODULES: &str = "modules.json";
/// How many tokens of a text are read.
const LENGTH: &str = "sentence_bert_config.json";

/// Heads are a multiple of this: the kernels' registers have as many lanes.
const HEAD_STEP: usize = 16;

/// An encoder in numbers.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) hidden: usize,
    /// Width of the feed-forward layers.
    pub(super) inner: usize,
    pub(super) layers: u32,
    pub(super) heads: usize,
    pub(super) vocabulary: usize,
    /// Positions that the source has embeddings for.
    pub(super) positions: usize,
    /// Types of token.
    pub(super) types: usize,
    /// Tokens of a text that are read.
    pub(super) max_tokens: usize,
    pub(super) epsilon: f32,
}

impl Config {
    /// Reads and checks the small files.
    ///
    /// # Errors
    ///
    /// When a file is not JSON or lacks a field, or the model does something that is not run.
    pub(super) fn read(src: &Path, warnings: &mut Vec<String>) -> Result<Self, ImportError> {
        let Some(json) = Json::read(src, CONFIG)? else {
            let file = src.join(CONFIG).display().to_string();
            return Err(ImportError::Missing { file, next: FETCH.into() });
        };
        check_words(&json)?;
        let number = |field: &str| match json.number(field)? {
            0 => Err(json.refuse(field, "is 0")),
            n => Ok(n as usize),
        };
        let epsilon = match json.get("layer_norm_eps") {
            None => 1e-12,
            Some(value) => value
                .as_f64()
                .filter(|e| (0.0..1.0).contains(e))
                .ok_or_else(|| json.refuse("layer_norm_eps", "is not a number from 0 to 1"))?,
        };
        let mut config = Self {
            hidden: number("hidden_size")?,
            inner: number("intermediate_size")?,
            layers: json.number("num_hidden_layers")?,
            heads: number("num_attention_heads")?,
            vocabulary: number("vocab_size")?,
            positions: number("max_position_embeddings")?,
            types: number("type_vocab_size")?,
            max_tokens: 0,
            epsilon: epsilon as f32,
        };
        if !(1..=ENCODER_LAYERS_MAX).contains(&config.layers) {
            let reason = format!("is {}, not 1 to {ENCODER_LAYERS_MAX}", config.layers);
            return Err(json.refuse("num_hidden_layers", reason));
        }
        if !config.hidden.is_multiple_of(config.heads * HEAD_STEP) {
            let reason = format!(
                "is {}, and {} values do not make heads of a multiple of {HEAD_STEP} values",
                config.heads, config.hidden
            );
            return Err(refuse(&json, "num_attention_heads", reason));
        }
        check_modules(src, warnings)?;
        config.max_tokens = max_tokens(src, config.positions)?;
        Ok(config)
    }
}

/// A refusal of what another model would do otherwise.
fn refuse(json: &Json, field: &str, reason: String) -> ImportError {
    ImportError::Config {
        file: json.file.clone(),
        field: field.to_owned(),
        reason,
        next: ENCODERS.into(),
    }
}

/// Checks the fields that name a way of computing.
fn check_words(json: &Json) -> Result<(), ImportError> {
    for (field, expected) in [("hidden_act", "gelu"), ("position_embedding_type", "absolute")] {
        match json.text(field)? {
            Some(found) if found != expected => {
                let reason = format!("is {found:?}, and only {expected:?} is run");
                return Err(refuse(json, field, reason));
            }
            _ => {}
        }
    }
    for field in ["is_decoder", "add_cross_attention"] {
        if json.get(field).and_then(Value::as_bool) == Some(true) {
            return Err(refuse(json, field, "is true, so the model is no encoder".into()));
        }
    }
    Ok(())
}

/// Checks that the steps are the encoder, the mean, and perhaps bringing it to length 1.
fn check_modules(src: &Path, warnings: &mut Vec<String>) -> Result<(), ImportError> {
    let path = src.join(MODULES);
    let Some(bytes) = read_optional(&path, CONFIG_BYTES_MAX)? else {
        warnings.push(format!(
            "the folder has no {MODULES}: vectors are the mean of a text's tokens, which is right \
             only if the model was trained so"
        ));
        return Ok(());
    };
    let refuse = |reason: String, next: &str| ImportError::Config {
        file: path.display().to_string(),
        field: "the file".into(),
        reason,
        next: next.to_owned(),
    };
    let steps: Vec<Value> = serde_json::from_slice(&bytes)
        .map_err(|e| refuse(format!("is not a JSON list ({e})"), FETCH))?;
    let mut pooled = false;
    for step in &steps {
        let text = |field: &str| step.get(field).and_then(Value::as_str).unwrap_or_default();
        match text("type").rsplit('.').next().unwrap_or_default() {
            "Transformer" | "Normalize" => {}
            "Pooling" => {
                let folder = text("path");
                if !is_plain_relative(folder) {
                    let reason = format!("names the folder {folder:?}, outside the model's");
                    return Err(refuse(reason, FETCH));
                }
                check_pooling(src, folder)?;
                pooled = true;
            }
            other => {
                let reason = format!("has the step {other:?}, which is not run");
                return Err(refuse(reason, ENCODERS));
            }
        }
    }
    if pooled { Ok(()) } else { Err(refuse("has no step Pooling".into(), ENCODERS)) }
}

/// Checks that of the ways of pooling the mean is the one that is on.
fn check_pooling(src: &Path, folder: &str) -> Result<(), ImportError> {
    let Some(json) = Json::read(src, &format!("{folder}/{CONFIG}"))? else {
        let file = src.join(folder).join(CONFIG).display().to_string();
        return Err(ImportError::Missing { file, next: FETCH.into() });
    };
    let fields = json.value.as_object().into_iter().flatten();
    let on = |value: &Value| value == &Value::Bool(true);
    let modes: Vec<&str> = fields
        .filter_map(|(name, value)| match name.strip_prefix("pooling_mode_") {
            Some(mode) if on(value) => Some(mode),
            // The form of later versions.
            None if name == "pooling_mode" => value.as_str(),
            _ => None,
        })
        .collect();
    if modes == ["mean_tokens"] || modes == ["mean"] {
        return Ok(());
    }
    let reason = format!("is {}, and only mean_tokens is run", modes.join(" and "));
    Err(refuse(&json, "pooling_mode", reason))
}

/// Tokens of a text that are read: what sentence-transformers says, else the tokenizer, and never
/// more than there are positions.
fn max_tokens(src: &Path, positions: usize) -> Result<usize, ImportError> {
    let most = positions.min(ENCODER_TOKENS_MAX as usize);
    for (file, field) in [(LENGTH, "max_seq_length"), (TOKENIZER, "model_max_length")] {
        let Some(json) = Json::read(src, file)? else { continue };
        // Where there is no limit, the tokenizer states one beyond any integer.
        let Some(stated) = json.get(field).and_then(Value::as_f64) else { continue };
        if stated.fract() != 0.0 || stated < 3.0 {
            return Err(json.refuse(field, format!("is {stated}, not a whole number from 3")));
        }
        return Ok(most.min(stated as usize));
    }
    Ok(most)
}
