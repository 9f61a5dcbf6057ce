//! What the pages say, in each language of the interface.
//!
//! One [`Words`] per language: a sentence that is missing in one of them does not compile.
//!
//! **State of the translations.** English is the reference. Swahili ([`sw`]), Arabic ([`ar`]) and
//! French ([`fr`]) were written with the layout and are **not yet reviewed by a native speaker who
//! works in a clinic or a school**. They carry no advice, only the words of the interface. Review
//! them before a box is handed over in these languages.

mod ar;
mod en;
mod fr;
mod review;
mod sw;

pub(crate) use review::ReviewWords;

use crate::limits::LANGUAGE_RANGES_MAX;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    En,
    /// Swahili.
    Sw,
    /// Arabic, right to left.
    Ar,
    /// French.
    Fr,
}

/// The sentences of one language, grouped by page.
#[derive(Debug)]
pub(crate) struct Words {
    // Every page.
    pub(crate) tagline: &'static str,
    pub(crate) languages: &'static str,
    pub(crate) emergency: &'static str,

    // The first page.
    pub(crate) ask_title: &'static str,
    pub(crate) ask_label: &'static str,
    pub(crate) ask_hint: &'static str,
    pub(crate) ask_button: &'static str,
    pub(crate) private: &'static str,
    pub(crate) have_code: &'static str,
    pub(crate) code_label: &'static str,
    pub(crate) code_button: &'static str,

    // A question on its way.
    pub(crate) accepted: &'static str,
    pub(crate) waiting_title: &'static str,
    pub(crate) your_question: &'static str,
    pub(crate) ahead: fn(usize) -> String,
    pub(crate) wait: fn(seconds: u32) -> String,
    pub(crate) no_model: &'static str,
    pub(crate) writing: &'static str,
    pub(crate) writing_notice: &'static str,
    pub(crate) your_code: &'static str,
    pub(crate) code_keeps: &'static str,
    pub(crate) look_again: &'static str,
    pub(crate) looks_by_itself: &'static str,

    // An answer.
    pub(crate) answer_title: &'static str,
    pub(crate) checked: &'static str,
    pub(crate) checked_by: &'static str,
    pub(crate) role: fn(&str) -> Option<&'static str>,
    pub(crate) time_not_set: &'static str,
    pub(crate) origin_before: &'static str,
    pub(crate) origin_model: &'static str,
    pub(crate) origin_library: &'static str,
    pub(crate) origin_library_reviewed: &'static str,
    pub(crate) weak: &'static str,
    pub(crate) floor_title: &'static str,
    pub(crate) floor_source: &'static str,
    pub(crate) floor_unreviewed: &'static str,
    pub(crate) topics: &'static str,
    pub(crate) origin_none: &'static str,
    pub(crate) danger: &'static str,
    pub(crate) sources: &'static str,
    pub(crate) source_reviewed: &'static str,
    pub(crate) source_unreviewed: &'static str,
    pub(crate) model: &'static str,
    pub(crate) source_open: &'static str,
    pub(crate) helped: &'static str,
    pub(crate) yes: &'static str,
    pub(crate) no: &'static str,
    pub(crate) thanks: &'static str,
    pub(crate) ask_another: &'static str,
    pub(crate) failed_title: &'static str,

    // Deleting a question.
    pub(crate) delete: &'static str,
    pub(crate) delete_title: &'static str,
    pub(crate) delete_text: &'static str,
    pub(crate) delete_button: &'static str,
    pub(crate) delete_back: &'static str,
    pub(crate) deleted: &'static str,

    // A source.
    pub(crate) source_title: &'static str,
    pub(crate) section: &'static str,
    pub(crate) publisher: &'static str,
    pub(crate) licence: &'static str,
    pub(crate) cited: &'static str,
    pub(crate) previous: &'static str,
    pub(crate) next: &'static str,
    pub(crate) back_to_answer: &'static str,

    // The state of the box.
    pub(crate) status_title: &'static str,
    pub(crate) status_well: &'static str,
    pub(crate) status_no_model: &'static str,
    pub(crate) status_no_knowledge: &'static str,
    pub(crate) status_no_journal: &'static str,
    pub(crate) none: &'static str,
    pub(crate) encoder: &'static str,
    pub(crate) encoder_on: &'static str,
    pub(crate) encoder_off: &'static str,
    pub(crate) passages: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) clock: &'static str,
    pub(crate) indexing: &'static str,
    pub(crate) indexing_none: &'static str,

    // What went wrong, and what to do.
    pub(crate) empty: &'static str,
    pub(crate) too_long: fn(length: usize, limit: usize) -> String,
    pub(crate) busy: fn(waiting: usize) -> String,
    pub(crate) too_many_of_yours: fn(waiting: usize) -> String,
    pub(crate) not_kept: &'static str,
    pub(crate) not_done: &'static str,
    pub(crate) broken_form: &'static str,
    pub(crate) not_a_form: &'static str,
    pub(crate) body_too_long: &'static str,
    pub(crate) no_such_code: &'static str,
    pub(crate) no_such_source: &'static str,
    pub(crate) no_such_page: &'static str,
    pub(crate) not_our_form: &'static str,
    pub(crate) wrong_method: &'static str,
    pub(crate) malformed: &'static str,
    pub(crate) length_unknown: &'static str,
    pub(crate) too_slow: &'static str,
    pub(crate) no_seat: &'static str,
    pub(crate) no_stream: &'static str,
    pub(crate) our_fault: &'static str,
    pub(crate) trouble_title: &'static str,
    pub(crate) done: &'static str,
    pub(crate) go_on: &'static str,
    pub(crate) first_page: &'static str,
}

impl Language {
    /// All of them, in the order in which pages offer them.
    pub(crate) const ALL: [Self; 4] = [Self::En, Self::Fr, Self::Sw, Self::Ar];

    /// The language's BCP 47 tag.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Sw => "sw",
            Self::Ar => "ar",
            Self::Fr => "fr",
        }
    }

    /// The language's name in itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Sw => "Kiswahili",
            Self::Ar => "العربية",
            Self::Fr => "Français",
        }
    }

    /// `ltr` or `rtl`.
    pub(crate) fn direction(self) -> &'static str {
        match self {
            Self::En | Self::Sw | Self::Fr => "ltr",
            Self::Ar => "rtl",
        }
    }

    /// What pages say in this language.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::En => &en::WORDS,
            Self::Sw => &sw::WORDS,
            Self::Ar => &ar::WORDS,
            Self::Fr => &fr::WORDS,
        }
    }

    /// What the review desk says in this language.
    pub(crate) fn review(self) -> &'static ReviewWords {
        match self {
            Self::En => &en::REVIEW,
            Self::Sw => &sw::REVIEW,
            Self::Ar => &ar::REVIEW,
            Self::Fr => &fr::REVIEW,
        }
    }

    /// The language whose tag, or whose tag's first part, is this one (`ar-SD` is Arabic).
    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The best match for an `Accept-Language` header (RFC 9110, 12.5.4), English if none.
    pub(crate) fn accepted(header: &str) -> Self {
        let mut best = (0, Self::En);
        for range in header.split(',').take(LANGUAGE_RANGES_MAX) {
            let mut parts = range.split(';');
            let Some(language) = parts.next().and_then(Self::from_tag) else { continue };
            let weight = parts.find_map(weight_in_thousandths).unwrap_or(1000);
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }
}

fn weight_in_thousandths(parameter: &str) -> Option<u32> {
    let value: f32 = parameter.trim().strip_prefix("q=")?.parse().ok()?;
    // In range and never NaN after the clamp; the cast then cannot lose anything.
    (0.0..=1.0).contains(&value).then_some((value * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_browser_is_heard() {
        for (header, language) in [
            ("", Language::En),
            ("pt", Language::En),
            ("fr", Language::Fr),
            ("sw", Language::Sw),
            ("ar-SD,ar;q=0.9,en;q=0.8", Language::Ar),
            ("pt-BR, fr;q=0.4, en;q=0.3, SW;q=0.5", Language::Sw),
            ("ar;q=0, sw;q=0.1", Language::Sw),
            ("ar;q=nan, sw;q=7", Language::Ar),
            ("*", Language::En),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
        assert_eq!(Language::from_tag("AR"), Some(Language::Ar));
        assert_eq!(Language::from_tag("arc"), None);
    }

    #[test]
    fn counts_are_said_in_every_language() {
        for language in Language::ALL {
            let words = language.words();
            for n in [0, 1, 2, 3, 10, 11, 99, 100, 101, 103, 1000] {
                assert!(!(words.ahead)(n).is_empty());
                assert!(!(words.busy)(n).is_empty());
                assert!(!(words.too_many_of_yours)(n).is_empty());
                assert!(!(language.review().asked)(n as u32).is_empty());
                assert!(!(language.review().did_not_help)(n as u32).is_empty());
            }
            for seconds in [0, 44, 60, 90, 125, 299, 3599, 3600, 7201, u32::MAX] {
                assert!(!(words.wait)(seconds).is_empty());
            }
            assert!((words.ahead)(37).contains("37"));
            assert!((words.too_long)(1500, 1000).contains("1000"));
            assert!((words.wait)(37 * 60).contains("37"));
            assert!((words.too_many_of_yours)(37).contains("37"));
            assert_ne!((words.role)("nurse"), None);
            assert_eq!((words.role)("<b>"), None);
        }
    }

    proptest! {
        #[test]
        fn any_header_gives_a_language(header in ".{0,200}") {
            let _ = Language::accepted(&header);
        }
    }
}
