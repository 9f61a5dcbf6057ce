//! `genai_config.json`, `tokenizer_config.json` and `baraza.json`: what the model is.

use std::path::Path;

use model_pack::ModelCard;
use serde_json::Value;

use crate::error::{FETCH, ImportError};
use crate::limits::CONFIG_BYTES_MAX;
use crate::rewrite::Heads;
use crate::source::read_optional;

/// What onnxruntime-genai says about the model.
pub(crate) const GENAI: &str = "genai_config.json";
/// What the tokenizer's authors say about special tokens and the chat template.
pub(crate) const TOKENIZER: &str = "tokenizer_config.json";
/// The chat template, where it has a file of its own.
pub(crate) const TEMPLATE: &str = "chat_template.jinja";
/// Optional: name, notice and licence, for people.
pub(crate) const OURS: &str = "baraza.json";

/// Names of the file and of the values that matter.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The model file.
    pub(crate) model_file: String,
    /// The input with token ids.
    pub(crate) input_ids: String,
    /// The output with logits.
    pub(crate) logits: String,
}

/// Everything the small files say.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) names: Names,
    pub(crate) heads: Heads,
    /// As stated; what the graph says is filled in later.
    pub(crate) card: ModelCard,
    pub(crate) chat_template: Option<String>,
}

/// A parsed JSON object and the file it came from.
pub(crate) struct Json {
    pub(crate) file: String,
    pub(crate) value: Value,
}

impl Json {
    /// `None` where there is no such file.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Option<Self>, ImportError> {
        let path = folder.join(name);
        let Some(bytes) = read_optional(&path, CONFIG_BYTES_MAX)? else { return Ok(None) };
        let file = path.display().to_string();
        let refuse = |reason: String| ImportError::Config {
            file: file.clone(),
            field: "the file".into(),
            reason,
            next: FETCH.into(),
        };
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|e| refuse(format!("is not valid JSON ({e})")))?;
        if !value.is_object() {
            return Err(refuse("is not a JSON object".into()));
        }
        Ok(Some(Self { file, value }))
    }

    /// The value at a path such as `model.decoder.head_size`.
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        let found = path.split('.').try_fold(&self.value, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }

    pub(crate) fn refuse(&self, field: &str, reason: impl Into<String>) -> ImportError {
        ImportError::Config {
            file: self.file.clone(),
            field: field.to_owned(),
            reason: reason.into(),
            next: FETCH.into(),
        }
    }

    /// A whole number that must be there.
    pub(crate) fn number(&self, path: &str) -> Result<u32, ImportError> {
        let value = self.get(path).ok_or_else(|| self.refuse(path, "is missing"))?;
        self.as_number(path, value)
    }

    fn as_number(&self, path: &str, value: &Value) -> Result<u32, ImportError> {
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
        number.ok_or_else(|| self.refuse(path, format!("is {value}, not a whole number")))
    }

    /// A text that may be left out.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, ImportError> {
        match self.get(path) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.refuse(path, format!("is {other}, not a text"))),
        }
    }
}

/// Reads the small files of `folder`.
///
/// # Errors
///
/// When `genai_config.json` is missing, or any of the files is not JSON, lacks a field that is
/// needed or has one of the wrong type.
pub(crate) fn read(folder: &Path) -> Result<Config, ImportError> {
    let Some(genai) = Json::read(folder, GENAI)? else {
        return Err(ImportError::Missing {
            file: folder.join(GENAI).display().to_string(),
            next: "give the whole folder that onnxruntime_genai.models.builder wrote".into(),
        });
    };
    let text = |path: &str, default: &str| {
        genai.text(path).map(|text| text.unwrap_or_else(|| default.to_owned()))
    };
    let names = Names {
        model_file: text("model.decoder.filename", "model.onnx")?,
        input_ids: text("model.decoder.inputs.input_ids", "input_ids")?,
        logits: text("model.decoder.outputs.logits", "logits")?,
    };
    if names.model_file.is_empty() || names.model_file.contains(['/', '\\', ':']) {
        let reason = format!("is {:?}, not the name of a file in the folder", names.model_file);
        return Err(genai.refuse("model.decoder.filename", reason));
    }
    let heads = Heads {
        query: genai.number("model.decoder.num_attention_heads")?,
        key_value: genai.number("model.decoder.num_key_value_heads")?,
        width: genai.number("model.decoder.head_size")?,
    };
    let mut card = ModelCard {
        name: folder_name(folder),
        notice: None,
        licence: String::new(),
        source: String::new(),
        architecture: text("model.type", "unknown")?,
        context_length: genai.number("model.context_length")?,
        vocab_size: genai.number("model.vocab_size")?,
        hidden_size: genai.number("model.decoder.hidden_size")?,
        layers: genai.number("model.decoder.num_hidden_layers")?,
        heads: heads.query,
        kv_heads: heads.key_value,
        head_dim: heads.width,
        bos_token_id: optional_id(&genai, "model.bos_token_id")?,
        eos_token_ids: ids(&genai, "model.eos_token_id")?,
        bos_token: None,
        eos_token: None,
        encoder: None,
    };
    let chat_template = read_tokenizer_config(folder, &mut card)?;
    read_ours(folder, &mut card)?;
    Ok(Config { names, heads, card, chat_template })
}

pub(crate) fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "model".into())
}

/// A token id; absent and negative both mean that there is none.
fn optional_id(genai: &Json, path: &str) -> Result<Option<u32>, ImportError> {
    match genai.get(path) {
        None => Ok(None),
        Some(value) if value.as_i64().is_some_and(|id| id < 0) => Ok(None),
        Some(value) => genai.as_number(path, value).map(Some),
    }
}

/// One token id or a list of them.
fn ids(genai: &Json, path: &str) -> Result<Vec<u32>, ImportError> {
    match genai.get(path) {
        None => Ok(vec![]),
        Some(Value::Array(list)) => list.iter().map(|id| genai.as_number(path, id)).collect(),
        Some(id) => Ok(vec![genai.as_number(path, id)?]),
    }
}

/// Special tokens into `card`; gives the chat template.
fn read_tokenizer_config(
    folder: &Path,
    card: &mut ModelCard,
) -> Result<Option<String>, ImportError> {
    let mut template = None;
    if let Some(json) = Json::read(folder, TOKENIZER)? {
        card.bos_token = token(&json, "bos_token")?;
        card.eos_token = token(&json, "eos_token")?;
        template = inner_template(&json)?;
    }
    let path = folder.join(TEMPLATE);
    if let Some(bytes) = read_optional(&path, CONFIG_BYTES_MAX)? {
        let text = String::from_utf8(bytes).map_err(|_| ImportError::Config {
            file: path.display().to_string(),
            field: "the file".into(),
            reason: "is not UTF-8 text".into(),
            next: FETCH.into(),
        })?;
        template = Some(text);
    }
    Ok(template)
}

/// A special token: its text, or an object with its text in `content`.
fn token(json: &Json, field: &str) -> Result<Option<String>, ImportError> {
    match json.get(field) {
        Some(Value::Object(_)) => json.text(&format!("{field}.content")),
        _ => json.text(field),
    }
}

/// The template inside `tokenizer_config.json`: a text, or a list of named ones of which
/// `default` is taken.
fn inner_template(json: &Json) -> Result<Option<String>, ImportError> {
    let field = "chat_template";
    let Some(Value::Array(list)) = json.get(field) else { return json.text(field) };
    let is_default = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some("default");
    let entry = list.iter().find(is_default).or(list.first());
    let Some(text) = entry.and_then(|e| e.get("template")).and_then(Value::as_str) else {
        return Err(json.refuse(field, "is a list without a template"));
    };
    Ok(Some(text.to_owned()))
}

/// Name, notice and licence of `baraza.json`, where there is one, into `card`.
pub(crate) fn read_ours(folder: &Path, card: &mut ModelCard) -> Result<(), ImportError> {
    let Some(json) = Json::read(folder, OURS)? else { return Ok(()) };
    let known = ["name", "notice", "licence"];
    let keys = json.value.as_object().into_iter().flat_map(|object| object.keys());
    if let Some(key) = keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        return Err(ImportError::Config {
            file: json.file.clone(),
            field: key.clone(),
            reason: "is not a known field".into(),
            next: "use only name, notice and licence".into(),
        });
    }
    if let Some(name) = json.text("name")? {
        card.name = name;
    }
    card.notice = json.text("notice")?;
    card.licence = json.text("licence")?.unwrap_or_default();
    Ok(())
}
