//! The parts of a ZIM file: header, directory, clusters. Every number of the file is checked against
//! its size before it is used.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

use crate::error::DocumentError;
use crate::limits::{
    ZIM_BLOBS_MAX, ZIM_CLUSTER_BYTES_MAX, ZIM_CLUSTERS_MAX, ZIM_DIRENT_BYTES_MAX, ZIM_ENTRIES_MAX,
    ZIM_MIMES_MAX, ZIM_WINDOW_BYTES_MAX,
};

/// First bytes of every ZIM file: 72173914, little endian.
pub(crate) const MAGIC: [u8; 4] = *b"ZIM\x04";

const HEADER_BYTES: usize = 80;
/// A directory entry's content type for redirects.
const REDIRECT: u16 = 0xffff;
/// Content types from here on are redirects, and kinds that were given up.
const SPECIAL: u16 = 0xfffd;
/// Bytes read ahead for the directory, which mostly lies in order.
const WINDOW_BYTES: usize = 64 << 10;

/// What a directory entry points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Content of a type of the list, in a cluster.
    Blob { mime: u16, cluster: u32, blob: u32 },
    /// Another entry.
    Redirect(u32),
    /// Given up by the format.
    Nothing,
}

/// One entry of the directory.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) namespace: u8,
    pub(crate) path: String,
    /// Empty where it is the path.
    pub(crate) title: String,
    pub(crate) target: Target,
}

/// An open file.
pub(crate) struct Archive {
    file: File,
    /// Where the checksum stands, behind everything else.
    end: u64,
    entries: u32,
    clusters: u32,
    path_pointers: u64,
    cluster_pointers: u64,
    main_page: u32,
    mimes: Vec<String>,
    window: Vec<u8>,
    window_at: u64,
    pointers: Vec<u8>,
    pointers_at: u64,
    cluster: Option<(u32, Result<Cluster, String>)>,
}

/// An unpacked cluster, or one that is not packed and stays in the file.
struct Cluster {
    wide: bool,
    /// Where its data begins in the file, if it is not packed.
    at: Option<u64>,
    /// Its unpacked data up to the limit.
    data: Vec<u8>,
    /// There was more.
    cut: bool,
}

impl Archive {
    /// Reads header and content types.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Io`], and [`DocumentError::Malformed`] for a file that is cut off or lies.
    pub(crate) fn open(path: &Path) -> Result<Self, DocumentError> {
        let malformed = |reason: String| DocumentError::malformed(path, reason);
        let mut file = File::open(path).map_err(DocumentError::io(path))?;
        let size = file.metadata().map_err(DocumentError::io(path))?.len();
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)
            .map_err(|_| malformed(format!("it has {size} bytes, less than a header")))?;
        let (major, end) = (u16_at(&header, 4), u64_at(&header, 72));
        if !matches!(major, 5 | 6) {
            return Err(malformed(format!("it is of version {major}, 5 and 6 are known")));
        }
        if end < HEADER_BYTES as u64 || end.checked_add(16).is_none_or(|whole| whole > size) {
            return Err(malformed(format!(
                "it is cut off: {size} bytes are there of {}; copy it again, or join its parts if it \
                 came in several",
                end.saturating_add(16)
            )));
        }
        let mut archive = Self {
            file,
            end,
            entries: u32_at(&header, 24),
            clusters: u32_at(&header, 28),
            path_pointers: u64_at(&header, 32),
            cluster_pointers: u64_at(&header, 48),
            main_page: u32_at(&header, 64),
            mimes: Vec::new(),
            window: Vec::new(),
            window_at: 0,
            pointers: Vec::new(),
            pointers_at: 0,
            cluster: None,
        };
        for (what, count, limit, at) in [
            ("directory", archive.entries, ZIM_ENTRIES_MAX, archive.path_pointers),
            ("clusters", archive.clusters, ZIM_CLUSTERS_MAX, archive.cluster_pointers),
        ] {
            if count > limit {
                return Err(malformed(format!("its {what} has {count} entries, over {limit}")));
            }
            if at.checked_add(u64::from(count) * 8).is_none_or(|behind| behind > end) {
                return Err(malformed(format!("its list of {what} points outside of the file")));
            }
        }
        let list = u64_at(&header, 56);
        archive.mimes = archive.read_mimes(list).map_err(malformed)?;
        Ok(archive)
    }

    /// Entries of the directory.
    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    /// The index of the main page's entry.
    pub(crate) fn main_page(&self) -> Option<u32> {
        (self.main_page < self.entries).then_some(self.main_page)
    }

    /// A content type by its number; empty if there is none.
    pub(crate) fn mime(&self, number: u16) -> &str {
        self.mimes.get(usize::from(number)).map_or("", String::as_str)
    }

    fn read_mimes(&mut self, at: u64) -> Result<Vec<String>, String> {
        let bytes = self.window(at, WINDOW_BYTES)?.to_vec();
        let mut mimes = Vec::new();
        for mime in bytes.split(|byte| *byte == 0) {
            if mime.is_empty() || mimes.len() == ZIM_MIMES_MAX {
                break;
            }
            mimes.push(String::from_utf8_lossy(mime).into_owned());
        }
        Ok(mimes)
    }

    /// Up to `length` bytes at `at`, fewer only at the end of the file.
    fn window(&mut self, at: u64, length: usize) -> Result<&[u8], String> {
        if at >= self.end {
            return Err(format!("it points to byte {at}, outside of the file"));
        }
        let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let wanted = length.min(left);
        let inside = at.checked_sub(self.window_at).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = inside
            && skip.checked_add(wanted).is_some_and(|end| end <= self.window.len())
        {
            return Ok(&self.window[skip..skip + wanted]);
        }
        let more = WINDOW_BYTES.max(wanted).min(left);
        self.window = read_at(&mut self.file, at, more)?;
        self.window_at = at;
        Ok(&self.window[..wanted])
    }

    /// One entry of the directory.
    ///
    /// # Errors
    ///
    /// If it lies outside of the file or has no end.
    pub(crate) fn entry(&mut self, index: u32) -> Result<Entry, String> {
        if index >= self.entries {
            return Err(format!("entry {index} is behind the last of {}", self.entries));
        }
        let at = self.path_pointers + u64::from(index) * 8;
        let cached = at.checked_sub(self.pointers_at).and_then(|skip| usize::try_from(skip).ok());
        let skip = match cached {
            Some(skip) if skip + 8 <= self.pointers.len() => skip,
            _ => {
                let left = u64::from(self.entries - index) * 8;
                let length = usize::try_from(left).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
                self.pointers = read_at(&mut self.file, at, length)?;
                self.pointers_at = at;
                0
            }
        };
        let place = u64_at(&self.pointers, skip);
        parse_entry(self.window(place, ZIM_DIRENT_BYTES_MAX)?)
    }

    /// A blob's bytes.
    ///
    /// # Errors
    ///
    /// If the cluster cannot be unpacked, or its table of blobs lies, or the blob is too large.
    pub(crate) fn blob(&mut self, cluster: u32, blob: u32, limit: u64) -> Result<Vec<u8>, String> {
        if self.cluster.as_ref().is_none_or(|(open, _)| *open != cluster) {
            self.cluster = None;
            let unpacked = self.unpack(cluster);
            self.cluster = Some((cluster, unpacked));
        }
        let Some((_, open)) = &self.cluster else { return Err("no cluster".into()) };
        let open = open.as_ref().map_err(Clone::clone)?;
        let file = &mut self.file;
        let end = self.end;
        let width: u64 = if open.wide { 8 } else { 4 };
        let mut piece = |from: u64, length: u64| -> Result<Vec<u8>, String> {
            let behind = from.checked_add(length).ok_or("its table of blobs overflows")?;
            let size = usize::try_from(length).map_err(|_| "its table of blobs overflows")?;
            if let Some(at) = open.at {
                let start = at.checked_add(from).ok_or("its table of blobs overflows")?;
                if at.checked_add(behind).is_none_or(|behind| behind > end) {
                    return Err("its blob lies outside of the file".into());
                }
                return read_at(file, start, size);
            }
            let (from, behind) = (usize::try_from(from), usize::try_from(behind));
            let range = from.ok().zip(behind.ok()).and_then(|(from, to)| open.data.get(from..to));
            range.map(<[u8]>::to_vec).ok_or_else(|| match open.cut {
                true => format!("its cluster unpacks to more than {ZIM_CLUSTER_BYTES_MAX} bytes"),
                false => "its blob lies outside of its cluster".to_owned(),
            })
        };
        let number =
            |bytes: &[u8]| if open.wide { u64_at(bytes, 0) } else { u64::from(u32_at(bytes, 0)) };
        let table = number(&piece(0, width)?);
        let count = (table / width).saturating_sub(1);
        if count > ZIM_BLOBS_MAX || u64::from(blob) >= count {
            return Err(format!("blob {blob} is behind the last of {count} in its cluster"));
        }
        let ends = piece(u64::from(blob) * width, width * 2)?;
        let begin = number(&ends);
        let behind = number(&ends[usize::from(open.wide) * 4 + 4..]);
        match behind.checked_sub(begin) {
            Some(_) if begin < table => Err("its blob lies in the table of blobs".into()),
            Some(length) if length > limit => {
                Err(format!("it has {length} bytes, the limit is {limit}"))
            }
            Some(length) => piece(begin, length),
            None => Err("its blob ends before it begins".into()),
        }
    }

    fn unpack(&mut self, cluster: u32) -> Result<Cluster, String> {
        if cluster >= self.clusters {
            return Err(format!("cluster {cluster} is behind the last of {}", self.clusters));
        }
        let pointer = self.cluster_pointers + u64::from(cluster) * 8;
        let at = u64_at(&read_at(&mut self.file, pointer, 8)?, 0);
        if at < HEADER_BYTES as u64 || at >= self.end {
            return Err(format!("cluster {cluster} lies outside of the file"));
        }
        let info = read_at(&mut self.file, at, 1)?[0];
        let (wide, packing) = (info & 0x10 != 0, info & 0x0f);
        let length = self.end - at - 1;
        // `read_at` left the file just behind the first byte.
        let packed = BufReader::new((&mut self.file).take(length));
        let damaged = |error: String| format!("cluster {cluster} is damaged: {error}");
        let unpacked = match packing {
            0 | 1 => return Ok(Cluster { wide, at: Some(at + 1), data: Vec::new(), cut: false }),
            4 => {
                let kib = u32::try_from(ZIM_WINDOW_BYTES_MAX / 1024).unwrap_or(u32::MAX);
                drain(XzReader::new_mem_limit(packed, false, kib))
            }
            5 => StreamingDecoder::new_with_max_window_size(packed, ZIM_WINDOW_BYTES_MAX)
                .map_err(|error| error.to_string())
                .and_then(drain),
            other => return Err(format!("cluster {cluster} is packed in way {other}, unknown")),
        };
        let data = unpacked.map_err(damaged)?;
        let cut = data.len() as u64 > ZIM_CLUSTER_BYTES_MAX;
        Ok(Cluster { wide, at: None, data, cut })
    }
}

/// Reads to the end, or to one byte more than the limit.
fn drain(packed: impl Read) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    match packed.take(ZIM_CLUSTER_BYTES_MAX + 1).read_to_end(&mut data) {
        Ok(_) => Ok(data),
        Err(error) => Err(error.to_string()),
    }
}

fn read_at(file: &mut File, at: u64, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|error| format!("cannot read {length} bytes at {at}: {error}"))?;
    Ok(bytes)
}

fn parse_entry(bytes: &[u8]) -> Result<Entry, String> {
    let head = bytes.get(..12).ok_or("an entry of the directory is cut off")?;
    let mime = u16_at(head, 0);
    let (target, names) = match mime {
        REDIRECT => (Target::Redirect(u32_at(head, 8)), 12),
        SPECIAL.. => (Target::Nothing, 12),
        mime => {
            let rest = bytes.get(12..16).ok_or("an entry of the directory is cut off")?;
            (Target::Blob { mime, cluster: u32_at(head, 8), blob: u32_at(rest, 0) }, 16)
        }
    };
    let mut names = bytes[names..].split(|byte| *byte == 0);
    let mut name = |last: bool| match names.next() {
        Some(name) if last || name.len() < ZIM_DIRENT_BYTES_MAX - 16 => {
            Ok(String::from_utf8_lossy(name).into_owned())
        }
        _ => Err("an entry of the directory has no end".to_owned()),
    };
    Ok(Entry { namespace: head[3], path: name(false)?, title: name(true)?, target })
}

// The callers give slices that are long enough; a shorter one reads as zero.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
