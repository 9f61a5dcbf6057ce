//! Checksums, on all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::PackError;
use crate::manifest::{FileEntry, Manifest, Tensor};

/// Checks a small file against its entry; `path` is what errors show.
pub(crate) fn file(path: &str, bytes: &[u8], entry: &FileEntry) -> Result<(), PackError> {
    if bytes.len() as u64 != entry.bytes {
        return Err(wrong_length(path, bytes.len() as u64, entry.bytes));
    }
    if blake3::hash(bytes).to_hex().as_str() != entry.blake3 {
        return Err(PackError::damaged(path, "its checksum is wrong"));
    }
    Ok(())
}

/// The error for a file of the wrong length.
pub(crate) fn wrong_length(path: &str, found: u64, expected: u64) -> PackError {
    let what = if found < expected { "it is cut short" } else { "it is too long" };
    PackError::damaged(path, format!("{what}: {found} bytes instead of {expected}"))
}

/// Checks every tensor of `weights.bin` and the zeroes between them; `path` is what errors show.
///
/// Of several damaged tensors the first in the file is named.
pub(crate) fn weights(path: &str, bytes: &[u8], manifest: &Manifest) -> Result<(), PackError> {
    if bytes.len() as u64 != manifest.weights_bytes {
        return Err(wrong_length(path, bytes.len() as u64, manifest.weights_bytes));
    }
    // Largest first, so that no thread is left alone with a large one at the end.
    let mut order: Vec<(usize, &Tensor)> = manifest.tensors.iter().enumerate().collect();
    order.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.bytes));
    let next = AtomicUsize::new(0);
    let first_bad = Mutex::new(None::<usize>);
    let work = || {
        while let Some(&(index, tensor)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !tensor_is_whole(bytes, tensor, manifest.tensors.get(index + 1)) {
                let mut bad = first_bad.lock().unwrap_or_else(|e| e.into_inner());
                *bad = Some(bad.map_or(index, |other| other.min(index)));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(order.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let bad = first_bad.into_inner().unwrap_or_else(|e| e.into_inner());
    match bad.and_then(|index| manifest.tensors.get(index)) {
        None => Ok(()),
        Some(tensor) => Err(PackError::Damaged {
            file: path.to_owned(),
            tensor: Some(tensor.name.clone()),
            reason: "its checksum is wrong".into(),
        }),
    }
}

/// True where the tensor has its checksum and the gap up to the next one is zero.
fn tensor_is_whole(bytes: &[u8], tensor: &Tensor, next: Option<&Tensor>) -> bool {
    // The manifest's checks guarantee the range; a `false` here is still better than a panic.
    let end = tensor.offset.saturating_add(tensor.bytes);
    let gap_end = next.map_or(end, |next| next.offset);
    let range =
        |from: u64, to: u64| bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
    let (Some(body), Some(gap)) = (range(tensor.offset, end), range(end, gap_end)) else {
        return false;
    };
    gap.iter().all(|&b| b == 0) && blake3::hash(body).to_hex().as_str() == tensor.blake3
}
