//! Every limit of the store, with its reason.

use std::time::Duration;

/// How long a write waits for another process's write to end. A commit takes milliseconds; on a
/// bad SD card, a second.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Codes tried before giving up on finding a free one. With 410 million codes a second try is
/// rare and a tenth does not happen by chance.
pub const CODE_TRIES: usize = 10;

/// Largest knowledge file that is read into memory in one piece: about 100,000 entries.
pub const KNOWLEDGE_BYTES_MAX: usize = 64 << 20;

/// Longest field of a knowledge entry. A passage this long still fits a small model's context.
pub const FIELD_BYTES_MAX: usize = 4096;

/// Most phrasings of one entry.
pub const PHRASINGS_MAX: usize = 64;
