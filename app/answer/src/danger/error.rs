//! What is wrong with a rule file.

use std::fmt;

/// A rule file was refused; nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleError {
    /// The file, by the language under which it was loaded.
    pub file: String,
    /// The rule, by its id or, without one, by its place; `None` outside the rules.
    pub rule: Option<String>,
    /// The field; `None` if the file is not TOML at all.
    pub field: Option<String>,
    /// What is wrong and what to do.
    pub reason: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "danger rules `{}`", self.file)?;
        if let Some(rule) = &self.rule {
            write!(f, ", rule `{rule}`")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field `{field}`")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for RuleError {}
