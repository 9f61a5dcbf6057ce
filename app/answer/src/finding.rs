//! Everything that is answered without a model, in the order in which people may trust it: the
//! danger floor first, then what a person checked, what was written before, what a source says word
//! for word. What is left goes to the model with a passage, or is said to have no source.

use crate::answering::{self, Ground};
use crate::danger::Rules;
use crate::desk::{Answer, Check, Floor, Origin, Topic};
use crate::limits::{NEAR_MAX, TOPICS_MAX};
use crate::passage::Passage;
use crate::ports::{Kept, Library, Making, StorageError, with_floor};
use crate::question::{CacheKey, Language, QuestionText};
use crate::relevance::Query;
use crate::{injection, sentences};

/// What answers questions without a model.
pub struct Finder<'a> {
    /// Passages.
    pub library: &'a dyn Library,
    /// Answers kept.
    pub kept: &'a dyn Kept,
    /// Whether a near match may be served: the words of the earlier question, the words asked.
    pub may_share: &'a dyn Fn(&str, &str, &Language) -> bool,
    /// The danger floor.
    pub rules: &'a Rules,
    /// The site's referral card.
    pub card: Option<&'a str>,
    /// What answers are made with now.
    pub making: &'a Making,
    /// False in no-model mode: sources then speak for themselves.
    pub has_model: bool,
    /// True if the model may write without a source; the site decides.
    pub model_without_source: bool,
    /// The meaning of a text as a vector, if there is an encoder; asked only where a search follows.
    pub encode: &'a dyn Fn(&str) -> Option<Vec<i8>>,
    /// Languages to look in after the question's own.
    pub languages: &'a [Language],
}

/// What was found for a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What must be shown first and at once.
    pub floor: Option<Floor>,
    /// What comes after it.
    pub next: Next,
}

/// What is to be done after the floor.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Nothing: this is the answer, with the floor in it.
    Done(Box<Answer>),
    /// The model writes from this passage.
    WriteFrom(Box<Passage>),
    /// The model writes from what it remembers, because the site allows it.
    WriteFreely,
}

impl Finder<'_> {
    /// Looks for the answer to a question.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub fn find(
        &self,
        question: &QuestionText,
        language: &Language,
    ) -> Result<Finding, StorageError> {
        let floor = floor(self.rules, question.as_str(), language, self.card);
        let next = match self.next(question, language, floor.is_some())? {
            Next::Done(answer) => {
                let answer = self.answer_floor(*answer, language);
                Next::Done(Box::new(with_floor(answer, floor.as_ref())))
            }
            next => next,
        };
        Ok(Finding { floor, next })
    }

    fn next(
        &self,
        question: &QuestionText,
        language: &Language,
        danger: bool,
    ) -> Result<Next, StorageError> {
        let done = |answer| Ok(Next::Done(Box::new(answer)));
        let key = CacheKey::of(question);
        if self.kept.is_withdrawn(&key, language)? {
            return done(withdrawn(language, danger));
        }
        if let Some(answer) = self.kept.checked(&key, language)? {
            return done(answer);
        }
        let query = Query::of(question, language);
        if let Some(answer) =
            self.near(&key, language, self.kept.checked_near(&query, language, NEAR_MAX)?)?
        {
            return done(answer);
        }
        // In danger nothing is served that a model wrote, now or before.
        if !danger {
            if let Some(answer) = self.kept.cached_exact(&key, language, self.making)? {
                return done(answer);
            }
            let near = self.kept.cached_near(&query, language, self.making, NEAR_MAX)?;
            if let Some(answer) = self.near(&key, language, near)? {
                return done(answer);
            }
        }
        if injection::is_aimed_at_the_box(question.as_str()) {
            return done(no_source(sentences::not_for_me(language), danger));
        }
        let vector = if danger { None } else { (self.encode)(question.as_str()) };
        for language in std::iter::once(language).chain(self.languages) {
            let ground = if danger {
                answering::find_entry(question, language, self.library)?
            } else {
                answering::find_ground(question, language, vector.clone(), self.library)?
            };
            if let Ground::Passage(passage) = ground {
                return self.answer_from(&key, passage, language, danger);
            }
        }
        if self.model_without_source && self.has_model && !danger && !query.content.is_empty() {
            return Ok(Next::WriteFreely);
        }
        let topics = match danger {
            true => Vec::new(),
            false => self.topics(query, language, vector)?,
        };
        let text = match (danger, topics.is_empty()) {
            (true, _) => "",
            (_, true) => sentences::not_understood(language),
            (_, false) => sentences::no_source(language),
        };
        done(Answer { topics, ..no_source(text, danger) })
    }

    /// The first of the near matches that the guard lets through.
    fn near(
        &self,
        key: &CacheKey,
        language: &Language,
        found: Vec<(String, Answer)>,
    ) -> Result<Option<Answer>, StorageError> {
        let shared =
            |(known, _): &(String, Answer)| (self.may_share)(known, key.as_str(), language);
        Ok(found.into_iter().find(shared).map(|(_, answer)| answer))
    }

    fn answer_from(
        &self,
        key: &CacheKey,
        passage: Box<Passage>,
        language: &Language,
        danger: bool,
    ) -> Result<Next, StorageError> {
        if let Some(check) = &passage.check {
            let wordings = match passage.place {
                Some(place) => self.kept.wordings(place)?,
                None => Vec::new(),
            };
            let asks_this = |known: &String| {
                known == key.as_str() || (self.may_share)(known, key.as_str(), language)
            };
            if wordings.iter().any(asks_this) {
                return Ok(Next::Done(Box::new(checked(&passage, check))));
            }
        }
        // In danger nobody waits for a model, and nothing is said that the source does not say.
        if danger || !self.has_model {
            return Ok(Next::Done(Box::new(quoted(&passage))));
        }
        Ok(Next::WriteFrom(passage))
    }

    fn topics(
        &self,
        query: Query,
        language: &Language,
        vector: Option<Vec<i8>>,
    ) -> Result<Vec<Topic>, StorageError> {
        let query = query.with_vector(vector);
        let nearest = self.library.nearest_topics(&query, language, TOPICS_MAX)?;
        let topic = |passage: Passage| Topic { title: passage.title, question: passage.question };
        Ok(nearest.into_iter().map(topic).collect())
    }

    /// An answer that speaks of a danger without sending anybody to care gets the referral.
    fn answer_floor(&self, answer: Answer, language: &Language) -> Answer {
        answer_floor(self.rules, answer, language, self.card)
    }
}

/// What the danger floor says to a text: the most urgent rule's words, with the site's card.
#[must_use]
pub fn floor(rules: &Rules, text: &str, language: &Language, card: Option<&str>) -> Option<Floor> {
    rules.check(text, language).first().map(|hit| floor_of(hit, card))
}

/// An answer, with a referral before it if it speaks of a danger without one.
#[must_use]
pub fn answer_floor(
    rules: &Rules,
    answer: Answer,
    language: &Language,
    card: Option<&str>,
) -> Answer {
    if answer.floor.is_some() || answer.origin == Origin::None {
        return answer;
    }
    let missing = rules.missing_referrals(&answer.text, language);
    let floor = missing.first().map(|hit| floor_of(hit, card));
    with_floor(answer, floor.as_ref())
}

fn floor_of(hit: &crate::danger::Hit<'_>, card: Option<&str>) -> Floor {
    Floor {
        rule: hit.rule().to_owned(),
        text: hit.referral(card),
        sms: hit.sms().to_owned(),
        language: hit.language().to_owned(),
        source: hit.source().to_owned(),
        reviewed: hit.reviewed(),
    }
}

/// A source, word for word.
#[must_use]
pub fn quoted(passage: &Passage) -> Answer {
    Answer {
        text: passage.text.clone(),
        origin: Origin::Cache,
        sources: vec![passage.source()],
        ..Answer::default()
    }
}

fn checked(passage: &Passage, check: &Check) -> Answer {
    Answer { origin: Origin::Checked, check: Some(check.clone()), ..quoted(passage) }
}

/// Where there is no source; under a floor's text nothing needs to be added.
fn no_source(text: &str, danger: bool) -> Answer {
    let text = if danger { String::new() } else { text.to_owned() };
    Answer { text, origin: Origin::None, ..Answer::default() }
}

fn withdrawn(language: &Language, danger: bool) -> Answer {
    no_source(sentences::withdrawn(language), danger)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library without anything in it.
    struct Empty;

    impl Library for Empty {
        fn worded(&self, _: &CacheKey, _: &Language) -> Result<Option<Passage>, StorageError> {
            Ok(None)
        }
        fn search(
            &self,
            _: &Query,
            _: &Language,
            _: usize,
        ) -> Result<crate::relevance::Found, StorageError> {
            Ok(crate::relevance::Found::default())
        }
    }

    /// Has an answer of the model's to every question, and a checked one if it is told to.
    struct Full {
        checked: bool,
    }

    fn written() -> Answer {
        Answer { text: "Written before.".into(), origin: Origin::Cache, ..Answer::default() }
    }

    fn by_a_nurse() -> Answer {
        let check = Check { role: "nurse".into(), on: None };
        let text = "Checked.".into();
        Answer { text, origin: Origin::Checked, check: Some(check), ..Answer::default() }
    }

    impl Kept for Full {
        fn checked(&self, _: &CacheKey, _: &Language) -> Result<Option<Answer>, StorageError> {
            Ok(self.checked.then(by_a_nurse))
        }
        fn checked_near(
            &self,
            _: &Query,
            _: &Language,
            _: usize,
        ) -> Result<Vec<(String, Answer)>, StorageError> {
            Ok(Vec::new())
        }
        fn cached_exact(
            &self,
            _: &CacheKey,
            _: &Language,
            _: &Making,
        ) -> Result<Option<Answer>, StorageError> {
            Ok(Some(written()))
        }
        fn cached_near(
            &self,
            _: &Query,
            _: &Language,
            _: &Making,
            _: usize,
        ) -> Result<Vec<(String, Answer)>, StorageError> {
            Ok(vec![("any".into(), written())])
        }
        fn wordings(&self, _: i64) -> Result<Vec<String>, StorageError> {
            Ok(Vec::new())
        }
        fn is_withdrawn(&self, _: &CacheKey, _: &Language) -> Result<bool, StorageError> {
            Ok(false)
        }
    }

    fn found(question: &str, kept: &Full) -> Finding {
        let making = Making { model: "m".into(), knowledge: "k".into(), prompt: 1 };
        let finder = Finder {
            library: &Empty,
            kept,
            may_share: &|_, _, _| true,
            rules: Rules::embedded(),
            card: None,
            making: &making,
            has_model: true,
            model_without_source: true,
            encode: &|_| None,
            languages: &[],
        };
        finder.find(&QuestionText::parse(question).unwrap(), &Language::english()).unwrap()
    }

    fn done(finding: &Finding) -> &Answer {
        match &finding.next {
            Next::Done(answer) => answer,
            next => panic!("{next:?}"),
        }
    }

    #[test]
    fn in_danger_nothing_is_served_that_a_model_wrote_before() {
        let danger = "my baby is not breathing what do i do";
        let full = Full { checked: false };
        let finding = found(danger, &full);
        assert_eq!(finding.floor.as_ref().map(|floor| floor.rule.as_str()), Some("not-breathing"));
        assert_eq!(done(&finding).origin, Origin::Floor);
        assert_eq!(done(&finding).text, "");
        // Elsewhere the same answer is the one kept; and what a person checked stands in danger too.
        assert_eq!(done(&found("what is gravity", &full)), &written());
        let checked = found(danger, &Full { checked: true });
        assert_eq!(
            (done(&checked).text.as_str(), &done(&checked).check),
            ("Checked.", &by_a_nurse().check)
        );
        assert!(done(&checked).floor.is_some());
    }
}
