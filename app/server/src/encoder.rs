//! The sentence encoder, if the box has one: a pack in the data folder's `packs/`.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{Encoder, EncoderOptions, quantize_unit};
use model_pack::Pack;
use store::Store;

use crate::failure;
use crate::limits::PACKS_FOLDER;

/// An encoder shared by all who look something up.
#[derive(Clone)]
pub(crate) struct SharedEncoder {
    encoder: Arc<Mutex<Encoder>>,
    id: Arc<str>,
}

impl SharedEncoder {
    /// Opens the first encoder among the packs of a data folder and has `store` search with it. What
    /// cannot be opened is told and left alone: words alone find most of what there is.
    pub(crate) fn find(folder: &Path, store: Store) -> (Store, Option<Self>) {
        let Ok(entries) = fs::read_dir(folder.join(PACKS_FOLDER)) else { return (store, None) };
        let mut packs: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        packs.sort();
        for path in packs {
            match Pack::open(&path) {
                Ok(pack) if pack.manifest().model.encoder.is_some() => {
                    match Encoder::open(pack, &EncoderOptions::default()) {
                        Ok(encoder) => {
                            let id: Arc<str> = encoder.id().into();
                            let store = store.with_vectors(&id, engine::nearest);
                            let encoder = Arc::new(Mutex::new(encoder));
                            return (store, Some(Self { encoder, id }));
                        }
                        Err(error) => tracing::warn!("{}: {error}", path.display()),
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("{}", failure::sentence(&anyhow::Error::from(error)));
                }
            }
        }
        (store, None)
    }

    /// Identifies the encoder and its weights.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The meaning of a text; `None` after a fault, which is told.
    pub(crate) fn encode(&self, text: &str) -> Option<Vec<i8>> {
        // A fault while it was held left nothing behind: each text begins anew.
        let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        match encoder.encode(&[text]) {
            Ok(vectors) => vectors.first().map(|vector| quantize_unit(vector)),
            Err(error) => {
                tracing::error!("the encoder failed: {error}");
                None
            }
        }
    }
}
