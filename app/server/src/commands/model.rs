//! `baraza model`: packs from the outside.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use answer::prompt;
use answer::question::QuestionText;
use anyhow::{Context, bail};
use engine::{
    BenchRun, Cancel, Encoder, EncoderOptions, Engine, Message, Options, Prompt, Request, Sampling,
};
use model_pack::{EncoderCard, Manifest, Pack};
use npyz::{NpyFile, WriteOptions, WriterBuilder};
use serde_json::json;

use super::grounded_bench;
use crate::cli::{Bench, Generate, Logits, Model, Place};
use crate::failure::{print, tell};
use crate::language_model::{self, Choice, Means};
use crate::memory;

pub(crate) fn run(command: Model) -> anyhow::Result<()> {
    match command {
        Model::Import { src, dest } => import(&src, &dest),
        Model::Info { pack, json } => info(&pack, json),
        Model::Warm { place } => warm(&place),
        Model::Generate(args) => generate(&args),
        Model::Logits(args) => logits(&args),
        Model::Encode { pack, texts } => encode(&pack, &texts),
        Model::Bench(args) => bench(&args),
    }
}

fn import(src: &Path, dest: &Path) -> anyhow::Result<()> {
    let terminal = io::stderr().is_terminal();
    let report = model_import::import(src, dest, &mut |progress| {
        if terminal {
            let (done, total) = (progress.done + 1, progress.total);
            let _ = write!(io::stderr(), "\r\x1b[K{done}/{total} {}", progress.tensor);
        }
    });
    if terminal {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let report = report?;
    for warning in &report.warnings {
        tell(&format!("baraza: {warning}"));
    }
    let kind = match &report.manifest.model.encoder {
        None => "language model",
        Some(_) => "sentence encoder",
    };
    print(&format!(
        "{} in {}: {kind}, {:.1} MB of weights\n",
        report.manifest.model.name,
        dest.display(),
        report.manifest.weights_bytes as f64 / 1e6,
    ))
}

fn info(path: &Path, as_json: bool) -> anyhow::Result<()> {
    let pack = Pack::open(path)?;
    let Manifest { format, model, weights_bytes, tensors, .. } = pack.manifest();
    if as_json {
        let object = json!({
            "name": model.name,
            "notice": model.notice,
            "licence": model.licence,
            "source": model.source,
            "architecture": model.architecture,
            "context_length": model.context_length,
            "vocab_size": model.vocab_size,
            "hidden_size": model.hidden_size,
            "layers": model.layers,
            "heads": model.heads,
            "kv_heads": model.kv_heads,
            "head_dim": model.head_dim,
            "format": format,
            "weights_bytes": weights_bytes,
            "tensors": tensors.len(),
            "tokenizer": pack.tokenizer().is_some(),
            "chat_template": pack.chat_template().is_some(),
            "encoder": model.encoder,
        });
        return print(&format!("{object}\n"));
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<15} {value}");
        }
    };
    line("name", model.name.clone());
    line("kind", model.encoder.as_ref().map(encoder_kind).unwrap_or_default());
    line("notice", model.notice.clone().unwrap_or_default());
    line("licence", model.licence.clone());
    line("source", model.source.clone());
    line("architecture", model.architecture.clone());
    line("context", format!("{} tokens", model.context_length));
    line("vocabulary", format!("{} tokens", model.vocab_size));
    line("layers", format!("{} of width {}", model.layers, model.hidden_size));
    line("heads", format!("{} ({} for keys and values)", model.heads, model.kv_heads));
    line("weights", format!("{:.1} MB, {} tensors", *weights_bytes as f64 / 1e6, tensors.len()));
    line("tokenizer", presence(pack.tokenizer().is_some()));
    line("chat template", presence(pack.chat_template().is_some()));
    line("pack format", format.to_string());
    print(&text)
}

/// An encoder in one line.
fn encoder_kind(encoder: &EncoderCard) -> String {
    let EncoderCard { width, max_tokens, .. } = encoder;
    format!("sentence encoder, {width} values a text, mean of at most {max_tokens} tokens")
}

fn presence(there: bool) -> String {
    if there { "yes" } else { "no" }.to_owned()
}

/// Keeps the KV caches of the system prompt and of each passage right after it.
fn warm(place: &Place) -> anyhow::Result<()> {
    let folder = place.data();
    let store = super::open_store(&folder)?;
    let pack = Choice::new(place.model.as_ref()).open()?;
    let means = Means { memory: place.memory, data: Some(folder) };
    let mut engine = language_model::engine_for_warming(pack, &means)?;
    let passages = store.all_passages()?;
    let (mut made, total) = (0, passages.len());
    // The question is only there to be left out.
    let question = QuestionText::parse("?").context("a question")?;
    for (i, passage) in passages.iter().enumerate() {
        let prompt = prompt::grounded(&question, passage);
        made += usize::from(language_model::warm(&mut engine, &prompt)?);
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\x1b[K{}/{total} {}", i + 1, passage.title);
        }
    }
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    print(&format!("{total} passages: {made} computed, {} kept already\n", total - made))
}

pub(super) fn open(path: &Path, options: &Options) -> anyhow::Result<Engine> {
    let pack = Pack::open(path)?;
    let context = options.context_length.unwrap_or(engine::limits::CONTEXT_DEFAULT);
    memory::check(pack.manifest(), context)?;
    Ok(Engine::open(pack, options)?)
}

fn generate(args: &Generate) -> anyhow::Result<()> {
    let mut engine = open(&args.pack, &Options::default())?;
    if let Some(notice) = &engine.manifest().model.notice {
        tell(&format!("baraza: {notice}"));
    }
    let prompt = if args.raw {
        Prompt::Raw(args.prompt.clone())
    } else {
        let message = Message { role: "user".into(), content: args.prompt.clone() };
        Prompt::Chat(vec![message])
    };
    let request = Request {
        prompt,
        sampling: Sampling { temperature: args.temperature, ..Sampling::default() },
        max_new_tokens: args.max_tokens,
        time_budget: None,
        stop: Vec::new(),
        reusable: Vec::new(),
    };
    let mut printed = Ok(());
    engine.generate(&request, &Cancel::new(), &mut |piece| {
        printed = print(piece);
        if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    printed?;
    print("\n")
}

fn logits(args: &Logits) -> anyhow::Result<()> {
    let tokens = read_tokens(&args.tokens)?;
    let mut options = Options::default();
    options.f32_activations = args.f32_activations;
    options.context_length = Some(tokens.len().max(1));
    options.without_text = true;
    let mut engine = open(&args.pack, &options)?;
    let logits = engine.logits(&tokens)?;
    let shape = [tokens.len() as u64, engine.vocab_size() as u64];
    write_logits(&args.out, &shape, logits)
        .with_context(|| format!("cannot write {}", args.out.display()))
}

/// A JSON array for each text, one a line.
fn encode(pack: &Path, texts: &[String]) -> anyhow::Result<()> {
    let mut encoder = Encoder::open(Pack::open(pack)?, &EncoderOptions::default())?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for vector in encoder.encode(&texts)? {
        print(&format!("{}\n", json!(vector)))?;
    }
    Ok(())
}

fn read_tokens(path: &Path) -> anyhow::Result<Vec<u32>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let array = NpyFile::new(BufReader::new(file))
        .with_context(|| format!("{name} is not an .npy file: write it with numpy.save"))?;
    if array.shape().len() != 1 {
        bail!("{name} has the shape {:?}: give int64 tokens of shape [T]", array.shape());
    }
    let tokens: Vec<i64> = array
        .into_vec()
        .with_context(|| format!("{name} does not hold int64: give tokens as numpy.int64"))?;
    if tokens.is_empty() {
        bail!("{name} holds no tokens: give at least one");
    }
    tokens
        .into_iter()
        .map(|token| u32::try_from(token).with_context(|| format!("{name}: {token} is no token")))
        .collect()
}

fn write_logits(path: &Path, shape: &[u64], logits: Vec<f32>) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut writer =
        WriteOptions::new().default_dtype().shape(shape).writer(&mut out).begin_nd()?;
    writer.extend(logits)?;
    writer.finish()?;
    out.flush()
}

fn bench(args: &Bench) -> anyhow::Result<()> {
    if let Some(passage) = &args.passage {
        return grounded_bench::run(args, passage);
    }
    let begun = Instant::now();
    let mut options = Options::default();
    options.threads = args.threads;
    options.context_length = Some(args.prompt_tokens + args.new_tokens);
    options.without_text = true;
    let mut engine = open(&args.pack, &options)?;
    let load = begun.elapsed();
    let runs = (0..args.repeat)
        .map(|_| engine.bench(args.prompt_tokens, args.new_tokens, args.streams))
        .collect::<Result<Vec<BenchRun>, _>>()?;
    let per_second = |tokens: usize, time: fn(&BenchRun) -> Duration| {
        let times = runs.iter().map(|run| time(run).as_secs_f64()).collect();
        (tokens * args.streams) as f64 / median(times)
    };
    let prompt = per_second(args.prompt_tokens, |run| run.prefill);
    let decode = per_second(args.new_tokens, |run| run.decode);
    let peak = memory::peak().unwrap_or(0);
    if args.json {
        let object = json!({
            "prompt_tokens_per_s": round(prompt),
            "decode_tokens_per_s": round(decode),
            "load_ms": round(load.as_secs_f64() * 1e3),
            "peak_rss_bytes": peak,
            "kernel": engine.kernel(),
            "threads": engine.threads(),
            "streams": args.streams,
        });
        return print(&format!("{object}\n"));
    }
    print(&format!(
        "prompt   {prompt:10.1} tokens/s\ndecode   {decode:10.1} tokens/s\n\
         load     {:10.1} ms\npeak     {:10.1} MB\nkernel   {}, {} threads, {} streams\n",
        load.as_secs_f64() * 1e3,
        peak as f64 / 1e6,
        engine.kernel(),
        engine.threads(),
        args.streams,
    ))
}

/// The middle one; of an even number, the lower of the two.
pub(super) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN).max(f64::MIN_POSITIVE)
}

pub(super) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_go_through_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logits.npy");
        write_logits(&path, &[2, 2], vec![0.5, 1.5, -2.0, 3.0]).unwrap();
        let array = NpyFile::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(array.shape(), [2, 2]);
        assert_eq!(array.into_vec::<f32>().unwrap(), [0.5, 1.5, -2.0, 3.0]);
        let error = read_tokens(&path).unwrap_err();
        assert!(error.to_string().contains("shape [T]"), "{error}");
    }

    #[test]
    fn what_is_no_array_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.npy");
        std::fs::write(&path, "1 2 3").unwrap();
        let error = read_tokens(&path).unwrap_err();
        assert!(error.to_string().contains("numpy.save"), "{error}");
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 1.0);
    }
}
