//! What every way of asking needs: the page, `baraza ask`, and the workers look a question up in the
//! same way.

use std::time::Instant;

use answer::danger::Rules;
use answer::desk::{Answer, Channel};
use answer::finding::{self, Finder, Finding, Next};
use answer::guard;
use answer::ports::{Accepting, Kept, Library, Making, StorageError};
use answer::privacy;
use answer::question::{Language, QuestionText};
use answer::review::Site;

use crate::encoder::SharedEncoder;
use crate::running::Running;

/// Languages with knowledge of their own; a question is looked up in its own first.
const LANGUAGES: [&str; 3] = ["en", "fr", "sw"];

/// What a question is looked up with.
pub(crate) struct Asking {
    making: Making,
    languages: Vec<Language>,
    encoder: Option<SharedEncoder>,
    /// Makes the hash by which one person's questions are told from another's; forgotten with the
    /// process.
    secret: [u8; 32],
    running: Running,
}

/// Where a site's settings are kept.
pub(crate) trait Settings {
    /// The site's settings.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn site(&self) -> Result<Site, StorageError>;
}

impl Settings for store::Store {
    fn site(&self) -> Result<Site, StorageError> {
        Ok(Self::site(self)?)
    }
}

impl Asking {
    pub(crate) fn new(making: Making, encoder: Option<SharedEncoder>, running: Running) -> Self {
        let languages = LANGUAGES.iter().filter_map(|tag| Language::parse(tag)).collect();
        let mut secret = [0; 32];
        for part in secret.chunks_exact_mut(8) {
            part.copy_from_slice(&crate::front_desk::unguessable().to_le_bytes());
        }
        Self { making, languages, encoder, secret, running }
    }

    /// The same with another model.
    pub(crate) fn with_model(mut self, id: &str) -> Self {
        id.clone_into(&mut self.making.model);
        self
    }

    /// What answers are made with.
    pub(crate) fn making(&self) -> &Making {
        &self.making
    }

    /// True if a sentence encoder helps the search.
    pub(crate) fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    /// The site's settings.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub(crate) fn site(&self, store: &impl Settings) -> Result<Site, StorageError> {
        store.site()
    }

    /// Looks a question up.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub(crate) fn find<S: Library + Kept>(
        &self,
        store: &S,
        site: &Site,
        text: &QuestionText,
        language: &Language,
        has_model: bool,
    ) -> Result<Finding, StorageError> {
        let card = site.card();
        let others: Vec<Language> =
            self.languages.iter().filter(|other| *other != language).cloned().collect();
        let may_share = |known: &str, asked: &str, language: &Language| {
            guard::may_share(known, asked, language) == guard::Verdict::Same
        };
        let finder = Finder {
            library: store,
            kept: store,
            may_share: &may_share,
            rules: Rules::embedded(),
            card: card.as_deref(),
            making: &self.making,
            has_model,
            model_without_source: site.model_without_source,
            encode: &|text| self.encoder.as_ref()?.encode(text),
            languages: &others,
        };
        finder.find(text, language)
    }

    /// A question on its way into the journal, with its answer if that needs no model.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub(crate) fn accepting<S: Library + Kept + Settings>(
        &self,
        store: &S,
        text: QuestionText,
        language: Language,
        from: (Channel, Option<&str>),
        has_model: bool,
    ) -> Result<Accepting, StorageError> {
        let begun = Instant::now();
        let site = self.site(store)?;
        let Finding { floor, next } = self.find(store, &site, &text, &language, has_model)?;
        let ready = match next {
            Next::Done(mut answer) => {
                answer.milliseconds = milliseconds_since(begun);
                Some(*answer)
            }
            _ => None,
        };
        let (channel, asker) = from;
        Ok(Accepting {
            general: privacy::without_persons(text.as_str(), &language).into_owned(),
            asker: asker.map(|asker| self.hash(asker)),
            floor,
            ready,
            running_s: self.running.seconds(),
            text,
            language,
            channel,
        })
    }

    /// An answer that a model wrote, with a referral before it if it speaks of a danger without one.
    pub(crate) fn answer_floor(&self, answer: Answer, site: &Site, language: &Language) -> Answer {
        finding::answer_floor(Rules::embedded(), answer, language, site.card().as_deref())
    }

    fn hash(&self, asker: &str) -> String {
        blake3::keyed_hash(&self.secret, asker.as_bytes()).to_hex()[..32].to_owned()
    }
}

fn milliseconds_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
