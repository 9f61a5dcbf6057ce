//! Signatures in the format of minisign (<https://jedisct1.github.io/minisign/#signature-format>),
//! so that a person can make and check them on any computer, without a box.
//!
//! A file of JSON lines carries its signature as its last line, `{"minisign": "..."}` with the four
//! lines of minisign's signature file; it is over all bytes before that line. A file may instead
//! come with a signature beside it, `FILE.minisig`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use minisign::{KeyPair, PublicKeyBox, SecretKey, SecretKeyBox};
use minisign_verify::{Error, PublicKey, Signature};
use serde::{Deserialize, Serialize};

use crate::limits::SIGNATURE_BYTES_MAX;

/// The box's own key, in the data folder.
const SECRET: &str = "box.key";
const PUBLIC: &str = "box.pub";

/// What is wrong with a signature or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not what minisign writes as a public key.
    #[error("not a public key of minisign: copy the second line of its .pub file")]
    NotAKey,
    /// Not what minisign writes as a signature.
    #[error("not a signature of minisign: sign the file again, with minisign 0.10 or later")]
    NotASignature,
    /// Another key signed it.
    #[error("signed with another key")]
    OtherKey,
    /// The signature is not over these bytes.
    #[error("the signature does not fit: the file is damaged or was changed; copy it again")]
    Wrong,
    /// The box's own key cannot be read or made.
    #[error(
        "cannot use the box's key {} ({reason}): make the folder writable, or move a damaged key \
         away to get a new one", path.display()
    )]
    BoxKey {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// Checks that `signature` (the text of a `.minisig` file) is over exactly `bytes` and made with
/// `key` (a line of Base64). The signed comment is covered, the other one ("untrusted comment") is
/// not.
///
/// # Errors
/// [`SignatureError`] says what does not fit.
pub fn verify(bytes: &[u8], signature: &str, key: &str) -> Result<(), SignatureError> {
    let key = PublicKey::from_base64(key).map_err(|_| SignatureError::NotAKey)?;
    if signature.len() > SIGNATURE_BYTES_MAX {
        return Err(SignatureError::NotASignature);
    }
    let signature = Signature::decode(signature).map_err(|_| SignatureError::NotASignature)?;
    // Signatures without a hash before (minisign before 0.10) are refused: they were the tool's old
    // form.
    key.verify(bytes, &signature, false).map_err(|error| match error {
        Error::UnexpectedKeyId => SignatureError::OtherKey,
        Error::InvalidSignature => SignatureError::Wrong,
        _ => SignatureError::NotASignature,
    })
}

/// Which of some trusted keys made a signature over `bytes`; gives its place.
///
/// # Errors
/// [`SignatureError::OtherKey`] if none of them did, [`SignatureError::Wrong`] if one of them
/// signed something else, [`SignatureError::NotASignature`].
pub fn signer<'a>(
    bytes: &[u8],
    signature: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<usize, SignatureError> {
    let mut answer = SignatureError::OtherKey;
    for (place, key) in keys.into_iter().enumerate() {
        match verify(bytes, signature, key) {
            Ok(()) => return Ok(place),
            // A key that cannot be read signed nothing; the next one may have.
            Err(SignatureError::OtherKey | SignatureError::NotAKey) => {}
            Err(error) => answer = error,
        }
    }
    Err(answer)
}

/// The one line of Base64 that a public key is known by, from that line or from a whole `.pub`
/// file.
///
/// # Errors
/// [`SignatureError::NotAKey`] for anything else.
pub fn canonical_key(text: &str) -> Result<String, SignatureError> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    match PublicKey::from_base64(line) {
        // Only the usual mark, so that one key has one form.
        Ok(_) if line.starts_with("RW") => Ok(line.to_owned()),
        _ => Err(SignatureError::NotAKey),
    }
}

/// The last line of a signed file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureLine {
    minisign: String,
}

/// Takes a file apart: what is signed, and the signature if its last line is one. Without one, all
/// of it is the first part.
#[must_use]
pub fn split_signed(bytes: &[u8]) -> (&[u8], Option<String>) {
    let end = bytes.trim_ascii_end().len();
    let start = bytes[..end].iter().rposition(|b| *b == b'\n').map_or(0, |place| place + 1);
    let line = &bytes[start..end];
    if line.len() > SIGNATURE_BYTES_MAX {
        return (bytes, None);
    }
    match serde_json::from_slice::<SignatureLine>(line) {
        Ok(line) => (&bytes[..start], Some(line.minisign)),
        Err(_) => (bytes, None),
    }
}

/// Puts a signature behind what it signs; `body` must end with a line break.
#[must_use]
pub fn join_signed(mut body: Vec<u8>, signature: String) -> Vec<u8> {
    let line = serde_json::to_string(&SignatureLine { minisign: signature }).unwrap_or_default();
    body.extend_from_slice(line.as_bytes());
    body.push(b'\n');
    body
}

/// The key that this box signs with. It proves that a file is from this box, no more: whoever can
/// read the data folder can sign as the box.
pub struct BoxKey {
    secret: SecretKey,
    public: String,
}

impl std::fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BoxKey({})", self.public)
    }
}

impl BoxKey {
    /// Reads the key of a data folder, and makes it first if there is none: `box.key`, for this
    /// user only, and `box.pub` for others to trust. Only one process may do this at a time.
    ///
    /// # Errors
    /// [`SignatureError::BoxKey`] if the files cannot be read or written, or are damaged.
    pub fn open(folder: &Path) -> Result<Self, SignatureError> {
        let path = folder.join(SECRET);
        let failed = |reason: String| SignatureError::BoxKey { path: path.clone(), reason };
        let secret = match fs::read_to_string(&path) {
            Ok(text) => read_secret(&text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pair = KeyPair::generate_unencrypted_keypair().map_err(|e| failed(text(&e)))?;
                let kept =
                    pair.sk.to_box(Some("key of a Baraza box")).map_err(|e| failed(text(&e)))?;
                write_whole(&path, &kept.to_string(), true).map_err(|e| failed(text(&e)))?;
                pair.sk
            }
            Err(error) => return Err(failed(text(&error))),
        };
        let public =
            minisign::PublicKey::from_secret_key(&secret).map_err(|error| failed(text(&error)))?;
        let public_file = folder.join(PUBLIC);
        let comment = "untrusted comment: public key of a Baraza box";
        let content = format!("{comment}\n{}\n", public.to_base64());
        if fs::read_to_string(&public_file).ok().as_ref() != Some(&content) {
            write_whole(&public_file, &content, false).map_err(|e| failed(text(&e)))?;
        }
        let fits = PublicKeyBox::from_string(&content).and_then(PublicKeyBox::into_public_key);
        fits.map_err(|error| failed(text(&error)))?;
        Ok(Self { secret, public: public.to_base64() })
    }

    /// The public key, as a line of Base64: what other boxes are told to trust.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The key's number as minisign shows it: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        self.secret.keynum().iter().rev().map(|byte| format!("{byte:02X}")).collect()
    }

    /// A signature over `bytes`, as the text of a `.minisig` file. It says nothing of time or
    /// place.
    ///
    /// # Errors
    /// [`SignatureError::BoxKey`] if the system gives no random numbers.
    pub fn sign(&self, bytes: &[u8]) -> Result<String, SignatureError> {
        let comment = Some("signed by a Baraza box");
        let signed = minisign::sign(None, &self.secret, bytes, comment, comment);
        signed
            .map(|signature| signature.into_string())
            .map_err(|error| SignatureError::BoxKey { path: SECRET.into(), reason: text(&error) })
    }
}

fn read_secret(text: &str) -> Result<SecretKey, String> {
    let read = SecretKeyBox::from_string(text).and_then(SecretKeyBox::into_unencrypted_secret_key);
    read.map_err(|error| error.to_string())
}

fn text(error: &dyn std::error::Error) -> String {
    error.to_string()
}

/// Writes a file so that it is there whole or not at all, whatever happens.
fn write_whole(path: &Path, content: &str, private: bool) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt;
        // The mode is that of a new file only.
        let _ = fs::remove_file(&draft);
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    let mut file = options.open(&draft)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made with minisign 0.11: `minisign -G -W`, then `minisign -S -m body.jsonl -t 'baraza test'
    /// -c 'untrusted words'`; the last with `-l`, which is its old form.
    const BODY: &[u8] = b"{\"format\":\"x\"}\n{\"a\":1}\n";
    const KEY: &str = "RWTNy/CC/+QTFVD4x94cjkw62Tog9phOa0pXIacae1xlu/1bVjnS+/UE";
    const OTHER_KEY: &str = "RWQGrc8TCk+GQjs5nkTXRHZUC+tCFk+p9CANfiVQSSe5rNWBYZ56vq8g";
    const SIGNATURE: &str = "untrusted comment: untrusted words\n\
        RUTNy/CC/+QTFdfUTDaFnCG2mmm2iz7IePY3HqSYbNwTjFgA649TIH9+Uvba4MNQlHysnBlRwnEtKN0D6+4Lh34O7+b6/bXCXQ4=\n\
        trusted comment: baraza test\n\
        +GSxvAKDpbXlCChZrDA1khrf2rClYBPiYwKRkmiEMcdfdMQ6OAEvpdTTrWByLt8dSUlNL3sj1Hpu7XvQv9TIBw==\n";
    const OLD_SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RWTNy/CC/+QTFQXdLMSQz3fLXGp3uDZrzr+MReWHQehS/xlHsYU/C/SYUeCeh5xSvVcx6LETbvXie0Y+XBKzxSOxF7IaTTZtIA0=\n\
        trusted comment: old\n\
        hcCi7MNw6KYfb3eFHaEjIxwNARn64EV84FPkV4D2bd1sZnQZ4tXb266h7zPS0Llv7a7989yOPRlbc/uHEFw+CA==\n";

    #[test]
    fn a_signature_by_the_tool_is_believed() {
        verify(BODY, SIGNATURE, KEY).unwrap();
        assert_eq!(signer(BODY, SIGNATURE, ["x", OTHER_KEY, KEY]).unwrap(), 2);
        let windows = SIGNATURE.replace('\n', "\r\n");
        verify(BODY, &windows, KEY).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_told_apart() {
        let error = |bytes: &[u8], signature: &str, key: &str| verify(bytes, signature, key);
        assert!(matches!(error(BODY, SIGNATURE, OTHER_KEY), Err(SignatureError::OtherKey)));
        assert!(matches!(error(b"x", SIGNATURE, KEY), Err(SignatureError::Wrong)));
        assert!(matches!(error(BODY, OLD_SIGNATURE, KEY), Err(SignatureError::NotASignature)));
        assert!(matches!(error(BODY, "", KEY), Err(SignatureError::NotASignature)));
        assert!(matches!(error(BODY, SIGNATURE, ""), Err(SignatureError::NotAKey)));
        let renamed = SIGNATURE.replace("baraza test", "baraza tests");
        assert!(matches!(error(BODY, &renamed, KEY), Err(SignatureError::Wrong)));
        let none: [&str; 0] = [];
        assert!(matches!(signer(BODY, SIGNATURE, none), Err(SignatureError::OtherKey)));
        assert!(matches!(signer(b"x", SIGNATURE, [KEY, OTHER_KEY]), Err(SignatureError::Wrong)));
    }

    #[test]
    fn no_damage_to_what_is_signed_is_believed() {
        for place in 0..BODY.len() {
            for bit in 0..8 {
                let mut damaged = BODY.to_vec();
                damaged[place] ^= 1 << bit;
                assert!(verify(&damaged, SIGNATURE, KEY).is_err());
            }
        }
        // All of the signature but its first line, which nobody signs, and the break at its end.
        let first = SIGNATURE.find('\n').unwrap();
        for place in first + 1..SIGNATURE.len() - 1 {
            for bit in 0..7 {
                let mut damaged = SIGNATURE.as_bytes().to_vec();
                damaged[place] ^= 1 << bit;
                let damaged = String::from_utf8(damaged).unwrap();
                assert!(verify(BODY, &damaged, KEY).is_err(), "{place} {bit}");
            }
        }
        for length in 0..SIGNATURE.len() - 1 {
            assert!(verify(BODY, &SIGNATURE[..length], KEY).is_err(), "{length}");
        }
    }

    #[test]
    fn a_box_makes_its_key_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = BoxKey::open(folder.path()).unwrap();
        let again = BoxKey::open(folder.path()).unwrap();
        assert_eq!(first.public_key(), again.public_key());
        let signature = again.sign(BODY).unwrap();
        verify(BODY, &signature, first.public_key()).unwrap();
        assert!(!signature.contains("timestamp"), "{signature}");
        let public = fs::read_to_string(folder.path().join(PUBLIC)).unwrap();
        assert_eq!(canonical_key(&public).unwrap(), first.public_key());
        assert_eq!(first.id().len(), 16);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(SECRET)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(folder.path().join(SECRET), "damaged").unwrap();
        let error = BoxKey::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("move a damaged key away"), "{error}");
        assert!(BoxKey::open(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn a_signed_file_comes_apart_as_it_was_put_together() {
        let joined = join_signed(BODY.to_vec(), SIGNATURE.into());
        assert_eq!(split_signed(&joined), (BODY, Some(SIGNATURE.into())));
        assert_eq!(split_signed(joined.trim_ascii_end()), (BODY, Some(SIGNATURE.into())));
        for unsigned in
            [&b""[..], b"\n", BODY, b"{\"minisign\":1}", b"{\"minisign\":\"\",\"a\":1}\n"]
        {
            assert_eq!(split_signed(unsigned), (unsigned, None));
        }
        assert_eq!(split_signed(b"{\"minisign\":\"\"}"), (&b""[..], Some(String::new())));
    }

    proptest! {
        #[test]
        fn any_bytes_come_apart(bytes: Vec<u8>, signature: String, key: String) {
            let (body, _) = split_signed(&bytes);
            prop_assert!(bytes.starts_with(body));
            prop_assert!(verify(&bytes, &signature, &key).is_err());
            let _ = canonical_key(&key);
        }

        #[test]
        fn any_lengths_of_base64_are_refused(one in "[A-Za-z0-9+/]{0,140}=?=?", two in "[A-Za-z0-9+/]{0,140}=?=?") {
            let signature = format!("untrusted comment: x\n{one}\ntrusted comment: y\n{two}\n");
            prop_assert!(verify(BODY, &signature, KEY).is_err());
        }
    }
}
