//! Whether a model fits into the memory that is free.

use std::fs;

use model_pack::Manifest;

use crate::limits::MEMORY_BESIDES;

/// Bytes of a key or a value in the KV cache.
const KV_ELEMENT_BYTES: u64 = 2;

/// A model that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the model needs {} MB of memory and {} MB are free: stop other programs, or choose a smaller \
     model with --model", megabytes(*.needed), megabytes(*.free)
)]
pub(crate) struct DoesNotFit {
    /// Bytes that it needs.
    pub(crate) needed: u64,
    /// Bytes that are free.
    pub(crate) free: u64,
}

/// Refuses a model that would have the system swap or kill. Weights are mapped and could be read
/// again and again from the disk, but then each token takes as long as the disk needs for all of
/// them.
///
/// # Errors
/// [`DoesNotFit`] if weights, KV cache and working memory are more than is free. Where the system
/// does not say what is free, nothing is refused.
pub(crate) fn check(manifest: &Manifest, context_length: usize) -> Result<(), DoesNotFit> {
    let needed = needed(manifest, context_length);
    match free() {
        Some(free) if needed > free => Err(DoesNotFit { needed, free }),
        _ => Ok(()),
    }
}

/// Bytes that a model needs for one sequence of this length.
fn needed(manifest: &Manifest, context_length: usize) -> u64 {
    let model = &manifest.model;
    let context = (context_length as u64).min(u64::from(model.context_length));
    let per_token = 2
        * u64::from(model.layers)
        * u64::from(model.kv_heads)
        * u64::from(model.head_dim)
        * KV_ELEMENT_BYTES;
    manifest
        .weights_bytes
        .saturating_add(per_token.saturating_mul(context))
        .saturating_add(MEMORY_BESIDES)
}

/// Bytes free for this process: what the person said, else the least of what the system and the
/// control group have left; `None` where nobody says.
fn free() -> Option<u64> {
    if let Ok(said) = std::env::var("BARAZA_MEMORY_BYTES")
        && let Ok(bytes) = said.trim().parse()
    {
        return Some(bytes);
    }
    let system = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    match (system, group_left()) {
        (Some(system), Some(group)) => Some(system.min(group)),
        (system, group) => system.or(group),
    }
}

/// `MemAvailable` of `/proc/meminfo`: free memory and what the system would give up for it, page
/// cache included.
fn available(meminfo: &str) -> Option<u64> {
    field(meminfo, "MemAvailable:").map(|kilobytes| kilobytes.saturating_mul(1024))
}

/// What the control group of this process may still use, by cgroup v2.
fn group_left() -> Option<u64> {
    let read = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let cache = read("memory.stat").and_then(|stat| field(&stat, "inactive_file")).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cache)))
}

/// Most memory that this process has had, in bytes; `None` where the system does not say.
pub(crate) fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    field(&status, "VmHWM:").map(|kilobytes| kilobytes.saturating_mul(1024))
}

/// The number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_understood() {
        let meminfo = "MemTotal:  8000000 kB\nMemAvailable:    123 kB\nBuffers: 1 kB\n";
        assert_eq!(available(meminfo), Some(123 * 1024));
        assert_eq!(available("MemTotal: 1 kB"), None);
        assert_eq!(field("inactive_anon 5\ninactive_file 77\n", "inactive_file"), Some(77));
        #[cfg(target_os = "linux")]
        assert!(peak().is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn the_sentence_has_both_figures() {
        let error = DoesNotFit { needed: 1_400_000_001, free: 900_000_000 };
        let sentence = error.to_string();
        assert!(sentence.contains("needs 1401 MB"), "{sentence}");
        assert!(sentence.contains("900 MB are free"), "{sentence}");
    }
}
