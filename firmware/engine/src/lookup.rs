//! Prompt lookup decoding (Saxena 2023): what comes next is guessed from what stands in the prompt.
//!
//! A grounded answer quotes its passage. After two tokens that stand in the prompt, or in the answer
//! so far, the tokens that followed them there are put into the same pass as the last real one; as
//! many as the model would have chosen itself are kept. Every position's numbers are the same
//! whoever shares its pass, so the text is the same, token for token, with any way of choosing.
//!
//! # Why no draft model?
//!
//! It would need memory that a 2 GB board does not have, and quotes are what grounded answers are
//! made of.

use std::collections::HashMap;

/// Tokens guessed at most: with the real one they fill one tile of the matrix kernels.
const DRAFT_MAX: usize = 7;

/// Passes without a guess after guessing has not paid, before it is tried again.
const REST: usize = 16;

/// Weight of the newest pass in the running share of good guesses.
const NEWEST: f64 = 0.3;

/// Guesses for one sequence.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Where the token after a pair was last seen.
    after: HashMap<[u32; 2], usize>,
    /// Tokens of the sequence that are in `after`.
    indexed: usize,
    /// Running share of guesses that were right.
    right: f64,
    rest: usize,
}

impl Lookup {
    pub(crate) fn new() -> Lookup {
        Lookup { after: HashMap::new(), indexed: 0, right: 0.5, rest: 0 }
    }

    /// What may follow `tokens`, at most `room` of them; empty if there is nothing to go by, or it
    /// has not been worth it lately.
    pub(crate) fn guess(&mut self, tokens: &[u32], room: usize) -> Vec<u32> {
        // The last pair has no follower yet.
        for i in self.indexed.max(2)..tokens.len() {
            self.after.insert([tokens[i - 2], tokens[i - 1]], i);
        }
        self.indexed = tokens.len();
        if self.rest > 0 {
            self.rest -= 1;
            return vec![];
        }
        let Some([.., a, b]) = tokens.last_chunk::<2>().map(|pair| &pair[..]) else {
            return vec![];
        };
        let Some(from) = self.after.get(&[*a, *b]) else { return vec![] };
        let long = match self.right {
            right if right > 0.6 => DRAFT_MAX,
            right if right > 0.3 => 3,
            _ => 1,
        };
        tokens[*from..].iter().take(long.min(room)).copied().collect()
    }

    /// Learns how a guess fared.
    pub(crate) fn learn(&mut self, guessed: usize, right: usize) {
        if guessed == 0 {
            return;
        }
        self.right += NEWEST * (right as f64 / guessed as f64 - self.right);
        if self.right < 0.1 {
            self.rest = REST;
            // The next try is one of a single token, and counts for much.
            self.right = 0.2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_continued() {
        let mut lookup = Lookup::new();
        let tokens = [5, 6, 7, 8, 9, 1, 6, 7];
        assert_eq!(lookup.guess(&tokens, 7), [8, 9, 1]);
        lookup.learn(3, 3);
        assert_eq!(lookup.guess(&tokens, 7), [8, 9, 1, 6, 7]);
        assert_eq!(lookup.guess(&tokens, 2), [8, 9]);
        assert!(lookup.guess(&[1, 2, 3], 7).is_empty());
        assert!(lookup.guess(&[1], 7).is_empty() && lookup.guess(&[], 7).is_empty());
    }

    #[test]
    fn bad_guesses_bring_rest() {
        let mut lookup = Lookup::new();
        let tokens = [5, 6, 7, 8, 5, 6];
        let mut passes = 0;
        while !lookup.guess(&tokens, 7).is_empty() {
            lookup.learn(1, 0);
            passes += 1;
            assert!(passes < 10, "it never rests");
        }
        for _ in 1..REST {
            assert!(lookup.guess(&tokens, 7).is_empty());
        }
        assert_eq!(lookup.guess(&tokens, 7).len(), 1);
    }
}
