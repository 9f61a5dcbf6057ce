//! A passage with what stands around it, for who opens a citation.

use answer::desk::{Check, SourcePage};
use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::limits::CONTEXT_CHARS;
use crate::open::Store;

impl Store {
    /// The passage at a place; `None` if it is gone or was withdrawn.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn source_page(&self, place: i64) -> Result<Option<SourcePage>> {
        let found = self
            .db
            .prepare_cached(
                "SELECT p.title, p.section, p.page, p.publisher, p.source_year, k.licence, p.answer,
                        p.reviewed_by, p.reviewed_on, p.pack_id, p.document_id, p.position
                 FROM passages p JOIN packs k ON k.id = p.pack_id
                 WHERE p.id = ?1 AND p.withdrawn = 0 AND k.state = 'ready'",
            )?
            .query_row([place], |row| {
                let section: Option<String> = row.get(1)?;
                let page: Option<u32> = row.get(2)?;
                let year: u32 = row.get(4)?;
                let publisher: String = row.get(3)?;
                let check = row.get::<_, Option<String>>(7)?;
                let check = match check {
                    Some(role) => Some(Check { role, on: row.get(8)? }),
                    None => None,
                };
                let around: (i64, Option<i64>, Option<i64>) =
                    (row.get(9)?, row.get(10)?, row.get(11)?);
                let published =
                    if year == 0 { publisher } else { format!("{publisher}, {year}") };
                Ok((
                    SourcePage {
                        title: row.get(0)?,
                        section: section_and_page(section, page),
                        published: Some(published),
                        licence: row.get(5)?,
                        text: row.get(6)?,
                        check,
                        ..SourcePage::default()
                    },
                    around,
                ))
            })
            .optional()?;
        let Some((mut page, (pack, document, position))) = found else { return Ok(None) };
        if let (Some(document), Some(position)) = (document, position) {
            let before = self.neighbour(pack, document, position - 1)?;
            let after = self.neighbour(pack, document, position + 1)?;
            if let Some((place, text)) = before {
                page.previous = Some(place);
                page.before = ending(&text);
            }
            if let Some((place, text)) = after {
                page.next = Some(place);
                page.after = beginning(&text);
            }
        }
        Ok(Some(page))
    }

    fn neighbour(&self, pack: i64, document: i64, position: i64) -> Result<Option<(i64, String)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, answer FROM passages
             WHERE pack_id = ?1 AND document_id = ?2 AND position = ?3",
        )?;
        let found = statement
            .query_row(params![pack, document, position], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(found.optional()?)
    }
}

fn section_and_page(section: Option<String>, page: Option<u32>) -> Option<String> {
    let section = section.filter(|section| !section.is_empty());
    match (section, page) {
        (Some(section), Some(page)) => Some(format!("{section}, p. {page}")),
        (None, Some(page)) => Some(format!("p. {page}")),
        (section, None) => section,
    }
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(CONTEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn ending(text: &str) -> String {
    match text.char_indices().rev().nth(CONTEXT_CHARS) {
        Some((start, c)) => format!("…{}", &text[start + c.len_utf8()..]),
        None => text.to_owned(),
    }
}
