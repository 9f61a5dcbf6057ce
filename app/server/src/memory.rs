//! Whether a model fits into the memory that is free.

use std::fs;
use std::path::Path;

use model_pack::Manifest;

use crate::limits::{
    ANSWER_POSITIONS, KV_FOLDER, MEMORY_BESIDES, PREFIX_DISK_MAX, PREFIX_DISK_PART,
    PREFIX_MEMORY_MAX, WRITERS,
};

/// Bytes of the scale of a key or a value in the KV cache, beside a byte for each element.
const KV_SCALE_BYTES: u64 = 4;

/// A model that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the model needs {} MB of memory and {} MB are free: {}",
    megabytes(*.needed), megabytes(*.free), advice(*.fits)
)]
pub(crate) struct DoesNotFit {
    /// Bytes that it needs.
    pub(crate) needed: u64,
    /// Bytes that are free.
    pub(crate) free: u64,
    /// Bytes of weights that would fit.
    pub(crate) fits: u64,
}

/// Memory for what comes and goes while a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// KV caches of the texts on their way.
    pub(crate) kv_bytes: u64,
    /// Kept prompts.
    pub(crate) prefix_bytes: u64,
}

/// Shares out what is free, or what was said if that is less. Refuses a model that would have the
/// system swap or kill: weights are mapped and could be read again and again from the disk, but then
/// each token takes as long as the disk needs for all of them.
///
/// # Errors
/// [`DoesNotFit`] if weights, working memory and the KV cache of one answer are more. Where the
/// system does not say what is free, nothing is refused.
pub(crate) fn room(
    manifest: &Manifest,
    context_length: usize,
    said: Option<u64>,
) -> Result<Room, DoesNotFit> {
    let (position, context) = (position_bytes(manifest), context(manifest, context_length));
    let wanted = position * context * WRITERS as u64;
    let Some(free) = least(free(), said) else {
        return Ok(Room { kv_bytes: wanted, prefix_bytes: PREFIX_MEMORY_MAX });
    };
    let fixed = manifest.weights_bytes.saturating_add(MEMORY_BESIDES);
    let one = position * context.min(ANSWER_POSITIONS);
    let needed = fixed.saturating_add(one);
    if needed > free {
        return Err(does_not_fit(needed, free));
    }
    let left = free - fixed;
    let kv_bytes = wanted.min(left / 4 * 3).max(one);
    Ok(Room { kv_bytes, prefix_bytes: (left - kv_bytes).min(PREFIX_MEMORY_MAX) })
}

/// Refuses a model if one sequence of this length does not fit.
///
/// # Errors
/// [`DoesNotFit`], as [`room`].
pub(crate) fn check(manifest: &Manifest, context_length: usize) -> Result<(), DoesNotFit> {
    let cache = position_bytes(manifest).saturating_mul(context(manifest, context_length));
    let needed = manifest.weights_bytes.saturating_add(cache).saturating_add(MEMORY_BESIDES);
    match free() {
        Some(free) if needed > free => Err(does_not_fit(needed, free)),
        _ => Ok(()),
    }
}

/// What to do where this many bytes of weights would fit.
fn advice(fits: u64) -> String {
    if fits < 1_000_000 {
        return "stop other programs; no model fits into that, whatever is given to --model".into();
    }
    format!(
        "stop other programs, or choose with --model one whose weights.bin has at most {} MB \
         (about {} million weights at 4 bits)",
        megabytes(fits),
        weights(fits)
    )
}

/// With an eleventh of the rest for the KV cache, which is what one answer of a 1B model takes.
fn does_not_fit(needed: u64, free: u64) -> DoesNotFit {
    DoesNotFit { needed, free, fits: free.saturating_sub(MEMORY_BESIDES) / 11 * 10 }
}

/// Bytes of KV cache for one position in all layers.
fn position_bytes(manifest: &Manifest) -> u64 {
    let model = &manifest.model;
    2 * u64::from(model.layers)
        * u64::from(model.kv_heads)
        * (u64::from(model.head_dim) + KV_SCALE_BYTES)
}

fn context(manifest: &Manifest, context_length: usize) -> u64 {
    (context_length as u64).min(u64::from(manifest.model.context_length))
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

/// Bytes of the disk that kept prompts may take: a part of what is free, beside what they have.
pub(crate) fn disk_for_prompts(data: &Path) -> u64 {
    let kept = fs::read_dir(data.join(KV_FOLDER)).into_iter().flatten().flatten();
    let kept: u64 = kept.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
    let free = rustix::fs::statvfs(data).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
    (kept + free / PREFIX_DISK_PART).min(PREFIX_DISK_MAX)
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
    least(system, group_left())
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

/// Millions of weights at 4 bits in blocks of 32: 18 bytes for each 32.
fn weights(bytes: u64) -> u64 {
    bytes / 18 * 32 / 1_000_000
}

/// A size as people write it: bytes, or a number with M or G behind it.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.trim().char_indices().last() {
        Some((at, 'M' | 'm')) => (&text.trim()[..at], 1_000_000),
        Some((at, 'G' | 'g')) => (&text.trim()[..at], 1_000_000_000),
        _ => (text.trim(), 1),
    };
    let bytes = number.parse::<f64>().ok().map(|n| n * f64::from(unit));
    match bytes {
        Some(bytes) if (1.0..1e15).contains(&bytes) => Ok(bytes as u64),
        _ => Err("give a size such as 1500M or 2G".into()),
    }
}

#[cfg(test)]
mod tests {
    use model_pack::Pack;

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
        let sentence = does_not_fit(1_400_000_001, 900_000_000).to_string();
        assert!(sentence.contains("needs 1401 MB"), "{sentence}");
        assert!(sentence.contains("900 MB are free"), "{sentence}");
        assert!(sentence.contains("at most 727 MB (about 1291 million"), "{sentence}");
        assert!(does_not_fit(5, 3).to_string().contains("no model fits"));
    }

    /// The shape of Llama 3.2 at 1B and 3B, as far as memory goes.
    fn model(weights_bytes: u64, layers: u32, head_dim: u32) -> Manifest {
        let pack = Pack::from_static(nano::FILES).unwrap();
        let mut manifest = pack.manifest().clone();
        manifest.weights_bytes = weights_bytes;
        let card = &mut manifest.model;
        (card.layers, card.kv_heads, card.head_dim) = (layers, 8, head_dim);
        card.context_length = 8192;
        manifest
    }

    #[test]
    fn a_1b_fits_a_board_of_2_gb_and_a_3b_one_of_4() {
        let (one, three) = (model(697_204_736, 16, 64), model(1_810_000_000, 28, 128));
        // What a board has left beside its system and the web server.
        for (manifest, free) in [(&one, 1_600_000_000), (&three, 3_400_000_000)] {
            let room = room(manifest, 4096, Some(free)).unwrap();
            let all = manifest.weights_bytes + MEMORY_BESIDES + room.kv_bytes + room.prefix_bytes;
            assert!(all <= free, "{room:?}");
            let answers = room.kv_bytes / (position_bytes(manifest) * ANSWER_POSITIONS);
            assert!(answers >= 4, "{answers} answers at a time");
        }
        let error = room(&three, 4096, Some(1_600_000_000)).unwrap_err();
        assert!(error.fits > one.weights_bytes, "{error}");
        // The least that starts has room for one answer.
        let least = one.weights_bytes + MEMORY_BESIDES + position_bytes(&one) * ANSWER_POSITIONS;
        let room_of = |free| room(&one, 4096, Some(free));
        assert_eq!(room_of(least).unwrap().prefix_bytes, 0);
        assert!(room_of(least - 1).is_err());
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("2G"), Ok(2_000_000_000));
        assert_eq!(size(" 1.5g "), Ok(1_500_000_000));
        assert_eq!(size("700M"), Ok(700_000_000));
        assert_eq!(size("1234"), Ok(1234));
        for wrong in ["", "M", "-1G", "two", "nanG", "1e99"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
