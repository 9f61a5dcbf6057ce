//! Prompts paid once: the KV cache of a prompt's beginning, kept for the next prompt that begins so.
//!
//! The system prompt and the passage right after it come again and again; their keys and values
//! depend on nothing that follows, and every kernel computes them to the same bit, so a file made
//! with the image on a PC serves the board. An entry is found by the hash of the pack and of the very
//! tokens, lives in memory (least recently used goes first) and, if there is a folder, in a file. The
//! folder may be emptied at any time.
//!
//! # File
//!
//! `HASH.kv`: `BARAZAKV`, format (u32), pack id (32 bytes), number of tokens (u32), the tokens (u32
//! each), the payload, and the BLAKE3 of all before it; little endian. The payload is
//! [`KvCache::save`](int4_kernels::attention::KvCache::save) of each layer in order. What does not
//! verify is removed and computed again.
//!
//! # Why not keep the whole conversation?
//!
//! A question's own tokens are somebody's words; only what came with the box is kept.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

const MAGIC: &[u8; 8] = b"BARAZAKV";
/// Raised when numbers change: the layout, or how a kernel rounds.
const FORMAT: u32 = 1;
const HASH_BYTES: usize = 32;

/// Where prompts' beginnings are kept, and how much of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixOptions {
    /// Bytes in memory at most; 0 keeps none there.
    pub memory_bytes: u64,
    /// Folder for files; `None` keeps none. Made if it is not there.
    pub folder: Option<PathBuf>,
    /// Bytes in the folder at most.
    pub folder_bytes: u64,
}

/// Kept beginnings of one pack's prompts.
#[derive(Debug)]
pub(crate) struct Prefixes {
    options: PrefixOptions,
    pack: [u8; HASH_BYTES],
    /// Most recently used last.
    memory: VecDeque<Entry>,
    memory_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    hash: blake3::Hash,
    payload: Arc<Vec<u8>>,
}

impl Prefixes {
    /// For the pack with this id.
    pub(crate) fn new(options: PrefixOptions, pack: [u8; HASH_BYTES]) -> Prefixes {
        Prefixes { options, pack, memory: VecDeque::new(), memory_bytes: 0 }
    }

    /// False if nothing is ever kept, so that nobody need ask.
    pub(crate) fn keeps(&self) -> bool {
        self.options.memory_bytes > 0 || self.options.folder.is_some()
    }

    fn hash(&self, tokens: &[u32]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&FORMAT.to_le_bytes()).update(&self.pack);
        tokens.iter().for_each(|token| {
            hasher.update(&token.to_le_bytes());
        });
        hasher.finalize()
    }

    fn path(&self, hash: &blake3::Hash) -> Option<PathBuf> {
        Some(self.options.folder.as_ref()?.join(format!("{hash}.kv")))
    }

    /// True if these tokens are kept, in memory or as a file.
    pub(crate) fn has(&self, tokens: &[u32]) -> bool {
        let hash = self.hash(tokens);
        let file = || self.path(&hash).is_some_and(|path| path.is_file());
        self.memory.iter().any(|entry| entry.hash == hash) || file()
    }

    /// What is kept for exactly these tokens.
    pub(crate) fn find(&mut self, tokens: &[u32]) -> Option<Arc<Vec<u8>>> {
        let hash = self.hash(tokens);
        if let Some(at) = self.memory.iter().position(|entry| entry.hash == hash) {
            let entry = self.memory.remove(at)?;
            let payload = Arc::clone(&entry.payload);
            self.memory.push_back(entry);
            return Some(payload);
        }
        let payload = Arc::new(self.read(&self.path(&hash)?, tokens)?);
        self.remember(hash, &payload);
        Some(payload)
    }

    /// Keeps a payload for these tokens. A folder that cannot be written is no reason to stop.
    pub(crate) fn keep(&mut self, tokens: &[u32], payload: Vec<u8>) -> io::Result<()> {
        let hash = self.hash(tokens);
        let payload = Arc::new(payload);
        self.remember(hash, &payload);
        match self.path(&hash) {
            Some(path) if !path.is_file() => self.write(&path, tokens, &payload),
            _ => Ok(()),
        }
    }

    fn remember(&mut self, hash: blake3::Hash, payload: &Arc<Vec<u8>>) {
        let bytes = payload.len() as u64;
        if bytes > self.options.memory_bytes || self.memory.iter().any(|e| e.hash == hash) {
            return;
        }
        while self.memory_bytes + bytes > self.options.memory_bytes {
            let Some(oldest) = self.memory.pop_front() else { break };
            self.memory_bytes -= oldest.payload.len() as u64;
        }
        self.memory_bytes += bytes;
        self.memory.push_back(Entry { hash, payload: Arc::clone(payload) });
    }

    /// Everything before the payload.
    fn head(&self, tokens: &[u32]) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend(FORMAT.to_le_bytes());
        head.extend(self.pack);
        head.extend((tokens.len() as u32).to_le_bytes());
        head.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
        head
    }

    fn read(&self, path: &Path, tokens: &[u32]) -> Option<Vec<u8>> {
        let mut bytes = fs::read(path).ok()?;
        let verified = bytes.len().checked_sub(HASH_BYTES).and_then(|end| {
            let sound = *blake3::hash(&bytes[..end]).as_bytes() == bytes[end..];
            let head = self.head(tokens);
            (sound && bytes.starts_with(&head)).then_some(head.len()..end)
        });
        let Some(payload) = verified else {
            // Damaged, or of another time: it will be made again.
            let _ = fs::remove_file(path);
            return None;
        };
        if let Ok(file) = fs::File::open(path) {
            // So that the oldest use can be told; without a clock, the order is only a guess.
            let _ = file.set_modified(SystemTime::now());
        }
        bytes.truncate(payload.end);
        bytes.drain(..payload.start);
        Some(bytes)
    }

    fn write(&self, path: &Path, tokens: &[u32], payload: &[u8]) -> io::Result<()> {
        let mut bytes = self.head(tokens);
        bytes.extend_from_slice(payload);
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        if bytes.len() as u64 > self.options.folder_bytes {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            make_room(folder, self.options.folder_bytes - bytes.len() as u64)?;
        }
        // Renamed when whole, so that a cut in power leaves no half of one. Not synced: what is lost
        // is computed again, and what is torn does not verify.
        let part = path.with_extension("part");
        fs::write(&part, &bytes)
            .and_then(|()| fs::rename(&part, path))
            .inspect_err(|_| drop(fs::remove_file(&part)))
    }
}

/// Removes the files that were used longest ago until at most `limit` bytes are left.
fn make_room(folder: &Path, limit: u64) -> io::Result<()> {
    let mut files = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, about) = (entry.path(), entry.metadata()?);
        let ours = path.extension().is_some_and(|e| e == "kv" || e == "part");
        if ours && about.is_file() {
            files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), path));
        }
    }
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in files {
        if total <= limit {
            break;
        }
        fs::remove_file(path)?;
        total -= bytes;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: Option<&Path>) -> PrefixOptions {
        PrefixOptions { memory_bytes: 1000, folder: folder.map(Path::to_owned), folder_bytes: 3000 }
    }

    #[test]
    fn memory_is_bounded_and_the_least_used_goes_first() {
        let mut kept = Prefixes::new(options(None), [1; 32]);
        for token in 0..3u32 {
            kept.keep(&[token], vec![token as u8; 400]).unwrap();
            assert!(kept.find(&[0]).is_some() || token > 2);
        }
        assert!(kept.find(&[0]).is_some() && kept.find(&[2]).is_some());
        assert!(kept.find(&[1]).is_none());
        kept.keep(&[9], vec![0; 1001]).unwrap();
        assert!(kept.find(&[9]).is_none() && kept.memory_bytes <= 1000);
    }

    #[test]
    fn files_survive_and_what_is_damaged_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = [7, 8, 9];
        let mut kept = Prefixes::new(options(Some(folder.path())), [1; 32]);
        kept.keep(&tokens, vec![5; 600]).unwrap();
        let again = || Prefixes::new(options(Some(folder.path())), [1; 32]);
        assert_eq!(again().find(&tokens).as_deref(), Some(&vec![5; 600]));
        assert!(again().has(&tokens) && !again().has(&tokens[..2]));
        assert!(Prefixes::new(options(Some(folder.path())), [2; 32]).find(&tokens).is_none());
        let path = kept.path(&kept.hash(&tokens)).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in [0, 10, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(again().find(&tokens).is_none() && !path.exists(), "cut at {cut}");
        }
        for flipped in [0, 20, 60, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[flipped] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(again().find(&tokens).is_none(), "byte {flipped}");
        }
    }

    #[test]
    fn the_folder_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("somebody-elses.txt"), [0; 5000]).unwrap();
        let mut kept = Prefixes::new(options(Some(folder.path())), [1; 32]);
        for token in 0..10 {
            kept.keep(&[token], vec![0; 700]).unwrap();
        }
        let files = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap());
        let ours: Vec<_> = files.filter(|e| e.path().extension().unwrap() == "kv").collect();
        let bytes: u64 = ours.iter().map(|e| e.metadata().unwrap().len()).sum();
        assert!(bytes <= 3000 && ours.len() >= 3, "{bytes} in {}", ours.len());
        assert!(folder.path().join("somebody-elses.txt").exists());
        kept.keep(&[99], vec![0; 4000]).unwrap();
        assert!(!kept.has(&[99]));
    }
}
