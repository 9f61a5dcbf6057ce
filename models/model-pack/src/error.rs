use std::io;
use std::path::PathBuf;

/// What to do when bytes are not the ones that were written.
const AGAIN: &str = "copy the pack again or import the model again";

/// Why a pack could not be opened or written. Each message names the file, says what is wrong and
/// what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The folder itself is not there or is not a folder.
    #[error(
        "{} is not a model pack: {reason}; give the folder that `baraza model import` wrote",
        path.display()
    )]
    NotAPack {
        /// The path as given.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// A file of the pack is missing.
    #[error("{file} is missing from the pack; {AGAIN}")]
    Missing {
        /// Path of the file.
        file: String,
    },
    /// The operating system refused to read a file.
    #[error("{file} cannot be read: {source}; check the disk and the file's permissions")]
    Read {
        /// Path of the file.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file or tensor is not what the manifest says: cut short, grown or altered.
    #[error("{file} is damaged{}: {reason}; {AGAIN}", in_tensor(tensor))]
    Damaged {
        /// Path of the file.
        file: String,
        /// The tensor, where it is known.
        tensor: Option<String>,
        /// What differs.
        reason: String,
    },
    /// The manifest is whole but says something impossible.
    #[error("{file} is not usable: field {field}: {reason}; import the model again")]
    Manifest {
        /// Path of the manifest.
        file: String,
        /// The field, as a path such as `tensors[3].offset`.
        field: String,
        /// Why the value is refused.
        reason: String,
    },
    /// The pack was written in a format this program does not know.
    #[error(
        "{file} has pack format {found}, this program reads formats up to {known}; {}",
        if found > known { "update the box" } else { "import the model again" }
    )]
    Format {
        /// Path of the manifest.
        file: String,
        /// The format found.
        found: u32,
        /// The last format this program reads.
        known: u32,
    },
    /// Embedded weights do not start at a multiple of 64 bytes.
    #[error(
        "embedded weights.bin starts {remainder} bytes past a multiple of 64; \
         embed it in a type with #[repr(align(64))]"
    )]
    Misaligned {
        /// Address modulo 64.
        remainder: usize,
    },
    /// The place to write to is taken.
    #[error("{} {reason}; choose another destination or remove it first", path.display())]
    Destination {
        /// The path as given.
        path: PathBuf,
        /// What is there.
        reason: String,
    },
    /// The disk filled up while writing.
    #[error("the disk is full while writing {file}; free some space and run the import again")]
    DiskFull {
        /// Path of the file.
        file: String,
    },
    /// The operating system refused to write a file.
    #[error("{file} cannot be written: {source}; check that the folder is writable")]
    Write {
        /// Path of the file.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The caller of [`PackWriter`](crate::PackWriter) asked for a pack that could not be read back.
    #[error("{what} cannot go into a pack: {reason}")]
    Unfit {
        /// The file, tensor or field.
        what: String,
        /// Why it is refused.
        reason: String,
    },
}

fn in_tensor(tensor: &Option<String>) -> String {
    tensor.as_ref().map(|name| format!(" in tensor {name}")).unwrap_or_default()
}

impl PackError {
    /// An error of the operating system while writing, with a full disk told apart.
    pub(crate) fn write(file: impl Into<String>, source: io::Error) -> Self {
        let file = file.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { file },
            _ => Self::Write { file, source },
        }
    }

    /// An error of the operating system while reading, with a missing file told apart.
    pub(crate) fn read(file: impl Into<String>, source: io::Error) -> Self {
        let file = file.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { file },
            _ => Self::Read { file, source },
        }
    }

    /// Bytes that differ from what the manifest says.
    pub(crate) fn damaged(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { file: file.into(), tensor: None, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_file_are_told_apart() {
        let say = |kind: io::ErrorKind| PackError::write("w", io::Error::from(kind)).to_string();
        assert!(say(io::ErrorKind::StorageFull).contains("the disk is full while writing w"));
        assert!(say(io::ErrorKind::QuotaExceeded).contains("free some space"));
        assert!(say(io::ErrorKind::PermissionDenied).contains("check that the folder is writable"));
        let missing = PackError::read("w", io::Error::from(io::ErrorKind::NotFound)).to_string();
        assert!(missing.contains("w is missing from the pack"), "{missing}");
    }
}
