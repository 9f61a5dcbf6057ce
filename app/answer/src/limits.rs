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

/// Topics named where there is no source: as many as fit into one SMS beside the sentence.
pub const TOPICS_MAX: usize = 3;

/// Longest term of the index, in bytes of UTF-8: the longest words of Swahili and of chemistry fit; what
/// is longer is a link or noise, of which the beginning is enough.
pub const TERM_BYTES_MAX: usize = 48;

/// Words of the knowledge tried for one misspelt word: a second and a third may be the right one, a
/// fourth is a guess.
pub const CORRECTIONS_MAX: usize = 3;

/// Shortest misspelt word that is looked up: three letters are one edit from too many words.
pub const CORRECTED_CHARS_MIN: usize = 4;

/// Longest misspelt word that is looked up, in letters; bounds the work for a word of noise.
pub const CORRECTED_CHARS_MAX: usize = 24;

/// Characters of a passage's body that its score looks at. A document's passages are cut to about this
/// length; it bounds the work for one that is not.
pub const SCORED_CHARS_MAX: usize = 4_000;

/// Longest language tag: a BCP 47 primary subtag has two or three letters.
pub const LANGUAGE_BYTES_MAX: usize = 3;

/// Questions that may wait. At ten seconds each the last one waits half an hour; a longer queue
/// would promise answers that nobody waits for.
pub const WAITING_MAX: usize = 200;

/// Starts of the box that may die while one question is being written before that question lets
/// all others go first.
pub const DEATHS_BEFORE_LAST: u32 = 2;

/// Starts of the box that may die while one question is being written before no model is tried on it any
/// more, and its source is quoted instead. A cut in power looks the same as a crash from inside, so
/// this is not small.
pub const DEATHS_BEFORE_QUOTE: u32 = 4;

/// Starts of the box that may die while one question is being written before it is given up on: not even
/// looking it up works then. It ends a loop of crashes that one question causes.
pub const DEATHS_MAX: u32 = 16;

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

/// How many other examples one that stands in a rule counts as, for what is learned.
pub const DANGER_RULE_EXAMPLE_WEIGHT: f32 = 2.0;

/// Logarithm of the odds above which what was learned raises the danger floor by itself. Chosen with
/// [`DANGER_DROPS_BELOW`] by cross-validation over the examples.
pub const DANGER_RAISES_ABOVE: f32 = 1.0;

/// Logarithm of the odds below which what was learned drops what a rule found, if minutes do not decide.
pub const DANGER_DROPS_BELOW: f32 = -1.0;

/// Items on one page of the review desk: a telephone shows a few, and a nurse has minutes.
pub const REVIEW_PAGE_ITEMS: usize = 20;

/// Longest answer that a reviewer may write, in characters; the longest of the packs has 420.
pub const REVIEW_TEXT_CHARS_MAX: usize = 2_000;

/// Longest reason for a withdrawal, and longest field of the site's settings, in characters.
pub const REVIEW_FIELD_CHARS_MAX: usize = 200;

/// Questions that one person may have waiting, so that one telephone does not fill the queue.
pub const WAITING_PER_ASKER_MAX: usize = 5;

/// Earlier questions that share words with one and are shown to the guard: the one that asks the
/// same is among the first, and each costs the guard a fraction of a millisecond.
pub const NEAR_MAX: usize = 8;
/// Bytes of an answer or a passage that the checks of an answer read; what lies behind is as if it
/// were not there, so that an answer loses it. A model writes at most a few thousand.
pub const GROUNDING_BYTES_MAX: usize = 64 * 1024;

/// Sentences of a text that the checks of an answer read, for the same reason.
pub const GROUNDING_SENTENCES_MAX: usize = 400;

/// Words of a sentence that can be compared; a longer one is a list without points, which must be
/// quoted to be kept.
pub const SENTENCE_WORDS_MAX: usize = 120;

/// Passages that one answer is compared with: more than one prompt holds.
pub const GROUND_PASSAGES_MAX: usize = 12;

/// Shares are in hundredths.
///
/// Content words of a sentence that its passage must carry. The rest may only be words that say
/// nothing more, such as "person", or the subject of the passage.
pub const CARRIED_PERCENT_MIN: usize = 60;

/// Neighbouring words of a sentence that must be near each other in the passage, in the same
/// order: less is a sentence put together from pieces.
pub const TOGETHER_PERCENT_MIN: usize = 40;

/// Content words of the passage within which two neighbours still count as near.
pub const TOGETHER_WORDS_MAX: usize = 4;

/// Sentences of an answer that must be kept: if more than half of what a model wrote has no ground,
/// neither has the rest been written from the passage.
pub const KEPT_PERCENT_MIN: usize = 50;

/// Content words of a warning that the answer must carry for it not to be added. A warning is short
/// and each sign in it counts.
pub const WARNING_PERCENT_MIN: usize = 90;

/// How often one sentence is parted into two that are checked apart.
pub const PARTINGS_MAX: usize = 2;

/// Digits of the shortest phone number without its area.
pub const PHONE_DIGITS_MIN: usize = 7;

/// Digits that make a number after "ID" or "phone", or a word with letters, an identity; more than
/// any code of a medicine or a virus has.
pub const IDENTITY_DIGITS_MIN: usize = 5;

/// Characters, some of them digits, that make a part of a link a secret.
pub const URL_SECRET_CHARS_MIN: usize = 12;

/// Words that the `*` of a pattern for commands stands for at most.
pub const COMMAND_GAP_WORDS_MAX: usize = 4;

/// Words in a row that an answer may share with the system prompt: as many as happen by chance.
pub const PROMPT_WORDS_SHARED_MAX: usize = 7;

/// Longest chat-template marker or tag, in bytes.
pub const MARKER_BYTES_MAX: usize = 48;
/// Words, numbers and signs of a question that the guard of near matches compares: half as many again
/// as words fit into [`QUESTION_CHARS_MAX`] characters. Longer ones, which are mostly signs, are not
/// compared and share nothing.
pub const GUARD_TOKENS_MAX: usize = 150;

/// Words of one question without an equal in the other that are tried as other forms or misspellings:
/// more than two ways to ask one thing ever have. It bounds the time for questions with nothing in
/// common.
pub const GUARD_ODD_WORDS_MAX: usize = 12;

/// Letters from which on a word may count as misspelt: shorter words have too many neighbours
/// that are words themselves ("barn", "burn").
pub const GUARD_FUZZY_LETTERS_MIN: usize = 5;

/// Letters from which on a misspelt word may have two errors.
pub const GUARD_TWO_ERRORS_LETTERS_MIN: usize = 9;

/// Letters from which on one letter may be missing or too many in a misspelt word: in
/// shorter ones it often makes another word ("fasting", "feasting").
pub const GUARD_DROPPED_LETTER_LETTERS_MIN: usize = 9;
