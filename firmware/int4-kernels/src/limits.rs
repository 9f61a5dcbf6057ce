//! Bounds of this crate, each with its reason.

/// Rows of a weight matrix that are interleaved: the 32-bit lanes of one AVX-512 register.
pub const PANEL_ROWS: usize = 16;

/// Smallest quantisation block, as `MatMulNBits` allows.
pub const BLOCK_MIN: usize = 16;

/// Largest quantisation block, as `MatMulNBits` allows. A block's integer sum then is at most
/// 256 x 255 x 127, far inside 32 bits.
pub const BLOCK_MAX: usize = 256;

/// Largest number of rows or columns. Keeps every size computation inside 64 bits, and is 8 times
/// the largest vocabulary in use.
pub const DIMENSION_MAX: usize = 1 << 21;

/// Rows of activations that one pass over a panel serves: 8 integer and 8 float accumulators
/// leave half of the 32 AVX-512 registers to the weights and temporaries.
pub const TILE_TOKENS: usize = 8;

/// Threads a pool may have; more than any board we know.
pub const THREADS_MAX: usize = 64;

/// Turns of the waiting loop before a pool thread sleeps, some tens of microseconds: longer than
/// the gap between two operators of a graph, shorter than anything a battery notices.
pub const SPIN_TURNS: u32 = 20_000;

/// Bytes of weights, and of activations, that one task keeps going over: each a part of the smallest
/// second-level cache we meet (512 kB a core on Cortex-A76, 1 MB on Zen 4 and for four Cortex-A72).
pub const TASK_BYTES: usize = 192 << 10;

/// Tasks that a thread gets of one product on average: with fewer, threads wait for the slowest; with
/// more, they start over too often, and every start costs memory latency.
pub const TASKS_PER_THREAD: usize = 4;

/// Largest width of the vectors that [`crate::nearest`] compares: a sum of so many products of two
/// 8-bit numbers, the largest 2^14, stays inside 32 bits.
pub const NEAREST_WIDTH_MAX: usize = 1 << 16;

/// Rows whose scores [`crate::nearest`] computes before it looks at them; they stay in the
/// first-level cache.
pub const NEAREST_ROWS: usize = 256;

/// Bytes of rows that one thread of [`crate::nearest_with`] searches by itself: about 50
/// microseconds on a board, ten times what waking the others costs.
pub const NEAREST_BYTES_ALONE: usize = 256 << 10;
