//! The one binary, `baraza`: command line, wiring, supervision, logs.
//!
//! `serve` wires it all: [`web`] takes questions to the `front_desk`, which journals them in
//! [`store`]; a few `worker` threads take them from there in order and have their answers written by
//! the one `engine_thread`, in which all texts on their way share each pass through the model; `live`
//! tells followers how far it is. `ask` does the same for one question.
//!
//! # Who may answer
//!
//! Several processes may have a data folder open, but only the holder of the
//! [`store::AnsweringRight`] writes answers. `serve` holds it while it runs. `ask` takes it if it is
//! free and answers its own question; otherwise it leaves the question to whoever holds the right and
//! waits for the answer. Thus no question is answered twice, and memory holds one model, not two.

#![forbid(unsafe_code)]

mod answerer;
mod asking;
mod cli;
mod commands;
mod encoder;
mod engine_thread;
mod failure;
mod front_desk;
mod importing;
mod language_model;
mod librarian;
pub mod limits;
mod live;
mod logs;
mod memory;
mod review_desk;
mod running;
mod stop;
mod worker;

use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// Runs the command line and gives the exit code: 0 done, 1 failed, 2 wrong use.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    logs::tame_panics();
    let done = panic::catch_unwind(AssertUnwindSafe(|| match cli.command {
        Command::Serve(serve) => commands::serve::run(&serve),
        Command::Ask(ask) => commands::ask::run(&ask),
        Command::Model(model) => commands::model::run(model),
        Command::Knowledge(knowledge) => commands::knowledge::run(&knowledge),
        Command::Review(review) => commands::review::run(&review),
        Command::Site(site) => commands::site::run(&site),
    }));
    let done = done.unwrap_or_else(|_| Err(anyhow::anyhow!("stopped by a fault of its own")));
    failure::exit_code(&done)
}
