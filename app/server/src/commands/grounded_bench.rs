//! `baraza model bench --passage FILE`: what a grounded question costs, and what it costs others.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use engine::{
    Cancel, Engine, Event, Generation, Options, PrefixOptions, Prompt, Request, Sampling,
};
use serde_json::json;

use super::model::{median, open, round};
use crate::cli::Bench;
use crate::failure::print;

/// Tokens of the prompt that is admitted beside a running text.
const ADMITTED_TOKENS: usize = 512;

/// Passes of the running text before and while others come.
const CALM_STEPS: usize = 24;

/// Bytes of kept prompts; more than one passage of any model.
const KEPT_BYTES: u64 = 4 << 30;

/// Measures, alternating, and prints the medians.
pub(super) fn run(args: &Bench, passage: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(passage)
        .with_context(|| format!("cannot read {}", passage.display()))?;
    let (passage, question) = split(&text)?;
    let folder = Scratch::new()?;
    let bench = Grounded { args, passage, question, folder: &folder.0 };
    let mut found: [Vec<f64>; 6] = Default::default();
    let mut reused = 0;
    for _ in 0..args.repeat {
        let (cold, warm) = bench.first_tokens()?;
        let (plain, guessed) = (bench.quote(true)?, bench.quote(false)?);
        ensure!(plain.text == guessed.text, "guessing ahead changed the text: this is a fault");
        let (calm, longest) = bench.gaps()?;
        let rate = |g: &Generation| g.new_tokens as f64 / g.decode.as_secs_f64();
        let ms = |g: &Generation| g.prefill.as_secs_f64() * 1e3;
        reused = warm.reused_tokens;
        let values = [ms(&cold), ms(&warm), rate(&plain), rate(&guessed), calm, longest];
        found.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
    }
    let [cold, warm, plain, guessed, calm, longest] = found.map(median);
    let object = json!({
        "first_token_cold_ms": round(cold),
        "first_token_warm_ms": round(warm),
        "warm_by_cold": round(warm / cold),
        "reused_tokens": reused,
        "decode_plain_tokens_per_s": round(plain),
        "decode_lookup_tokens_per_s": round(guessed),
        "lookup_by_plain": round(guessed / plain),
        "gap_ms": round(calm),
        "longest_gap_ms": round(longest),
        "longest_by_normal_gap": round(longest / calm),
    });
    print(&format!("{object:#}\n"))
}

/// The passage, and after the first empty line the question.
fn split(text: &str) -> anyhow::Result<(&str, &str)> {
    let Some((passage, question)) = text.trim().split_once("\n\n") else {
        bail!("the file needs a passage, an empty line, and a question");
    };
    Ok((passage, question))
}

struct Grounded<'a> {
    args: &'a Bench,
    passage: &'a str,
    question: &'a str,
    folder: &'a Path,
}

impl Grounded<'_> {
    fn engine(&self, kept: bool, no_prompt_lookup: bool) -> anyhow::Result<Engine> {
        let mut options = Options::default();
        options.threads = self.args.threads;
        options.no_prompt_lookup = no_prompt_lookup;
        options.kv_bytes = Some(KEPT_BYTES);
        if kept {
            options.prefixes = PrefixOptions {
                memory_bytes: 0,
                folder: Some(self.folder.to_owned()),
                folder_bytes: KEPT_BYTES,
            };
        }
        open(&self.args.pack, &options)
    }

    fn request(&self, new_tokens: usize) -> Request {
        Request {
            prompt: Prompt::Raw(format!("{}\n\n{}", self.passage, self.question)),
            sampling: Sampling::default(),
            max_new_tokens: new_tokens,
            time_budget: None,
            stop: vec![],
            reusable: vec![self.passage.to_owned()],
        }
    }

    /// The first token with nothing kept, and after a restart with the passage kept on the disk.
    fn first_tokens(&self) -> anyhow::Result<(Generation, Generation)> {
        let _ = std::fs::remove_dir_all(self.folder);
        let cold = generate(&mut self.engine(true, false)?, &self.request(1))?;
        let warm = generate(&mut self.engine(true, false)?, &self.request(1))?;
        ensure!(warm.reused_tokens > 0, "nothing was kept in {}", self.folder.display());
        ensure!(warm.text == cold.text, "a kept prompt changed the text: this is a fault");
        Ok((cold, warm))
    }

    fn quote(&self, no_prompt_lookup: bool) -> anyhow::Result<Generation> {
        let mut engine = self.engine(false, no_prompt_lookup)?;
        generate(&mut engine, &self.request(self.args.new_tokens))
    }

    /// The median gap between tokens of a running text, and the longest one while a long prompt is
    /// read beside it; milliseconds.
    fn gaps(&self) -> anyhow::Result<(f64, f64)> {
        let mut engine = self.engine(false, true)?;
        let running = Request {
            prompt: Prompt::Raw(self.question.to_owned()),
            max_new_tokens: 2000,
            ..self.request(0)
        };
        let running = engine.admit(&running, &Cancel::new())?.context("no room for a text")?;
        let step = |engine: &mut Engine| -> anyhow::Result<(f64, bool)> {
            let begun = Instant::now();
            let events = engine.step()?;
            let time = begun.elapsed().as_secs_f64() * 1e3;
            let other = |event: &Event| match event {
                Event::Text(id, _) | Event::Ended(id, _) => *id != running,
                _ => false,
            };
            Ok((time, events.iter().any(other)))
        };
        step(&mut engine)?;
        let calm = (0..CALM_STEPS).map(|_| Ok(step(&mut engine)?.0));
        let calm = median(calm.collect::<anyhow::Result<Vec<f64>>>()?);
        // The running text is greedy; what the long prompt says does not matter to the time.
        let words: Vec<&str> = self.passage.split_whitespace().collect();
        let long = words.iter().cycle().take(ADMITTED_TOKENS).copied().collect::<Vec<_>>();
        let long = Request { prompt: Prompt::Raw(long.join(" ")), ..self.request(1) };
        engine.admit(&long, &Cancel::new())?.context("no room for a second text")?;
        let mut longest: f64 = 0.0;
        loop {
            let (time, answered) = step(&mut engine)?;
            longest = longest.max(time);
            if answered {
                return Ok((calm, longest));
            }
        }
    }
}

fn generate(engine: &mut Engine, request: &Request) -> anyhow::Result<Generation> {
    Ok(engine.generate(request, &Cancel::new(), &mut |_| ControlFlow::Continue(()))?)
}

/// A folder that goes away with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Scratch> {
        let path = std::env::temp_dir().join(format!("baraza-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
