//! Every limit of the program, with its reason.

use std::time::Duration;

use answer::ports::WritingLimits;

/// Bounds of one answer. A starter answer has at most 420 characters, about 110 tokens; twice that
/// leaves room for a model that says more. Two minutes is what a person still waits for, and
/// more than an A72 needs for a passage and 110 tokens of a 1B model.
pub const WRITING: WritingLimits =
    WritingLimits { new_tokens_max: 256, time_max: Duration::from_secs(120) };

/// How often an idle worker looks for questions that another process put into the journal. A
/// person does not notice a quarter of a second; four reads a second cost nothing.
pub const JOURNAL_LOOK: Duration = Duration::from_millis(250);

/// How often `baraza ask` looks for the answer that a running `baraza serve` writes.
pub const ANSWER_LOOK: Duration = Duration::from_millis(20);

/// How long `baraza serve` waits for a `baraza ask` that is just being answered.
pub const RIGHT_WAIT: Duration = Duration::from_secs(3);

/// Pause after the journal could not be written, before it is tried again: a full disk does not
/// empty itself in less, and the log stays readable.
pub const STORAGE_PAUSE: Duration = Duration::from_secs(2);

/// People who may follow answers at the same time. The web server has fewer streams; this bounds
/// what the desk keeps, whatever channels come.
pub const FOLLOWERS_MAX: usize = 256;

/// Memory that a model needs besides its weights and its KV cache: graph, tokenizer, activations of
/// a chunk of the prompt, and what the rest of the program uses.
pub const MEMORY_BESIDES: u64 = 96 << 20;

/// Tokens written by `baraza model generate` unless asked otherwise.
pub const GENERATE_TOKENS: usize = 256;

/// Questions that are written at the same time, each by a worker: on a Cortex-A72 four streams still
/// get a word a second each from a 1B model, and the fifth waits less for a place than for a word.
pub const WRITERS: usize = 4;

/// Requests that may wait at the engine's door; more than there are workers.
pub const ENGINE_QUEUE: usize = 16;

/// Positions that a grounded prompt and its answer take at most: what must fit for a box to start.
pub const ANSWER_POSITIONS: u64 = 1_536;

/// Memory for kept prompts at most: some twenty passages of a 1B model.
pub const PREFIX_MEMORY_MAX: u64 = 128 << 20;

/// Folder of the data folder that holds kept prompts.
pub const KV_FOLDER: &str = "kv";

/// Disk for kept prompts at most: the starter passages of a 1B model four times over.
pub const PREFIX_DISK_MAX: u64 = 2 << 30;

/// Share of the free disk that kept prompts may take, one part in so many: questions and answers
/// need room more than speed does.
pub const PREFIX_DISK_PART: u64 = 4;

/// Answers whose time tells people how long they wait: enough for a median, few enough that a box
/// that became slow says so soon.
pub const ANSWERS_REMEMBERED: usize = 15;

/// Largest knowledge pack, table or file of reviews, in bytes: it is read into memory in one piece.
pub const KNOWLEDGE_FILE_MAX: u64 = 64 << 20;

/// Passages of documents that are kept in one commit: a commit costs an SD card tens of milliseconds,
/// and meanwhile nobody else can write.
pub const DOCUMENT_BATCH: usize = 400;

/// Notices of one import that a person is shown.
pub const NOTICES_MAX: usize = 20;

/// How often the box notes how long it has run: what a cut in power can take away from it.
pub const RUNNING_NOTE: Duration = Duration::from_secs(60);

/// Passages that get their vectors in one go, between which the box looks whether it should stop.
pub const VECTOR_BATCH: usize = 16;

/// How often the librarian looks for work that nobody ordered.
pub const LIBRARIAN_LOOK: Duration = Duration::from_millis(500);

/// Folders below the one where sticks appear that are looked into: stick, folder, and one more.
pub const STICK_DEPTH_MAX: usize = 3;

/// Files of sticks that are listed.
pub const STICK_FILES_MAX: usize = 200;

/// Folder of the data folder that holds model packs beside the one that writes, such as an encoder.
pub const PACKS_FOLDER: &str = "packs";

/// How often an import looks whether another one, which it waits for, has ended.
pub const IMPORT_LOOK: Duration = Duration::from_millis(100);
