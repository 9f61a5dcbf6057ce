//! The words that stand for closed sets in the database and in JSON.

use crate::desk::{Channel, Origin};

impl Origin {
    /// The word for it: `checked`, `cache`, `model`, `floor` or `none`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Cache => "cache",
            Self::Model => "model",
            Self::Floor => "floor",
            Self::None => "none",
        }
    }

    /// The origin that a word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Checked, Self::Cache, Self::Model, Self::Floor, Self::None]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

impl Channel {
    /// The word for it: `web`, `command-line`, `sms` or `kiosk`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::CommandLine => "command-line",
            Self::Sms => "sms",
            Self::Kiosk => "kiosk",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for word in ["checked", "cache", "model", "floor", "none"] {
            assert_eq!(Origin::parse(word).unwrap().as_str(), word);
        }
        assert_eq!(Origin::parse("Model"), None);
    }
}
