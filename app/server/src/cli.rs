//! The command line, as typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use answer::question::Language;
use clap::{Args, Parser, Subcommand};

/// Answers questions where the network does not reach.
#[derive(Debug, Parser)]
#[command(name = "baraza", version, propagate_version = true)]
#[command(after_help = ENVIRONMENT)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const ENVIRONMENT: &str = "\
Environment:
  BARAZA_DATA          data folder where --data is not given
  BARAZA_KERNEL        matrix kernel to use, for example scalar
  BARAZA_MEMORY_BYTES  memory that a model may use, instead of what the system says is free
  RUST_LOG             what to log, for example debug";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the page that phones open, and answer
    Serve(Serve),
    /// Ask one question
    Ask(Ask),
    /// Import, inspect, run and measure models
    #[command(subcommand)]
    Model(Model),
    /// Take in, list, give away and check what the box knows
    #[command(subcommand)]
    Knowledge(Knowledge),
    /// Say who may review answers, and carry reviews from box to box
    #[command(subcommand)]
    Review(Review),
    /// Show or change the referral card and the site's rules
    Site(SiteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address and port to serve on
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Folder under which sticks appear, each in a folder of its own
    #[arg(long, value_name = "DIR", default_value = "/media")]
    pub(crate) sticks: PathBuf,
    /// GSM modem for SMS; only "none" in this version
    #[arg(long, value_name = "DEVICE|none", default_value = "none")]
    pub(crate) modem: String,
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The question, in quotation marks
    pub(crate) question: String,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Language of question and answer, for example sw
    #[arg(long, value_name = "xx", default_value = "en", value_parser = language)]
    pub(crate) language: Language,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the data are and which model is used.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Folder for everything the box keeps [default: $BARAZA_DATA, else ./baraza-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Model pack, a folder that `baraza model import` wrote [default: the embedded model]
    #[arg(long, value_name = "PACK")]
    pub(crate) model: Option<PathBuf>,
    /// Memory that the model may use, for example 1500M or 2G [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = crate::memory::size)]
    pub(crate) memory: Option<u64>,
}

impl Place {
    /// The data folder: as given, else from the environment, else `baraza-data` here.
    pub(crate) fn data(&self) -> PathBuf {
        data_folder(self.data.as_ref())
    }
}

fn data_folder(given: Option<&PathBuf>) -> PathBuf {
    let named = || std::env::var_os("BARAZA_DATA").filter(|folder| !folder.is_empty());
    given
        .cloned()
        .or_else(|| named().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("baraza-data"))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Turn a published model into a pack
    Import {
        /// Folder with model.onnx, as onnxruntime-genai writes it, or a sentence encoder's with
        /// model.safetensors
        src: PathBuf,
        /// Folder to make
        dest: PathBuf,
    },
    /// Say what a pack is
    Info {
        /// Folder that `baraza model import` wrote
        pack: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Compute what all prompts from the box's knowledge begin with, and keep it in the data folder
    Warm {
        #[command(flatten)]
        place: Place,
    },
    /// Write a text
    Generate(Generate),
    /// Write the logits of given tokens
    Logits(Logits),
    /// Write the vectors of texts, a JSON array each, with a sentence encoder
    Encode {
        /// Folder that `baraza model import` wrote
        pack: PathBuf,
        /// Texts, each in quotation marks
        #[arg(required = true, value_name = "TEXT")]
        texts: Vec<String>,
    },
    /// Measure speed and memory
    Bench(Bench),
}

/// The data folder alone.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// Folder for everything the box keeps [default: $BARAZA_DATA, else ./baraza-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Data {
    /// The data folder: as given, else from the environment, else `baraza-data` here.
    pub(crate) fn folder(&self) -> PathBuf {
        data_folder(self.data.as_ref())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Knowledge {
    /// Take in a knowledge pack, CSV, JSONL, Markdown folder, HTML, text, EPUB, PDF or ZIM file
    Import {
        /// The file or folder
        file: PathBuf,
        /// Language of what does not say its own, for example sw
        #[arg(long, value_name = "xx", value_parser = language)]
        language: Option<Language>,
        #[command(flatten)]
        data: Data,
    },
    /// List the packs on the box
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Write the box's entries and checked answers as one signed pack
    Export {
        /// File to write
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Look for damage: the database, the index, the packs, the log of reviews
    Check {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// Let a person review; prints the PIN, once
    Add {
        /// What stands on the answers that this person checks, for example nurse
        role: String,
        #[command(flatten)]
        data: Data,
    },
    /// List who may review
    Reviewers {
        #[command(flatten)]
        data: Data,
    },
    /// Let a person review no more
    Remove {
        /// Number in the list
        id: i64,
        #[command(flatten)]
        data: Data,
    },
    /// Write all reviews made on this box as a signed file
    Export {
        /// File to write
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Take in reviews that another box wrote and signed
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Believe what is signed with a key, as another box's `review key` prints it
    Trust {
        /// The public key
        key: String,
        /// Whose it is, for example "District hospital"
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Print this box's public key
    Key {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SiteArgs {
    /// Nearest health facility
    #[arg(long, value_name = "NAME")]
    pub(crate) facility: Option<String>,
    /// Its telephone number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) phone: Option<String>,
    /// When it is open
    #[arg(long, value_name = "TEXT")]
    pub(crate) hours: Option<String>,
    /// Days of running for which questions are kept; 0 keeps them
    #[arg(long, value_name = "DAYS")]
    pub(crate) retention: Option<u32>,
    /// Whether the model may answer without a source
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    pub(crate) model_without_source: Option<bool>,
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Folder that `baraza model import` wrote
    pub(crate) pack: PathBuf,
    /// What the model is given
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: String,
    /// Tokens to write at most
    #[arg(long, value_name = "N", default_value_t = crate::limits::GENERATE_TOKENS)]
    pub(crate) max_tokens: usize,
    /// 0 always takes the most likely token
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    pub(crate) temperature: f32,
    /// Give the prompt as it is, without the chat template
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logits {
    /// Folder that `baraza model import` wrote
    pub(crate) pack: PathBuf,
    /// Token ids, int64 [T]
    #[arg(long, value_name = "IN.npy")]
    pub(crate) tokens: PathBuf,
    /// Where the logits go, float32 [T, vocabulary]
    #[arg(long, value_name = "OUT.npy")]
    pub(crate) out: PathBuf,
    /// Keep activations in float32 instead of rounding them to 8 bits
    #[arg(long)]
    pub(crate) f32_activations: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Folder that `baraza model import` wrote
    pub(crate) pack: PathBuf,
    /// Tokens of the prompt
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = positive)]
    pub(crate) prompt_tokens: usize,
    /// Tokens to write
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive)]
    pub(crate) new_tokens: usize,
    /// Threads [default: all that this process may use]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) threads: Option<usize>,
    /// Sequences at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub(crate) streams: usize,
    /// Measure a grounded question instead: FILE has a passage, an empty line, and a question
    #[arg(long, value_name = "FILE")]
    pub(crate) passage: Option<PathBuf>,
    /// Runs, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = positive)]
    pub(crate) repeat: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn language(tag: &str) -> Result<Language, String> {
    Language::parse(tag).ok_or_else(|| "give a language of two or three letters, as en".into())
}

fn yes_or_no(word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("give yes or no".into()),
    }
}

fn positive(number: &str) -> Result<usize, String> {
    match number.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("give a whole number from 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_use_is_refused() {
        for wrong in [
            &["baraza"][..],
            &["baraza", "fly"],
            &["baraza", "ask"],
            &["baraza", "ask", "q", "--language", "english"],
            &["baraza", "serve", "--listen", "8080"],
            &["baraza", "model", "bench", "p", "--repeat", "0"],
            &["baraza", "serve", "--memory", "lots"],
        ] {
            assert_eq!(Cli::try_parse_from(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }
}
