//! The commands, one module each.

pub(crate) mod ask;
mod grounded_bench;
pub(crate) mod knowledge;
pub(crate) mod model;
pub(crate) mod review;
pub(crate) mod serve;
pub(crate) mod site;

use std::path::Path;

use answer::ports::Making;
use answer::prompt;
use store::{KnowledgePack, STARTERS, Store};

/// Note in the data folder by which a running `serve` tells `ask` what it answers with.
const SERVING_MODEL: &str = "serving-model";

/// Opens the data folder, with the starter knowledge in it.
fn open_store(folder: &Path) -> anyhow::Result<Store> {
    let mut store = Store::open(folder)?;
    for (name, text) in STARTERS {
        // Read and checked only where it is not there already: most starts change nothing.
        if !store.has_pack(&KnowledgePack::checksum(text.as_bytes()))? {
            let pack =
                KnowledgePack::parse(name, text.as_bytes()).map_err(store::StoreError::from)?;
            store.load(&pack)?;
        }
    }
    Ok(store)
}

/// What answers are made with, given the id of the model.
fn making(store: &Store, model: String) -> anyhow::Result<Making> {
    Ok(Making { model, knowledge: store.knowledge_id()?, prompt: prompt::VERSION })
}
