use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::bytes::{Owner, PackBytes};
use crate::error::PackError;
use crate::manifest::{Manifest, Tensor, TensorKind};
use crate::mmap::Mapping;
use crate::{limits, names, verify};

/// A verified model pack. Cloning copies a pointer.
#[derive(Debug, Clone)]
pub struct Pack(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    manifest: Manifest,
    /// The files that the manifest lists, by name.
    files: BTreeMap<String, PackBytes>,
    /// The chat template, known to be UTF-8.
    chat_template: Option<String>,
    weights: PackBytes,
    /// Index into `manifest.tensors` by name.
    index: HashMap<String, usize>,
}

/// A tensor and its bytes.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Name, place and kind.
    pub tensor: &'a Tensor,
    /// The bytes, starting at a multiple of 64 bytes in memory.
    pub bytes: &'a [u8],
}

impl TensorView<'_> {
    /// The elements of an f32 tensor, row-major; `None` for any other kind.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        let TensorKind::F32 { .. } = self.tensor.kind else { return None };
        let element = |b: &[u8]| b.try_into().map(f32::from_le_bytes).unwrap_or_default();
        Some(self.bytes.chunks_exact(4).map(element).collect())
    }
}

impl Pack {
    /// Opens the pack in folder `path` and verifies every byte of it.
    ///
    /// `weights.bin` is mapped, not read into memory; the pack must not be changed while it is
    /// open (replace a pack by renaming a new folder over it, never by writing into it).
    ///
    /// # Errors
    ///
    /// When the folder or one of its files is missing or unreadable, when any file is cut short
    /// or altered (naming the file, and the tensor inside `weights.bin`), when the manifest states
    /// something impossible, or when the pack has a format that is neither [`limits::FORMAT`] nor
    /// [`limits::FORMAT_ENCODER`].
    pub fn open(path: &Path) -> Result<Self, PackError> {
        check_folder(path)?;
        let full = |name: &str| path.join(name).display().to_string();
        let small = |name: &str, max: u64| read_small(&path.join(name), max);

        let json = small(names::MANIFEST, limits::MANIFEST_BYTES_MAX)?;
        let checksum = small(names::MANIFEST_CHECKSUM, 128)?;
        check_manifest_checksum(&full(names::MANIFEST), &json, &checksum)?;
        let manifest = Manifest::parse(&json, &full(names::MANIFEST))?;

        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let bytes = small(name, entry.bytes)?;
            verify::file(&full(name), &bytes, entry)?;
            files.insert(name.clone(), PackBytes::whole(Owner::Heap(bytes)));
        }
        let weights = map(&path.join(names::WEIGHTS))?;
        verify::weights(&full(names::WEIGHTS), &weights, &manifest)?;
        Self::assemble(manifest, files, weights, &full(names::CHAT_TEMPLATE))
    }

    /// Opens a pack that is part of the program: pairs of file name and content.
    ///
    /// # Errors
    ///
    /// As [`Pack::open`], and when `weights.bin` does not start at a multiple of 64 bytes.
    pub fn from_static(
        content: &'static [(&'static str, &'static [u8])],
    ) -> Result<Self, PackError> {
        let find = |name: &str| -> Result<&'static [u8], PackError> {
            let found = content.iter().find(|(n, _)| *n == name).map(|(_, bytes)| *bytes);
            found.ok_or_else(|| PackError::Missing { file: format!("embedded {name}") })
        };
        let full = |name: &str| format!("embedded {name}");

        let json = find(names::MANIFEST)?;
        let checksum = find(names::MANIFEST_CHECKSUM)?;
        check_manifest_checksum(&full(names::MANIFEST), json, checksum)?;
        let manifest = Manifest::parse(json, &full(names::MANIFEST))?;

        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let bytes = find(name)?;
            verify::file(&full(name), bytes, entry)?;
            files.insert(name.clone(), PackBytes::whole(Owner::Static(bytes)));
        }
        let weights = find(names::WEIGHTS)?;
        let remainder = weights.as_ptr().addr() % limits::ALIGNMENT;
        if remainder != 0 {
            return Err(PackError::Misaligned { remainder });
        }
        let weights = PackBytes::whole(Owner::Static(weights));
        verify::weights(&full(names::WEIGHTS), &weights, &manifest)?;
        Self::assemble(manifest, files, weights, &full(names::CHAT_TEMPLATE))
    }

    fn assemble(
        manifest: Manifest,
        files: BTreeMap<String, PackBytes>,
        weights: PackBytes,
        template_path: &str,
    ) -> Result<Self, PackError> {
        let chat_template = match files.get(names::CHAT_TEMPLATE) {
            None => None,
            Some(bytes) => Some(
                String::from_utf8(bytes.to_vec())
                    .map_err(|_| PackError::damaged(template_path, "it is not UTF-8"))?,
            ),
        };
        let names = manifest.tensors.iter().map(|tensor| tensor.name.clone());
        let index = names.enumerate().map(|(i, name)| (name, i)).collect();
        Ok(Self(Arc::new(Inner { manifest, files, chat_template, weights, index })))
    }

    /// The manifest, checked.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// `graph.onnx`, see [`dialect`](crate::dialect).
    pub fn graph(&self) -> &[u8] {
        // The manifest's check guarantees that it is there.
        self.file(names::GRAPH).unwrap_or_default()
    }

    /// `tokenizer.json`; `None` only in packs made for conformance tests.
    pub fn tokenizer(&self) -> Option<&[u8]> {
        self.file(names::TOKENIZER)
    }

    /// The chat template.
    pub fn chat_template(&self) -> Option<&str> {
        self.0.chat_template.as_deref()
    }

    /// The licence text; bytes that are not UTF-8 are replaced.
    pub fn licence_text(&self) -> Option<String> {
        self.file(names::LICENCE).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A tensor by name.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let tensor = self.0.manifest.tensors.get(*self.0.index.get(name)?)?;
        let start = usize::try_from(tensor.offset).ok()?;
        let end = start.checked_add(usize::try_from(tensor.bytes).ok()?)?;
        Some(TensorView { tensor, bytes: self.0.weights.get(start..end)? })
    }

    /// The bytes of a tensor, as a value that keeps them alive by itself.
    pub fn bytes(&self, name: &str) -> Option<PackBytes> {
        let tensor = self.0.manifest.tensors.get(*self.0.index.get(name)?)?;
        let start = usize::try_from(tensor.offset).ok()?;
        let end = start.checked_add(usize::try_from(tensor.bytes).ok()?)?;
        self.0.weights.part(start..end)
    }

    fn file(&self, name: &str) -> Option<&[u8]> {
        self.0.files.get(name).map(|bytes| &**bytes)
    }
}

fn check_folder(path: &Path) -> Result<(), PackError> {
    let refuse =
        |reason: &str| PackError::NotAPack { path: path.to_owned(), reason: reason.into() };
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(refuse("it does not exist")),
        Err(source) => Err(PackError::read(path.display().to_string(), source)),
        Ok(meta) if !meta.is_dir() => Err(refuse("it is not a folder")),
        Ok(_) if !path.join(names::MANIFEST).exists() => Err(refuse("it has no manifest.json")),
        Ok(_) => Ok(()),
    }
}

/// Reads a file of at most `max` bytes; one byte more makes the length check fail later.
fn read_small(path: &Path, max: u64) -> Result<Vec<u8>, PackError> {
    let error = |e| PackError::read(path.display().to_string(), e);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(error)?;
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(error)?;
    Ok(bytes)
}

fn map(path: &Path) -> Result<PackBytes, PackError> {
    let error = |e| PackError::read(path.display().to_string(), e);
    let file = File::open(path).map_err(error)?;
    Ok(PackBytes::whole(Owner::Mapped(Mapping::of(&file).map_err(error)?)))
}

fn check_manifest_checksum(path: &str, json: &[u8], checksum: &[u8]) -> Result<(), PackError> {
    if json.len() as u64 > limits::MANIFEST_BYTES_MAX {
        return Err(PackError::damaged(path, "it is larger than any manifest"));
    }
    let expected = checksum.strip_suffix(b"\n").unwrap_or(checksum);
    if blake3::hash(json).to_hex().as_bytes() != expected {
        return Err(PackError::damaged(
            path,
            format!("its checksum is not the one in {}", names::MANIFEST_CHECKSUM),
        ));
    }
    Ok(())
}
