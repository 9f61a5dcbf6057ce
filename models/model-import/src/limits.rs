//! Limits of what is read, each with its reason.

/// Largest `model.onnx`, bytes: protobuf itself ends at 2 GiB.
pub const ONNX_BYTES_MAX: u64 = (2 << 30) - 1;

/// Largest configuration file, bytes. Real ones are below 1 MB.
pub const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Largest constant that stays in the graph, bytes. Norm scales and biases of a 3B model are
/// below 64 kB; what is larger is a weight that should have been quantised.
pub const CONSTANT_BYTES_MAX: u64 = 1 << 20;

/// Most nodes of a graph. A 3B model has about 1,500.
pub const NODES_MAX: usize = 1 << 17;

/// Longest way from the logits back to the vocabulary matrix, nodes.
pub const HEAD_STEPS_MAX: usize = 16;

/// Bytes of a plain table that are written at a time.
pub const COPY_BYTES: usize = 1 << 20;

/// Columns that share a scale in a matrix that is rounded here. The smallest for which every kernel
/// has a loop of its own; scales add a sixteenth to the size.
pub const ENCODER_BLOCK: usize = 32;

/// Most layers of an encoder: a published one has at most 48.
pub const ENCODER_LAYERS_MAX: u32 = 1 << 10;

/// Longest name taken from the heading of a README, characters.
pub const NAME_CHARS_MAX: usize = 80;
