//! Text to tokens and back, piece by piece.

use crate::error::EngineError;
use tokenizers::{Tokenizer, TruncationParams, step_decode_stream};

/// The pack's tokenizer.
#[derive(Debug)]
pub(crate) struct Text {
    tokenizer: Tokenizer,
}

impl Text {
    pub(crate) fn new(json: &[u8]) -> Result<Text, EngineError> {
        let tokenizer = Tokenizer::from_bytes(json);
        Ok(Text { tokenizer: tokenizer.map_err(|e| EngineError::Tokenizer(e.to_string()))? })
    }

    /// An encoder's: texts are cut to `max_tokens`, special ones counted, and never padded,
    /// whatever the file says about either.
    pub(crate) fn cut_to(json: &[u8], max_tokens: usize) -> Result<Text, EngineError> {
        let mut text = Text::new(json)?;
        let cut = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        let set = text.tokenizer.with_padding(None).with_truncation(Some(cut));
        set.map_err(|e| EngineError::Tokenizer(e.to_string()))?;
        Ok(text)
    }

    /// Token ids of a text; `special` adds what the tokenizer puts around a text of its own accord.
    pub(crate) fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, EngineError> {
        let encoding = self.tokenizer.encode_fast(text, special);
        let encoding = encoding.map_err(|e| EngineError::Tokenizer(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Tokens of a text (as [`Text::encode`] gives them), and how many of them lie wholly within
    /// the first `ends[i]` bytes, for each `i`.
    pub(crate) fn encode_with_ends(
        &self,
        text: &str,
        special: bool,
        ends: &[usize],
    ) -> Result<(Vec<u32>, Vec<usize>), EngineError> {
        let encoding = self.tokenizer.encode(text, special);
        let encoding = encoding.map_err(|e| EngineError::Tokenizer(e.to_string()))?;
        let offsets = encoding.get_offsets();
        let within = |end: &usize| offsets.iter().take_while(|(_, last)| last <= end).count();
        Ok((encoding.get_ids().to_vec(), ends.iter().map(within).collect()))
    }

    /// The text that `id` completes after the tokens before it. Bytes of an unfinished character are
    /// kept until it is whole.
    pub(crate) fn decode(&self, state: &mut Decoding, id: u32) -> Result<String, EngineError> {
        let Decoding { ids, prefix, index } = state;
        let piece = step_decode_stream(&self.tokenizer, vec![id], true, ids, prefix, index);
        Ok(piece.map_err(|e| EngineError::Tokenizer(e.to_string()))?.unwrap_or_default())
    }
}

/// Tokens on their way to text.
#[derive(Debug, Default)]
pub(crate) struct Decoding {
    ids: Vec<u32>,
    prefix: String,
    index: usize,
}

/// Looks for stop strings in a growing text, and holds back what might become one.
#[derive(Debug)]
pub(crate) struct StopStrings {
    stops: Vec<String>,
    held: String,
}

impl StopStrings {
    /// None of the strings may be empty.
    pub(crate) fn new(stops: Vec<String>) -> StopStrings {
        StopStrings { stops, held: String::new() }
    }

    /// Takes the next piece; gives what may be shown, and whether a stop string was found right
    /// after it.
    pub(crate) fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back, at the end of the text.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` that are the beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let starts = stop.char_indices().map(|(i, _)| i).rev();
    starts.filter(|len| *len > 0).find(|len| text.ends_with(&stop[..*len])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_stop_string_is_held_back_and_released() {
        let stops = vec!["\nQuestion:".to_owned()];
        let mut stream = StopStrings::new(stops.clone());
        assert_eq!(stream.push("Drink water.\nQue"), ("Drink water.".into(), false));
        assert_eq!(stream.push("nch"), ("\nQuench".into(), false));
        assert_eq!(stream.push("\nQuestion: next"), (String::new(), true));
    }

    proptest! {
        #[test]
        fn shown_text_is_the_text_up_to_the_first_stop(
            pieces in prop::collection::vec("[abé\u{1F4A7}]{0,4}", 0..12),
            stops in prop::collection::vec("[abé\u{1F4A7}]{1,3}", 0..3),
        ) {
            let mut stream = StopStrings::new(stops.clone());
            let (mut shown, mut stopped) = (String::new(), false);
            for piece in &pieces {
                let (text, stop) = stream.push(piece);
                shown.push_str(&text);
                if stop {
                    stopped = true;
                    break;
                }
            }
            if !stopped {
                shown.push_str(&stream.finish());
            }
            // The first piece that completes a stop string decides; the text ends before the first one.
            let mut text = String::new();
            let mut end = None;
            for piece in &pieces {
                text.push_str(piece);
                end = stops.iter().filter_map(|stop| text.find(stop.as_str())).min();
                if end.is_some() {
                    break;
                }
            }
            prop_assert_eq!(stopped, end.is_some());
            prop_assert_eq!(shown, &text[..end.unwrap_or(text.len())]);
        }
    }
}
