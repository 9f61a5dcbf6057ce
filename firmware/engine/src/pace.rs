//! How much of a prompt goes into a pass that others' next tokens wait for.

use crate::limits::{GAP_FACTOR, PREFILL_CHUNK, PREFILL_FIRST};
use std::time::Duration;

/// Weight of the newest pass in the running means.
const NEWEST: f64 = 0.25;

/// Running means of what passes take.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Seconds of a pass that only decodes.
    decode: Option<f64>,
    /// Seconds that each token of a prompt adds.
    prompt_token: Option<f64>,
}

impl Pace {
    /// Takes note of a pass with so many tokens of prompts, beside decoding or not.
    pub(crate) fn note(&mut self, prompt_tokens: usize, decoding: bool, time: Duration) {
        let time = time.as_secs_f64();
        if prompt_tokens == 0 {
            return mix(&mut self.decode, time);
        }
        let alone = if decoding { self.decode.unwrap_or(0.0) } else { 0.0 };
        // Below a few tokens the time says more of noise than of them.
        if prompt_tokens >= PREFILL_FIRST.min(4) {
            mix(&mut self.prompt_token, (time - alone).max(0.0) / prompt_tokens as f64);
        }
    }

    /// Tokens of prompts that the next pass takes: a whole chunk if nobody waits for it, else so few
    /// that the pass takes at most [`GAP_FACTOR`] times as long as one without them.
    pub(crate) fn prompt_tokens(&self, somebody_waits: bool) -> usize {
        if !somebody_waits {
            return PREFILL_CHUNK;
        }
        let (Some(decode), Some(each)) = (self.decode, self.prompt_token) else {
            return PREFILL_FIRST;
        };
        let room = (GAP_FACTOR - 1.0) * decode / each.max(1e-9);
        (room as usize).clamp(1, PREFILL_CHUNK)
    }
}

fn mix(mean: &mut Option<f64>, newest: f64) {
    *mean = Some(mean.map_or(newest, |mean| mean + NEWEST * (newest - mean)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_long_for_a_prompt() {
        let ms = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(pace.prompt_tokens(false), PREFILL_CHUNK);
        assert_eq!(pace.prompt_tokens(true), PREFILL_FIRST);
        for _ in 0..20 {
            pace.note(0, true, ms(20));
            pace.note(16, true, ms(20 + 16 * 4));
        }
        let tokens = pace.prompt_tokens(true);
        let gap = 20.0 + 4.0 * tokens as f64;
        assert!(gap <= GAP_FACTOR * 20.0 + 4.0 && gap > 40.0, "{tokens} tokens");
        // A machine that reads slowly still reads.
        for _ in 0..20 {
            pace.note(16, true, ms(20 + 16 * 900));
        }
        assert_eq!(pace.prompt_tokens(true), 1);
    }
}
