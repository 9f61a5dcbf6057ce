//! A second opinion on whether a text speaks of danger, learned from examples.
//!
//! Rules find the signs that somebody thought of; people describe what they see ("his mouth hangs on
//! one side, he talks like a drunk man"). On lines written by strangers to the rules, rules alone
//! raised seven of ten such descriptions. This is a linear model over the words of a text, pairs of
//! neighbouring words, and pieces of words (which carry misspellings and Swahili's prefixes), fitted
//! by logistic regression to the rules' own examples and to `danger/examples-*.txt`, in all languages
//! at once.
//!
//! # Why learned at start, and not shipped as weights?
//!
//! The examples are what a clinician can read, correct and add to; a file of weights is not. Fitting
//! takes a fraction of a second and gives the same model everywhere.
//!
//! # Why not the sentence encoder?
//!
//! It knows English only, and a box need not have one. The floor must be the same on every box.

use super::text::{raw_words, without_long_runs};

/// Buckets that features are hashed into (Weinberger et al. 2009); a power of two.
const BUCKETS: usize = 1 << 17;

/// Letters of a piece of a word, its edges counted as one each.
const PIECE_CHARS: std::ops::RangeInclusive<usize> = 3..=5;

/// Words that turn the next ones around: "she never vomits blood" has other features than "she vomits
/// blood" (Das and Chen 2001), and "not breathing" others than "breathing".
const NEGATIONS: [&str; 29] = [
    "no", "not", "never", "without", "nor", "cannot", "cant", "dont", "doesnt", "didnt", "isnt",
    "wont", "ne", "pas", "sans", "jamais", "aucun", "aucune", "hakuna", "hana", "hawana", "haina",
    "bila", "si", "sio", "siyo", "wala", "sina", "hajawahi",
];

/// How many words a negation reaches.
const NEGATED_WORDS: usize = 4;

/// Inverse of the regularisation's strength, in the usual sense of logistic regression's `C`.
const C: f32 = 10.0;

/// Passes over the examples; the fit no longer changes then.
const EPOCHS: usize = 20;

/// A text, and whether it speaks of danger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example<'a> {
    pub(super) text: &'a str,
    pub(super) danger: bool,
    /// How many examples it counts as.
    pub(super) weight: f32,
}

/// A linear model of the logarithm of the odds that a text speaks of danger.
pub(super) struct Opinion {
    /// Inverse document frequency of each bucket.
    idf: Box<[f32]>,
    weights: Box<[f32]>,
    bias: f32,
}

/// Buckets and values of one text, the words' part and the pieces' part each of length 1.
type Features = Vec<(u32, f32)>;

impl Opinion {
    /// Fits a model to examples.
    ///
    /// Stochastic dual coordinate ascent for logistic loss (Shalev-Shwartz and Zhang 2013, section
    /// 6.2): no learning rate, and nothing random; the examples take turns in a fixed order.
    pub(super) fn learn(examples: &[Example<'_>]) -> Self {
        let counted: Vec<[Vec<(u32, f32)>; 2]> =
            examples.iter().map(|example| counts(example.text)).collect();
        let mut seen = vec![0u32; BUCKETS];
        for (bucket, _) in counted.iter().flatten().flatten() {
            seen[*bucket as usize] += 1;
        }
        let total = examples.len() as f32;
        let idf = seen.iter().map(|seen| ((1.0 + total) / (1.0 + *seen as f32)).ln() + 1.0);
        let mut model = Self { idf: idf.collect(), weights: vec![0.0; BUCKETS].into(), bias: 0.0 };
        let texts: Vec<Features> = counted.into_iter().map(|parts| model.features(parts)).collect();
        // Each example's share in the weights, 0 to 1.
        let mut shares = vec![0.0f32; examples.len()];
        // A stride without a common factor visits each example once, far from its neighbours.
        let stride = coprime(examples.len().max(1), 7_919);
        for _ in 0..EPOCHS {
            for turn in 0..examples.len() {
                let i = turn * stride % examples.len();
                let sign = if examples[i].danger { 1.0 } else { -1.0 };
                let strength = C * examples[i].weight;
                let margin = sign * model.odds(&texts[i]);
                let length: f32 =
                    1.0 + texts[i].iter().map(|(_, value)| value * value).sum::<f32>();
                let wanted = 1.0 / (1.0 + margin.exp()) - shares[i];
                let step = wanted / (0.25 + length * strength).max(1.0);
                shares[i] += step;
                let scaled = step * sign * strength;
                for (bucket, value) in &texts[i] {
                    model.weights[*bucket as usize] += scaled * value;
                }
                model.bias += scaled;
            }
        }
        model
    }

    /// How strongly a text speaks of danger, as the logarithm of the odds: 0 is as likely as not, 3 is
    /// twenty to one.
    pub(super) fn score(&self, text: &str) -> f32 {
        self.odds(&self.features(counts(text)))
    }

    fn odds(&self, features: &Features) -> f32 {
        let sum: f32 = features.iter().map(|(b, value)| self.weights[*b as usize] * value).sum();
        sum + self.bias
    }

    fn features(&self, parts: [Vec<(u32, f32)>; 2]) -> Features {
        let mut features = Vec::with_capacity(parts.iter().map(Vec::len).sum());
        for mut part in parts {
            let mut length = 0.0;
            for (bucket, value) in &mut part {
                *value = (1.0 + value.ln()) * self.idf[*bucket as usize];
                length += *value * *value;
            }
            let inverse = if length > 0.0 { 1.0 / length.sqrt() } else { 0.0 };
            features.extend(part.into_iter().map(|(bucket, value)| (bucket, value * inverse)));
        }
        features
    }
}

/// How often each bucket occurs: words and pairs of them, pieces of words.
fn counts(text: &str) -> [Vec<(u32, f32)>; 2] {
    let mut negated = 0;
    let words: Vec<String> = raw_words(text)
        .iter()
        .map(|word| match word.chars().all(char::is_numeric) {
            true => "0".to_owned(),
            // French "n'a": the negation is a word of its own.
            false if word.starts_with("n'") => format!("ne {}", &word[2..]),
            false => without_long_runs(word),
        })
        .flat_map(|word| word.split(' ').map(|word| word.replace('\'', "")).collect::<Vec<_>>())
        .map(|word| {
            if NEGATIONS.contains(&word.as_str()) {
                negated = NEGATED_WORDS;
                return word;
            }
            let turned = negated > 0;
            negated = negated.saturating_sub(1);
            if turned { format!("!{word}") } else { word }
        })
        .collect();
    let mut whole: Vec<u32> = words.iter().map(|word| bucket(&["w", word])).collect();
    whole.extend(words.windows(2).map(|pair| bucket(&["p", &pair[0], " ", &pair[1]])));
    let mut pieces = Vec::new();
    for word in &words {
        let edged = format!(" {word} ");
        let starts: Vec<usize> =
            edged.char_indices().map(|(at, _)| at).chain([edged.len()]).collect();
        for chars in PIECE_CHARS {
            for piece in starts.windows(chars + 1) {
                pieces.push(bucket(&["c", &edged[piece[0]..piece[chars]]]));
            }
        }
    }
    [tally(whole), tally(pieces)]
}

fn tally(mut buckets: Vec<u32>) -> Vec<(u32, f32)> {
    buckets.sort_unstable();
    buckets.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f32)).collect()
}

/// FNV-1a.
fn bucket(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    ((hash >> 32) as u32 ^ hash as u32) % BUCKETS as u32
}

/// The first number from `from` on that shares no factor with `with`, which is not 0.
fn coprime(with: usize, from: usize) -> usize {
    let divisor = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (from..=from + with).find(|stride| divisor(with, *stride) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXTS: [(&str, bool); 8] = [
        ("his mouth hangs on one side since morning", true),
        ("she soaked four cloths with blood", true),
        ("the boy shakes and his eyes turn up", true),
        ("mtoto anatetemeka na macho yamegeuka", true),
        ("how do i store maize", false),
        ("draw the mouth of a river for class", false),
        ("the cloths in the shop are red", false),
        ("bei ya mahindi ni ngapi", false),
    ];

    fn examples() -> Vec<Example<'static>> {
        TEXTS.map(|(text, danger)| Example { text, danger, weight: 1.0 }).into()
    }

    #[test]
    fn learns_what_the_examples_say_and_a_little_more() {
        let opinion = Opinion::learn(&examples());
        for (text, danger) in TEXTS {
            assert_eq!(opinion.score(text) > 0.0, danger, "{text}");
        }
        // Misspelt, and in another form of the verb.
        assert!(opinion.score("she sokd 3 cloths wit blood") > 0.0);
        assert!(opinion.score("watoto wanatetemeka") > 0.0);
    }

    #[test]
    fn learning_twice_gives_the_same() {
        let (one, other) = (Opinion::learn(&examples()), Opinion::learn(&examples()));
        assert!(one.weights == other.weights && one.bias.to_bits() == other.bias.to_bits());
    }

    #[test]
    fn nothing_to_learn_from_says_nothing() {
        assert_eq!(Opinion::learn(&[]).score("a snake bit me").to_bits(), 0.0f32.to_bits());
    }

    proptest! {
        #[test]
        fn any_text_has_a_score(text: String) {
            prop_assert!(Opinion::learn(&examples()).score(&text).is_finite());
        }
    }
}
