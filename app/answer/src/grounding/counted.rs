//! Whether a passage can say how many of something there are.
//!
//! "How many injections after a bite?" shares all its words with what to do about a bite, which names no
//! number of injections. The nearest passage is then no source, and a model asked to answer from it
//! makes a number up.

use std::sync::LazyLock;

use super::everywhere;
use super::quantity::{Class, quantities, unit_at, unit_before};
use super::token::{Phrases, Token, tokens};
use crate::limits::GROUNDING_BYTES_MAX;

/// Words that ask for a number: of what is named behind them, of what is named before them, and of
/// kilometres, kilograms and the like.
struct Asking {
    ahead: Phrases<()>,
    behind: Phrases<()>,
    measure: Phrases<()>,
}

static ASKING: LazyLock<Asking> = LazyLock::new(|| {
    let phrases = |name| everywhere("counted", name).map(|phrase| (phrase, ())).collect();
    Asking { ahead: phrases("ahead"), behind: phrases("behind"), measure: phrases("measure") }
});

/// What is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// Minutes, metres, tablets: a number in a unit of this class says it.
    Unit(Class),
    /// Anything else: a number without a unit says it, or "8 times".
    Things,
}

/// False if a question asks how many of something, and a passage has no number of that kind. The first
/// [`GROUNDING_BYTES_MAX`] bytes of the passage are read.
pub(crate) fn can_tell(question: &str, passage: &str) -> bool {
    let Some(counted) = counted(&tokens(question)) else { return true };
    let tokens = tokens(&passage[..passage.floor_char_boundary(GROUNDING_BYTES_MAX)]);
    quantities(&tokens).iter().any(|quantity| match counted {
        Counted::Unit(class) => quantity.class == Some(class),
        Counted::Things => quantity.unit.as_deref().is_none_or(|unit| unit.starts_with("time")),
    })
}

fn counted(tokens: &[Token]) -> Option<Counted> {
    (0..tokens.len()).find_map(|at| {
        if ASKING.measure.at(tokens, at).is_some() {
            return Some(Counted::Unit(Class::Measure));
        }
        let unit = if let Some((words, ())) = ASKING.ahead.at(tokens, at) {
            unit_at(tokens, at + words)
        } else {
            ASKING.behind.at(tokens, at)?;
            unit_before(tokens, at)
        };
        Some(match unit {
            Some(("time", _)) => Counted::Things,
            Some((_, class)) => Counted::Unit(class),
            None => Counted::Things,
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_of_the_kind_asked_for_is_needed() {
        let bite = "Wash the bite with soap for 15 minutes. Then go to the clinic.";
        let planets = "Eight planets go round the sun.";
        for (question, passage, tells) in [
            ("how many injections after a bite?", bite, false),
            ("for how many minutes do I wash a bite", bite, true),
            ("what do I do after a bite", bite, true),
            ("how many worlds circle our sun", planets, true),
            ("how many days does the earth take", planets, false),
            ("how many times do I go?", "Go to antenatal care at least 8 times.", true),
            ("how far are the planets?", planets, false),
            ("how far from the well?", "Dig it at least 30 metres from the well.", true),
            ("combien d'injections après une morsure ?", "Laver 15 minutes.", false),
            ("pendant combien de minutes laver ?", "Laver 15 minutes.", true),
            ("sindano ngapi baada ya kuumwa?", "Osha kwa dakika 15.", false),
            ("nioshe kwa dakika ngapi?", "Osha kwa dakika 15.", true),
        ] {
            assert_eq!(can_tell(question, passage), tells, "{question}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(question: String, passage: String) {
            let _ = can_tell(&format!("how many {question}"), &passage);
        }
    }
}
