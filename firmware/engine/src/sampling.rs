//! From logits to the next token.

use crate::error::EngineError;
use crate::limits::CANDIDATES_MAX;
use int4_kernels::Isa;
use std::collections::HashSet;

/// How the next token is chosen. The default is greedy.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; above, logits are divided by it. At most 100.
    pub temperature: f32,
    /// Only the so many most likely tokens; 0 means no such limit.
    pub top_k: usize,
    /// The most likely tokens that together reach this probability, above 0 to 1.
    pub top_p: f32,
    /// Tokens at least this many times as likely as the likeliest, 0 to below 1.
    pub min_p: f32,
    /// Makes tokens of the prompt and the answer less likely, above 0; 1 leaves them (Keskar et al.
    /// 2019, CTRL).
    pub repetition_penalty: f32,
    /// The same seed gives the same text on the same machine.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

impl Sampling {
    /// Refuses values outside their ranges, NaN included.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let range = |field, value: f32, good: bool, expected| {
            let error = EngineError::Request { field, value: value.to_string(), expected };
            if good { Ok(()) } else { Err(error) }
        };
        let (t, p, m, r) = (self.temperature, self.top_p, self.min_p, self.repetition_penalty);
        range("temperature", t, (0.0..=100.0).contains(&t), "give a number from 0 to 100")?;
        range("top_p", p, p > 0.0 && p <= 1.0, "give a number above 0, at most 1")?;
        range("min_p", m, (0.0..1.0).contains(&m), "give a number from 0 to below 1")?;
        let good = r > 0.0 && r <= 100.0;
        range("repetition_penalty", r, good, "give a number above 0, at most 100")
    }
}

/// A choice in progress: parameters, random numbers and the tokens seen so far.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    random: fastrand::Rng,
    seen: HashSet<u32>,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling, prompt: &[u32]) -> Sampler {
        let random = fastrand::Rng::with_seed(sampling.seed);
        Sampler { sampling, random, seen: prompt.iter().copied().collect() }
    }

    /// Chooses from one row of logits, which it may change.
    pub(crate) fn choose(&mut self, isa: Isa, logits: &mut [f32]) -> u32 {
        let penalty = self.sampling.repetition_penalty;
        if penalty != 1.0 {
            for id in &self.seen {
                if let Some(logit) = logits.get_mut(*id as usize) {
                    *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
                }
            }
        }
        let id = if self.sampling.temperature == 0.0 {
            // The first of the largest; NaN never wins.
            int4_kernels::vector::largest(isa, logits).0 as u32
        } else {
            let candidates = self.candidates(logits);
            self.draw(&candidates)
        };
        self.seen.insert(id);
        id
    }

    /// The tokens that may be chosen, likeliest first, with their (unnormalised) probabilities.
    fn candidates(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let limit = match self.sampling.top_k {
            0 => CANDIDATES_MAX,
            k => k.min(CANDIDATES_MAX),
        }
        .min(logits.len());
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let by_logit =
            |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
        if limit < order.len() {
            order.select_nth_unstable_by(limit, by_logit);
            order.truncate(limit);
        }
        order.sort_unstable_by(by_logit);
        let best = order.first().map_or(0.0, |id| logits[*id as usize]);
        let weight = |id: u32| {
            let delta = (logits[id as usize] - best) / self.sampling.temperature;
            (id, f64::from(delta).exp())
        };
        let mut found: Vec<(u32, f64)> = order.into_iter().map(weight).collect();
        let floor = f64::from(self.sampling.min_p);
        found.retain(|(_, weight)| *weight >= floor);
        let total: f64 = found.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let enough = found.iter().position(|(_, weight)| {
            sum += weight;
            sum >= f64::from(self.sampling.top_p) * total
        });
        found.truncate(enough.map_or(found.len(), |last| last + 1));
        found
    }

    fn draw(&mut self, candidates: &[(u32, f64)]) -> u32 {
        let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
        let mut left = self.random.f64() * total;
        for (id, weight) in candidates {
            left -= weight;
            if left < 0.0 {
                return *id;
            }
        }
        candidates.last().map_or(0, |(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        let mut counts = vec![0u32; logits.len()];
        let mut sampler = Sampler::new(sampling, &[]);
        for _ in 0..20_000 {
            sampler.seen.clear();
            counts[sampler.choose(Isa::best(), &mut logits.to_vec()) as usize] += 1;
        }
        counts.iter().map(|n| f64::from(*n) / 20_000.0).collect()
    }

    #[test]
    fn frequencies_follow_the_softmax() {
        let logits = [0.0f32, 2.0f32.ln(), 5.0f32.ln()];
        let found = shares(Sampling { temperature: 1.0, ..Sampling::default() }, &logits);
        for (found, expected) in found.iter().zip([0.125, 0.25, 0.625]) {
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
        let cold = shares(Sampling { temperature: 0.5, ..Sampling::default() }, &logits);
        assert!((cold[2] - 25.0 / 30.0).abs() < 0.02, "{cold:?}");
    }

    #[test]
    fn the_filters_cut_where_they_should() {
        let logits = [1.0f32.ln(), 2.0f32.ln(), 7.0f32.ln()];
        let base = Sampling { temperature: 1.0, ..Sampling::default() };
        assert_eq!(shares(Sampling { top_k: 1, ..base.clone() }, &logits)[2], 1.0);
        assert_eq!(shares(Sampling { top_p: 0.7, ..base.clone() }, &logits)[2], 1.0);
        assert_eq!(shares(Sampling { top_p: 0.71, ..base.clone() }, &logits)[0], 0.0);
        let min_p = shares(Sampling { min_p: 0.2, ..base }, &logits);
        assert!(min_p[0] == 0.0 && min_p[1] > 0.1);
    }

    #[test]
    fn repetition_is_punished_whatever_the_sign() {
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        let mut sampler = Sampler::new(sampling, &[1]);
        assert_eq!(sampler.choose(Isa::best(), &mut [1.0, 1.9]), 0);
        let mut sampler = Sampler::new(sampler.sampling, &[1]);
        assert_eq!(sampler.choose(Isa::best(), &mut [-1.0, -0.9]), 0);
    }

    #[test]
    fn greedy_survives_nan_and_a_seed_repeats_itself() {
        let mut sampler = Sampler::new(Sampling::default(), &[]);
        assert_eq!(sampler.choose(Isa::best(), &mut [f32::NAN, 1.0, 3.0, 3.0]), 2);
        let draw = |seed| {
            let sampling = Sampling { temperature: 1.0, seed, ..Sampling::default() };
            let mut sampler = Sampler::new(sampling, &[]);
            (0..50).map(|_| sampler.choose(Isa::best(), &mut [0.0; 40])).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for bad in [
            Sampling { temperature: f32::NAN, ..Sampling::default() },
            Sampling { top_p: 0.0, ..Sampling::default() },
            Sampling { min_p: 1.0, ..Sampling::default() },
            Sampling { repetition_penalty: -1.0, ..Sampling::default() },
        ] {
            assert!(matches!(bad.check(), Err(EngineError::Request { .. })), "{bad:?}");
        }
    }
}
