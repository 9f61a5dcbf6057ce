//! Read-only memory maps. The only unsafe code of this crate.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// A whole file, mapped read-only and shared.
///
/// # The file must not change while it is mapped
///
/// Writing to it changes the bytes behind a shared slice, and truncating it turns a later read
/// into `SIGBUS`. The operating system gives no way to rule this out, so it is a rule of the
/// format: packs are immutable. [`PackWriter`](crate::PackWriter) never writes into an existing
/// pack; it writes elsewhere and renames, which leaves open maps on the old file untouched.
#[derive(Debug)]
pub(crate) struct Mapping(Option<Mmap>);

impl Mapping {
    /// Maps `file`; an empty file gives an empty mapping.
    ///
    /// # Errors
    ///
    /// When the operating system refuses, for example on a file system without maps or when the
    /// address space is too small (a file of more than 2 GB on a 32-bit board).
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the map is private to this value and read-only. That nobody changes the file
        // underneath is the rule stated on the type.
        let map = unsafe { Mmap::map(file)? };
        // Start reading now: every byte is about to be hashed. Failure only costs speed.
        #[cfg(unix)]
        let _ = map.advise(memmap2::Advice::WillNeed);
        Ok(Self(Some(map)))
    }

    /// The bytes of the file. They start at a page boundary.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Maps a whole file read-only, for readers of other formats that must not copy weights either.
///
/// The file must not change while the result is alive: writing to it changes the bytes behind the
/// slice, truncating it ends the process at the next read of the lost part.
///
/// # Errors
///
/// When the file cannot be opened or mapped.
pub fn map_file(path: &std::path::Path) -> io::Result<crate::PackBytes> {
    let mapping = Mapping::of(&File::open(path)?)?;
    Ok(crate::PackBytes::whole(crate::bytes::Owner::Mapped(mapping)))
}
