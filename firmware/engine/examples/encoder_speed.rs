//! `cargo run --release -p engine --example encoder_speed PACK [THREADS]`: how long a sentence
//! encoder takes for a question and for passages.

use engine::{Encoder, EncoderOptions, EngineError};
use model_pack::Pack;
use std::path::Path;
use std::time::Instant;

/// Twelve words.
const QUESTION: &str = "what can I give a small child who has very watery stools";
/// Cut to so many characters.
const PASSAGE: usize = 400;
/// Runs, of which the median counts.
const RUNS: usize = 200;
/// Passages encoded at a time.
const PASSAGES: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let pack = arguments.next().ok_or("give a pack")?;
    let mut options = EncoderOptions::default();
    options.threads = arguments.next().map(|threads| threads.parse()).transpose()?;
    let begun = Instant::now();
    let mut encoder = Encoder::open(Pack::open(Path::new(&pack))?, &options)?;
    println!("{}: {}, {} threads", encoder.id(), encoder.kernel(), encoder.threads());
    println!("open      {:8.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    let mut question = || -> Result<f64, EngineError> {
        let begun = Instant::now();
        encoder.encode(&[QUESTION])?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    let mut times = (0..RUNS).map(|_| question()).collect::<Result<Vec<f64>, _>>()?;
    times.sort_by(f64::total_cmp);
    println!("question  {:8.2} ms, the fastest {:.2} ms", times[RUNS / 2], times[0]);
    let text = format!("{QUESTION} and who drinks little. ").repeat(PASSAGE / 40);
    let texts = vec![&text[..PASSAGE]; PASSAGES];
    let mut rates = (0..5)
        .map(|_| {
            let begun = Instant::now();
            encoder.encode(&texts)?;
            Ok(PASSAGES as f64 / begun.elapsed().as_secs_f64())
        })
        .collect::<Result<Vec<f64>, EngineError>>()?;
    rates.sort_by(f64::total_cmp);
    println!(
        "passages  {:8.1} a second of {PASSAGE} characters, at best {:.1}",
        rates[2], rates[4]
    );
    Ok(())
}
