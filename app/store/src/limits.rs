//! Every limit of the store, with its reason.

use std::time::Duration;

/// How long a write waits for another process's write to end. A commit takes milliseconds; on a
/// bad SD card, a second.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Codes tried before giving up on finding a free one. With 410 million codes a second try is
/// rare and a tenth does not happen by chance.
pub const CODE_TRIES: usize = 10;

/// Largest knowledge file that is read into memory in one piece: about 100,000 entries.
pub const KNOWLEDGE_BYTES_MAX: usize = 64 << 20;

/// Longest field of a knowledge entry. A passage this long still fits a small model's context.
pub const FIELD_BYTES_MAX: usize = 4096;

/// Most phrasings of one entry.
pub const PHRASINGS_MAX: usize = 64;

/// Characters shown of the passages before and after a cited one.
pub const CONTEXT_CHARS: usize = 240;
/// Memory of one PIN hash, in KiB, with three passes: 12 MiB is among the settings that OWASP's
/// password storage cheat sheet names as equal for Argon2id, and the largest that a board with
/// 512 MiB does not feel beside a model. One hash takes about 0.1 s on a Cortex-A72.
pub const PIN_MEMORY_KIB: u32 = 12 * 1024;

/// Passes over that memory.
pub const PIN_PASSES: u32 = 3;

/// Digits of a PIN: with the caller's bound on tries, nobody guesses one in a hundred million; and
/// a person still remembers it.
pub const PIN_DIGITS: usize = 8;

/// Longest text that is looked at as a PIN: the digits, with separators as people type them.
pub const PIN_INPUT_BYTES_MAX: usize = 40;

/// Reviewers at a time. Each costs one hash at every log in: a second on a small board.
pub const REVIEWERS_MAX: usize = 12;

/// Longest name of a role, in characters: it stands on every checked answer.
pub const ROLE_CHARS_MAX: usize = 40;

/// Longest text about one deed in the audit log, in characters: a line on a telephone, or four.
pub const AUDIT_CHARS_MAX: usize = 300;

/// Longest answer for one SMS that a reviewer may write, in characters: one message.
pub const SMS_CHARS_MAX: usize = 160;

/// Days of running time for which people who asked by SMS are told that their answer was withdrawn
/// or corrected. Later they have acted on it, and a message about a forgotten question frightens.
pub const NOTICE_DAYS: u32 = 30;

/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// Largest file of reviews: 10,000 decisions with their sources take about 10 MiB.
pub const REVIEW_FILE_BYTES_MAX: usize = 16 << 20;

/// Longest text inside a file of reviews, in bytes: an answer or a passage.
pub const REVIEW_TEXT_BYTES_MAX: usize = 16 << 10;

/// Most sources of one decision; an answer rests on a few passages.
pub const REVIEW_SOURCES_MAX: usize = 16;

/// Longest signature line of a file, in bytes: the signature is 400, its comments are a person's.
pub const SIGNATURE_BYTES_MAX: usize = 4096;

/// Keys that one box believes: the district's, a few publishers', some neighbours'.
pub const TRUSTED_KEYS_MAX: usize = 64;

/// Longest retention that can be set, in days: ten years. Longer means for ever, which is 0.
pub const RETENTION_DAYS_MAX: u32 = 3_650;

/// No clock that shows an earlier time is right: 2026-11-01, before this version was made.
pub const RELEASE_UNIX_S: u64 = 1_793_491_200;

/// Years after the release within which a time told by a person is believed.
pub const TOLD_YEARS_MAX: u64 = 15;

/// Years after the release within which a computer's own clock is believed. Shorter, since clocks
/// without a battery are known to start in 2037, 2038 or 2040.
pub const OWN_YEARS_MAX: u64 = 10;

/// How far the system's clock may step back without having started anew: a correction of its drift.
pub const CLOCK_STEP_S: u64 = 120;

/// How far the time must go on before it is written down again, so that an SD card is spared.
pub const CLOCK_NOTE_S: u64 = 600;

/// Questions forgotten in one transaction, so that nobody who asks waits behind it for long.
pub const FORGET_BATCH: usize = 500;
/// Version of the terms in the search index; raised when `answer::terms` or its data make other terms of
/// the same text. A box whose index has another one makes it anew when it is opened.
pub const INDEX_VERSION: u32 = 1;

/// Entries, and passages of documents, that one ranking gives to be judged for the words they share with
/// a question: the right one is nearly always among the first dozen by BM25, and judging one costs about
/// 0.1 ms.
pub const CANDIDATES_BY_WORDS: [usize; 2] = [32, 12];

/// The same where there is danger, and one entry is to be quoted at once: looking closely at more of
/// them takes longer than anybody should wait.
pub const ENTRIES_IN_DANGER: usize = 8;

/// Passages that are judged for their meaning.
pub const CANDIDATES_BY_MEANING: usize = 16;

/// Occurrences that one ranking of a shelf goes through; the rarest terms of a question are enough to
/// find what it is about.
pub const POSTINGS_MAX: usize = 5_000;

/// Occurrences gone through where the common terms of a question set its passages apart: BM25 counts
/// every passage that has a term, even one that only has to stand beside a rare one.
pub const POSTINGS_WITH_COMMON_MAX: usize = 15_000;

/// Occurrences of a question's rarest term beyond which it says nothing.
pub const POSTINGS_OF_ONE_TERM_MAX: usize = 20_000;

/// Longest vector: the widest encoders of sentences give 1,024 values, some 4,096.
pub const VECTOR_BYTES_MAX: usize = 4_096;

/// Passages of documents taken in one transaction: a short one, so that answers are written in between.
pub const DOCUMENT_BATCH: usize = 500;

/// Running time after which a waiting question is given up on: two days. A box that answers at all has
/// answered long before; one that could not for so long says so instead of sending an answer that
/// comes as a riddle.
pub const STALE_RUNNING_S: u64 = 2 * DAY_S;
