use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::PackError;
use crate::manifest::{self, FileEntry, Manifest, ModelCard, Tensor, TensorKind};
use crate::{limits, names};

/// Every file this writer may leave behind in a partial folder.
const OURS: [&str; 7] = [
    names::MANIFEST,
    names::MANIFEST_CHECKSUM,
    names::GRAPH,
    names::WEIGHTS,
    names::TOKENIZER,
    names::CHAT_TEMPLATE,
    names::LICENCE,
];

/// Writes a pack, streaming: memory use does not depend on the size of the tensors.
///
/// Everything goes to `DEST.partial`; [`PackWriter::finish`] flushes it to the disk and renames it,
/// so that `DEST` is either absent or whole. Dropping an unfinished writer removes what it wrote.
#[derive(Debug)]
pub struct PackWriter {
    dest: PathBuf,
    partial: PathBuf,
    weights: BufWriter<File>,
    weights_path: String,
    offset: u64,
    tensors: Vec<Tensor>,
    files: BTreeMap<String, FileEntry>,
    finished: bool,
}

impl PackWriter {
    /// Begins a pack that will appear at `dest`.
    ///
    /// # Errors
    ///
    /// When `dest` exists and is not an empty folder, when `DEST.partial` holds files that are not
    /// an interrupted import's, or when the folder cannot be created.
    pub fn create(dest: &Path) -> Result<Self, PackError> {
        refuse_taken(dest)?;
        let partial = partial_of(dest)?;
        clear_partial(&partial)?;
        let show = |path: &Path| path.display().to_string();
        if let Some(parent) = parent_of(dest) {
            fs::create_dir_all(parent).map_err(|e| PackError::write(show(parent), e))?;
        }
        fs::create_dir(&partial).map_err(|e| PackError::write(show(&partial), e))?;
        let path = partial.join(names::WEIGHTS);
        let weights = File::create(&path).map_err(|e| PackError::write(show(&path), e))?;
        Ok(Self {
            dest: dest.to_owned(),
            partial,
            weights: BufWriter::with_capacity(1 << 20, weights),
            weights_path: show(&path),
            offset: 0,
            tensors: Vec::new(),
            files: BTreeMap::new(),
            finished: false,
        })
    }

    /// Appends a tensor; `fill` writes its bytes, in as many pieces as it likes.
    ///
    /// # Errors
    ///
    /// When the name is taken, `kind` is out of range, nothing or too much is written, or the
    /// disk refuses. An error that `fill` itself returns comes back unchanged.
    pub fn add_tensor<E: From<PackError>>(
        &mut self,
        name: &str,
        kind: TensorKind,
        fill: impl FnOnce(&mut TensorSink<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check_tensor(name, &kind)?;
        let offset = manifest::align(self.offset);
        let gap = [0u8; limits::ALIGNMENT];
        // Below 64 by construction of `align`.
        let gap = &gap[..(offset - self.offset) as usize];
        let path = self.weights_path.clone();
        self.weights.write_all(gap).map_err(|e| PackError::write(&path, e))?;
        let mut sink = TensorSink {
            out: &mut self.weights,
            path: &path,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        };
        fill(&mut sink)?;
        let (bytes, blake3) = (sink.bytes, sink.hasher.finalize().to_hex().to_string());
        let tensor = Tensor { name: name.to_owned(), offset, bytes, blake3, kind };
        let unfit = |reason| PackError::Unfit { what: format!("tensor {name}"), reason };
        tensor.check().map_err(|(field, why)| unfit(format!("{field} {why}")))?;
        self.offset = offset + bytes;
        if self.offset > limits::WEIGHTS_BYTES_MAX {
            return Err(unfit("the weights become too large".into()).into());
        }
        self.tensors.push(tensor);
        Ok(())
    }

    fn check_tensor(&self, name: &str, kind: &TensorKind) -> Result<(), PackError> {
        let unfit = |reason| PackError::Unfit { what: format!("tensor {name}"), reason };
        if self.tensors.iter().any(|tensor| tensor.name == name) {
            return Err(unfit("the name is taken".into()));
        }
        if self.tensors.len() >= limits::TENSORS_MAX {
            return Err(unfit(format!("there are {} already", limits::TENSORS_MAX)));
        }
        kind.check().map_err(unfit)
    }

    /// True where a tensor of this name was added.
    pub fn has_tensor(&self, name: &str) -> bool {
        self.tensors.iter().any(|tensor| tensor.name == name)
    }

    /// Adds one of the small files: `graph.onnx`, `tokenizer.json`, `chat_template.jinja` or
    /// `LICENSE.txt`.
    ///
    /// # Errors
    ///
    /// When the name is none of these, the content is too large, or the disk refuses.
    pub fn add_file(&mut self, name: &str, content: &[u8]) -> Result<(), PackError> {
        let unfit = |reason| PackError::Unfit { what: format!("file {name}"), reason };
        let max = manifest::file_bytes_max(name)
            .ok_or_else(|| unfit("a pack has no file of this name".into()))?;
        let bytes = content.len() as u64;
        if bytes > max {
            return Err(unfit(format!("it has {bytes} bytes, at most {max} are allowed")));
        }
        self.write_file(name, content)?;
        let blake3 = blake3::hash(content).to_hex().to_string();
        self.files.insert(name.to_owned(), FileEntry { bytes, blake3 });
        Ok(())
    }

    /// Writes the manifest, flushes everything to the disk and moves the pack to its place.
    ///
    /// # Errors
    ///
    /// When `model` is out of range, `graph.onnx` was not added, `dest` has been taken in the
    /// meantime, or the disk refuses.
    pub fn finish(mut self, model: ModelCard) -> Result<Manifest, PackError> {
        let manifest = Manifest {
            format: model.format(),
            model,
            files: std::mem::take(&mut self.files),
            weights_bytes: self.offset,
            tensors: std::mem::take(&mut self.tensors),
        };
        manifest.check().map_err(|(what, reason)| PackError::Unfit { what, reason })?;
        let path = self.weights_path.clone();
        self.weights.flush().map_err(|e| PackError::write(&path, e))?;
        self.weights.get_ref().sync_all().map_err(|e| PackError::write(&path, e))?;

        let mut json = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| PackError::Unfit { what: "manifest".into(), reason: e.to_string() })?;
        json.push(b'\n');
        self.write_file(names::MANIFEST, &json)?;
        let checksum = format!("{}\n", blake3::hash(&json).to_hex());
        self.write_file(names::MANIFEST_CHECKSUM, checksum.as_bytes())?;

        let show = self.dest.display().to_string();
        sync_folder(&self.partial).map_err(|e| PackError::write(&show, e))?;
        refuse_taken(&self.dest)?;
        fs::rename(&self.partial, &self.dest).map_err(|e| PackError::write(&show, e))?;
        self.finished = true;
        if let Some(parent) = parent_of(&self.dest) {
            sync_folder(parent).map_err(|e| PackError::write(&show, e))?;
        }
        Ok(manifest)
    }

    fn write_file(&self, name: &str, content: &[u8]) -> Result<(), PackError> {
        let path = self.partial.join(name);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(|e: io::Error| PackError::write(path.display().to_string(), e))
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: the next import clears it as well.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// Where [`PackWriter::add_tensor`]'s closure puts the bytes of its tensor.
#[derive(Debug)]
pub struct TensorSink<'a> {
    out: &'a mut BufWriter<File>,
    path: &'a str,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl TensorSink<'_> {
    /// Appends `bytes` to the tensor.
    ///
    /// # Errors
    ///
    /// When the disk is full or refuses.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.out.write_all(bytes).map_err(|e| PackError::write(self.path, e))?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

fn parent_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}

fn partial_of(dest: &Path) -> Result<PathBuf, PackError> {
    let Some(name) = dest.file_name() else {
        let reason = "has no last part that could name a folder".into();
        return Err(PackError::Destination { path: dest.to_owned(), reason });
    };
    let mut name = name.to_owned();
    name.push(".partial");
    Ok(dest.with_file_name(name))
}

fn refuse_taken(dest: &Path) -> Result<(), PackError> {
    let refuse = |reason: &str| {
        Err(PackError::Destination { path: dest.to_owned(), reason: reason.to_owned() })
    };
    let Ok(meta) = fs::symlink_metadata(dest) else { return Ok(()) };
    if !meta.is_dir() {
        return refuse("exists and is not a folder");
    }
    let mut entries =
        fs::read_dir(dest).map_err(|e| PackError::read(dest.display().to_string(), e))?;
    if entries.next().is_some() {
        return refuse("exists and is not empty");
    }
    Ok(())
}

/// Removes what an interrupted import left behind, and nothing else.
fn clear_partial(partial: &Path) -> Result<(), PackError> {
    let Ok(entries) = fs::read_dir(partial) else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(|e| PackError::read(partial.display().to_string(), e))?;
        if !entry.file_name().to_str().is_some_and(|name| OURS.contains(&name)) {
            let reason = format!("has a file that is not ours, {:?}", entry.file_name());
            return Err(PackError::Destination { path: partial.to_owned(), reason });
        }
    }
    fs::remove_dir_all(partial).map_err(|e| PackError::write(partial.display().to_string(), e))
}

/// Makes the names inside a folder durable. Only Unix can, and only there it is needed.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
