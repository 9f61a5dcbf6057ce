//! One place where errors become a line on stderr and an exit code.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The reader of our output went away, as `head` does. No failure of ours.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output went away")]
pub(crate) struct ReaderGone;

/// Writes text to stdout.
///
/// # Errors
/// [`ReaderGone`] if nobody reads it any more, else what the system said.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        other => Ok(other?),
    }
}

/// Writes a line to stderr; if nobody reads that, nobody is to be told.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The exit code of a command; tells the person what went wrong.
pub(crate) fn exit_code(result: &anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("baraza: {}", sentence(error)));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line; a cause that is already told is not told again.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            let _ = write!(line, ": {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_are_told_once_and_in_one_line() {
        let error =
            anyhow!("no such\nfile").context("weights: no such file").context("cannot open");
        assert_eq!(sentence(&error), "cannot open: weights: no such file");
    }
}
