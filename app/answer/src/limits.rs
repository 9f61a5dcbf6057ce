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

/// Words of a text that the danger floor looks at: ten pages. A question has at most 250 words, an
/// answer some hundreds; more is an imported article, which nobody reads as an answer.
pub const DANGER_WORDS_MAX: usize = 5_000;

/// Letters of one word that the danger floor looks at: more than the longest verb of Swahili.
pub const DANGER_WORD_CHARS_MAX: usize = 40;

/// Words from the first of a danger pattern to its last where the pattern says nothing else: about
/// one sentence as people write them without punctuation.
pub const DANGER_WINDOW_WORDS: usize = 12;

/// Widest window that a danger pattern may ask for, so that a search stays local.
pub const DANGER_WINDOW_WORDS_MAX: usize = 40;

/// Word groups of one danger pattern: more are a description, not a sign.
pub const DANGER_ITEMS_MAX: usize = 5;

/// Phrases that one word group of a danger pattern may stand for; the largest needs a few hundred.
pub const DANGER_PHRASES_MAX: usize = 2_000;

/// How deep word groups of danger rules may hold one another, which also ends circles.
pub const DANGER_GROUP_DEPTH_MAX: usize = 6;

/// Combinations tried around one word before a danger pattern is given up there: bounds texts that
/// repeat one word to be slow, far above what sentences need.
pub const DANGER_TRIES_MAX: usize = 512;

/// Words between a danger sign and words of school, prevention or an old story that drop it.
pub const DANGER_GUARD_WORDS: usize = 25;

/// Words after "not" that it can negate at most ("no sign of any heavy bleeding").
pub const DANGER_NEGATION_WORDS: usize = 6;

/// Longest SMS text of a danger rule, in GSM 7-bit letters: one message of 160, with room for the
/// answer's code.
pub const DANGER_SMS_SEPTETS_MAX: usize = 150;

/// Longest referral text of a danger rule, in characters: what a person in fear reads.
pub const DANGER_REFERRAL_CHARS_MAX: usize = 500;

/// Example sentences that each danger rule must bring: those that must raise it.
pub const DANGER_POSITIVES_MIN: usize = 6;

/// Example sentences that each danger rule must bring: those that must not raise it.
pub const DANGER_NEGATIVES_MIN: usize = 4;
