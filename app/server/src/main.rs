//! The `baraza` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    server::run(std::env::args_os())
}
