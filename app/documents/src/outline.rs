//! Builds a document's sections from headings and blocks in reading order.

use crate::item::Section;
use crate::limits::HEADINGS_MAX;
use crate::text;

/// Takes headings and blocks, gives sections.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    sections: Vec<Section>,
    /// Level and text of the headings that are open.
    open: Vec<(u8, String)>,
    anchor: Option<String>,
    page: Option<u32>,
    body: String,
    /// A heading at the top that says the title again.
    title: Option<String>,
}

impl Outline {
    /// An outline whose headings leave out `title`.
    pub(crate) fn new(title: Option<&str>) -> Self {
        Self { title: title.map(str::to_owned), ..Self::default() }
    }

    /// A heading of a level from 1 (highest) to 6.
    pub(crate) fn heading(&mut self, level: u8, heading: &str, anchor: Option<String>) {
        self.close();
        let Some(heading) = text::name(heading) else { return };
        while self.open.last().is_some_and(|(open, _)| *open >= level) {
            self.open.pop();
        }
        self.anchor = anchor;
        if self.title.as_deref() == Some(&*heading) {
            return;
        }
        if self.open.len() < HEADINGS_MAX {
            self.open.push((level, heading));
        }
    }

    /// The next page begins; headings go on.
    pub(crate) fn page(&mut self, page: u32) {
        self.close();
        self.page = Some(page);
    }

    /// A paragraph. It may have several lines.
    pub(crate) fn paragraph(&mut self, words: &str) {
        self.add(words, "\n\n");
    }

    /// A line that belongs to the paragraph above it: an item of a list, a row of a table.
    pub(crate) fn line(&mut self, words: &str) {
        self.add(words, "\n");
    }

    fn add(&mut self, words: &str, gap: &str) {
        let clean = text::lines(words);
        if !clean.is_empty() {
            if !self.body.is_empty() {
                self.body.push_str(gap);
            }
            self.body.push_str(&clean);
        }
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.body);
        if !text.is_empty() {
            self.sections.push(Section {
                headings: self.open.iter().map(|(_, heading)| heading.clone()).collect(),
                anchor: self.anchor.clone(),
                page: self.page,
                text,
            });
        }
    }

    /// The sections; headings without any text below them are gone.
    pub(crate) fn finish(mut self) -> Vec<Section> {
        self.close();
        self.sections
    }
}
