//! Prints how well the box finds its sources, by the questions of `tests/golden/answers`:
//!
//! ```text
//! cargo run --release -p evaluation --bin evaluate -- [--encoder PACK] [--failures] [--features FILE]
//! ```
//!
//! One function makes the rows of one file of questions. Lines that are held out are counted apart and
//! never printed. PACK is a sentence encoder's, as `baraza model import` writes it.

#![forbid(unsafe_code)]

mod rows;
mod world;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use rows::{Count, Row};
use world::World;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// What was asked for on the command line.
#[derive(Debug, Default)]
struct Options {
    encoder: Option<PathBuf>,
    failures: bool,
    features: Option<PathBuf>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("evaluate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut file = || arguments.next().map(PathBuf::from).ok_or("a file must follow");
        match argument.as_str() {
            "--encoder" => options.encoder = Some(file()?),
            "--features" => options.features = Some(file()?),
            "--failures" => options.failures = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<()> {
    let world = World::open(options.encoder.as_deref())?;
    if let Some(path) = &options.features {
        return Ok(std::fs::write(path, rows::features(&world)?)?);
    }
    let mut all = Vec::new();
    let makers = [
        rows::paraphrases,
        rows::no_source,
        rows::gibberish,
        rows::near,
        rows::danger,
        rows::injections,
    ];
    for make in makers {
        all.extend(make(&world)?);
    }
    print!("{}", table(&all));
    if options.failures {
        for row in &all {
            row.open_failures.iter().for_each(|failure| println!("{}: {failure}", row.name));
        }
    }
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let mut out = format!("{:<44} {:>18} {:>18}\n", "", "open", "held out");
    for row in rows {
        let _ =
            writeln!(out, "{:<44} {:>18} {:>18}", row.name, share(row.open), share(row.held_out));
    }
    out
}

fn share(count: Count) -> String {
    match count.all {
        0 => "-".to_owned(),
        all => format!("{}/{all} {:5.1} %", count.good, 100.0 * count.good as f64 / all as f64),
    }
}
