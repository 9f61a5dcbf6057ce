//! The commands, one module each.

pub(crate) mod ask;
mod grounded_bench;
pub(crate) mod model;
pub(crate) mod serve;

use std::path::Path;

use answer::ports::Making;
use answer::prompt;
use store::{KnowledgePack, STARTER, Store};

/// Note in the data folder by which a running `serve` tells `ask` what it answers with.
const SERVING_MODEL: &str = "serving-model";

/// Opens the data folder, with the starter knowledge in it.
fn open_store(folder: &Path) -> anyhow::Result<Store> {
    let mut store = Store::open(folder)?;
    let starter = KnowledgePack::parse("starter-en.jsonl", STARTER.as_bytes())
        .map_err(store::StoreError::from)?;
    store.load(&starter)?;
    Ok(store)
}

/// What answers are made with, given the id of the model.
fn making(store: &Store, model: String) -> anyhow::Result<Making> {
    Ok(Making { model, knowledge: store.knowledge_id()?, prompt: prompt::VERSION })
}
