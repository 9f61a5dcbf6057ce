//! Every limit of the core, with its reason.

/// Longest question, in characters. A person's question is one or two sentences; more would push
/// the passage out of a small model's attention and cost an A72 core a second per ten tokens.
pub const QUESTION_CHARS_MAX: usize = 500;

/// Symbols in an answer code: 17^7 is 410 million, so that with 1,000 answers kept a guesser needs
/// 400,000 tries per hit, and one person can still read the code out to another.
pub const CODE_SYMBOLS: usize = 7;

/// Longest text that is looked at as a possible answer code: the symbols, each with a separator on
/// either side, and some slack.
pub const CODE_INPUT_BYTES_MAX: usize = 40;

/// Words of a question that are searched for. The longest question has fewer content words in
/// any language with spaces; this bounds the search for text without them.
pub const SEARCH_WORDS_MAX: usize = 64;

/// Passages looked at before one is chosen: enough that a better fit behind a longer text is seen,
/// few enough to score each word against each.
pub const CANDIDATES_MAX: usize = 12;

/// Longest language tag: a BCP 47 primary subtag has two or three letters.
pub const LANGUAGE_BYTES_MAX: usize = 3;

/// Questions that may wait. At ten seconds each the last one waits half an hour; a longer queue
/// would promise answers that nobody waits for.
pub const WAITING_MAX: usize = 200;

/// Starts of the box that may die while one question is being written before that question lets
/// all others go first.
pub const DEATHS_BEFORE_LAST: u32 = 2;

/// Starts of the box that may die while one question is being written before it is given up on. A
/// cut in power looks the same as a crash from inside, so this is not small; it ends a loop of
/// crashes that one question causes.
pub const DEATHS_MAX: u32 = 6;
