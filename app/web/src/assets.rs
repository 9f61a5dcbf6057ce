//! The style sheet and the script, compiled in.
//!
//! Pages link to them with a fingerprint in the query, so that a browser may keep them for a year
//! and still gets the new one the moment the box is updated.

use crate::reply::Reply;

/// A file that pages link to.
#[derive(Debug)]
pub(crate) struct Asset {
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    fingerprint: u64,
}

impl Asset {
    const fn new(path: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { path, media_type, bytes, fingerprint: fnv1a(bytes) }
    }

    /// The address that pages use.
    pub(crate) fn link(&self) -> String {
        format!("{}?v={:016x}", self.path, self.fingerprint)
    }

    /// The file, or a word that the browser's copy is still good.
    pub(crate) fn reply(&self, asked_version: Option<&str>, if_none_match: Option<&str>) -> Reply {
        let version = format!("{:016x}", self.fingerprint);
        let tag = format!("\"{version}\"");
        // Only the address with the fingerprint always means these bytes.
        let keep = if asked_version == Some(&*version) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let unchanged = if_none_match.is_some_and(|tags| tags.contains(&tag));
        let (status, body) = if unchanged { (304, &b""[..]) } else { (200, self.bytes) };
        Reply::new(status, self.media_type, body).with("Cache-Control", keep).with("ETag", tag)
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &'static str {
        std::str::from_utf8(self.bytes).unwrap()
    }
}

/// How every page looks.
pub(crate) static STYLE: Asset =
    Asset::new("/app.css", "text/css; charset=utf-8", include_bytes!("../assets/app.css"));

/// What pages gain where JavaScript runs.
pub(crate) static SCRIPT: Asset =
    Asset::new("/app.js", "text/javascript; charset=utf-8", include_bytes!("../assets/app.js"));

/// What pages of the review desk add to [`STYLE`].
pub(crate) static REVIEW_STYLE: Asset =
    Asset::new("/review.css", "text/css; charset=utf-8", include_bytes!("../assets/review.css"));

/// What the page of the clock gains where JavaScript runs.
pub(crate) static REVIEW_SCRIPT: Asset = Asset::new(
    "/review.js",
    "text/javascript; charset=utf-8",
    include_bytes!("../assets/review.js"),
);

/// FNV-1a, 64 bits: tells versions apart, protects nothing.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_keeps_what_cannot_change() {
        let version = format!("{:016x}", STYLE.fingerprint);
        assert!(STYLE.link().ends_with(&version));
        let fresh = STYLE.reply(Some(&version), None);
        assert_eq!(fresh.status, 200);
        assert!(fresh.header("Cache-Control").unwrap().contains("immutable"));
        let old = STYLE.reply(Some("0"), None);
        assert_eq!(old.header("Cache-Control"), Some("no-cache"));
        let again = STYLE.reply(None, fresh.header("ETag"));
        assert_eq!((again.status, again.text()), (304, ""));
        assert_ne!(STYLE.fingerprint, SCRIPT.fingerprint);
    }
}
