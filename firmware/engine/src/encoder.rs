//! A sentence encoder, opened: texts become vectors that lie close where meanings do.

use crate::engine::{pack_id, threads_here};
use crate::error::EngineError;
use crate::graph::{ENCODER_INPUTS, Graph};
use crate::limits::{ENCODER_BYTES_MAX, ENCODER_PASS};
use crate::runtime::Runtime;
use crate::text::Text;
use int4_kernels::{Isa, Precision, nearest_with};
use model_pack::{EncoderCard, Manifest, Pack, Pooling};
use std::fmt::Write as _;
use std::sync::Arc;
use tract_onnx::prelude::Tensor;

/// How to open an encoder.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EncoderOptions {
    /// Threads for the kernels; `None` means all that the system offers to this process.
    pub threads: Option<usize>,
    /// Keep activations in f32 (slow, for comparing) instead of rounding them to 8 bits.
    pub f32_activations: bool,
    /// Matrix kernel by name, of [`crate::kernels`]; `None` means what `BARAZA_KERNEL` says, else
    /// the best.
    pub kernel: Option<String>,
}

/// An encoder that is ready to run. One thread at a time.
#[derive(Debug)]
pub struct Encoder {
    pack: Pack,
    card: EncoderCard,
    graph: Graph<2>,
    runtime: Arc<Runtime>,
    text: Text,
    id: String,
}

impl Encoder {
    /// Builds the graph of an encoder's pack. Reads no weights.
    ///
    /// # Errors
    /// [`EngineError::CannotEncode`] if the pack is a language model's; [`EngineError`] if the
    /// graph, a weight or the tokenizer is not what this version runs, or the kernel is not one of
    /// this machine.
    pub fn open(pack: Pack, options: &EncoderOptions) -> Result<Encoder, EngineError> {
        let model = &pack.manifest().model;
        let Some(card) = model.encoder.clone() else {
            return Err(EngineError::CannotEncode { name: model.name.clone() });
        };
        if card.pooling != Pooling::Mean {
            let reason = format!("its pooling, {:?}, is not known here", card.pooling);
            return Err(EngineError::Graph { reason });
        }
        let isa = match &options.kernel {
            Some(name) => Isa::named(name)?,
            None => Isa::from_environment()?,
        };
        let threads = options.threads.unwrap_or_else(threads_here);
        let precision = if options.f32_activations { Precision::F32 } else { Precision::Int8 };
        let max_tokens = card.max_tokens as usize;
        let runtime = Arc::new(Runtime::new(isa, threads, precision, max_tokens, 0));
        let graph = Graph::load(&pack, &runtime, ENCODER_INPUTS)?;
        let missing = || EngineError::Tokenizer("it is missing".into());
        let text = Text::cut_to(pack.tokenizer().ok_or_else(missing)?, max_tokens)?;
        let mut id = format!("{}@", model.name);
        for byte in &pack_id(pack.manifest())[..8] {
            let _ = write!(id, "{byte:02x}");
        }
        Ok(Encoder { card, graph, runtime, text, id, pack })
    }

    /// What the pack says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.pack.manifest()
    }

    /// Identifies the model and its weights, hence its vectors: the name for people, `@`, and 16
    /// hexadecimal digits of a hash of the manifest, which has the checksums of everything else.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Values of a vector.
    pub fn width(&self) -> usize {
        self.card.width as usize
    }

    /// Tokens of a text that are read, special ones counted.
    pub fn max_tokens(&self) -> usize {
        self.card.max_tokens as usize
    }

    /// The matrix kernel in use, for example `avx512vnni`.
    pub fn kernel(&self) -> &'static str {
        self.runtime.isa.name()
    }

    /// Threads that work on a pass.
    pub fn threads(&self) -> usize {
        self.runtime.pool.threads()
    }

    /// One vector of length 1 for each text, [`Encoder::width`] values long. What is beyond
    /// [`Encoder::max_tokens`] or [`ENCODER_BYTES_MAX`] of a text is not read. A text's vector does
    /// not depend on the texts beside it.
    ///
    /// # Errors
    /// [`EngineError::Tokenizer`] or [`EngineError::Run`] if the model fails on a text.
    pub fn encode(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut vectors = Vec::with_capacity(texts.len());
        let mut waiting: Vec<Vec<u32>> = vec![];
        let mut tokens = 0;
        for text in texts {
            let ids = self.text.encode(beginning(text), true)?;
            if tokens + ids.len() > ENCODER_PASS && !waiting.is_empty() {
                self.pass(&waiting, &mut vectors)?;
                waiting.clear();
                tokens = 0;
            }
            tokens += ids.len();
            waiting.push(ids);
        }
        self.pass(&waiting, &mut vectors)?;
        Ok(vectors)
    }

    /// One forward pass: the vector of each text, given as tokens.
    fn pass(&self, texts: &[Vec<u32>], vectors: &mut Vec<Vec<f32>>) -> Result<(), EngineError> {
        let ids: Vec<i64> = texts.iter().flatten().map(|id| i64::from(*id)).collect();
        let place = |text: usize, position: usize| [text as i64, position as i64];
        let places: Vec<i64> = texts
            .iter()
            .enumerate()
            .flat_map(|(text, ids)| (0..ids.len()).flat_map(move |p| place(text, p)))
            .collect();
        let hidden = if ids.is_empty() {
            vec![]
        } else {
            let tensor = |shape: &[usize], values: &[i64]| {
                Tensor::from_shape(shape, values).map_err(|e| EngineError::run(&e))
            };
            self.graph.run([tensor(&[1, ids.len()], &ids)?, tensor(&[ids.len(), 2], &places)?])?
        };
        let mut rest = hidden.as_slice();
        for ids in texts {
            let (own, others) = rest
                .split_at_checked(ids.len() * self.width())
                .ok_or_else(|| EngineError::Run("the graph gives too few rows".into()))?;
            rest = others;
            vectors.push(self.pooled(own));
        }
        Ok(())
    }

    /// The rows of a text's tokens as one vector of length 1; zeroes if there are no rows.
    fn pooled(&self, rows: &[f32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.width()];
        // The mean has the direction of the sum, and only the direction stays.
        for row in rows.chunks_exact(self.width()) {
            int4_kernels::vector::add(self.runtime.isa, row, &mut sum);
        }
        let length = sum.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            sum.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
        sum
    }

    /// The `limit` of the `rows` (`[n, width]`, made by [`crate::quantize_unit`] of vectors of this
    /// encoder) nearest to `query`, best first: (index, dot product). All rows are looked at, on
    /// all threads if they are many. A dot product of 16,129 is a cosine of 1.
    ///
    /// # Errors
    /// [`EngineError::Request`] if `rows` is not whole rows or `query` is not one.
    pub fn nearest(
        &self,
        rows: &[i8],
        query: &[i8],
        limit: usize,
    ) -> Result<Vec<(usize, i32)>, EngineError> {
        let width = self.width();
        for (field, length, fits) in [
            ("rows", rows.len(), rows.len().is_multiple_of(width)),
            ("query", query.len(), query.len() == width),
        ] {
            if !fits {
                let value = format!("{length} values long");
                let expected = "vectors of this encoder's width are needed";
                return Err(EngineError::Request { field, value, expected });
            }
        }
        Ok(nearest_with(self.runtime.isa, &self.runtime.pool, rows, width, query, limit))
    }
}

/// The beginning of a text, as much of it as the tokenizer is to see.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(ENCODER_BYTES_MAX)]
}
