//! The packs on a box, and one pack of all that a box has to give.

use answer::review::Pack;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

use crate::error::Result;
use crate::open::{Store, count};

impl Store {
    /// All packs, those being read in among them, by name.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn packs(&self) -> Result<Vec<Pack>> {
        let mut statement = self.db.prepare_cached(
            "SELECT k.name, k.revision, k.language, k.signed_by, k.state, i.position, i.total,
                    (SELECT count(*) FROM passages p WHERE p.pack_id = k.id)
             FROM packs k LEFT JOIN imports i ON i.pack_id = k.id ORDER BY k.name",
        )?;
        let rows = statement.query_map([], |row| {
            let building = row.get_ref(4)?.as_str()? == "building";
            let (position, total): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
            let percent = percent(position.unwrap_or(0), total.unwrap_or(0));
            let name: String = row.get(0)?;
            Ok(Pack {
                name: name.strip_suffix(crate::documents::BUILDING).unwrap_or(&name).to_owned(),
                revision: row.get(1)?,
                language: row.get(2)?,
                passages: row.get::<_, u32>(7)? as usize,
                signed_by: row.get(3)?,
                progress: building.then_some(percent),
                problem: None,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What is being read in, and how far it is, in percent.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn indexing(&self) -> Result<Option<(String, u8)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT k.name, i.position, i.total FROM packs k JOIN imports i ON i.pack_id = k.id
             WHERE k.state = 'building' ORDER BY k.id DESC LIMIT 1",
        )?;
        let found = statement.query_row([], |row| {
            let name: String = row.get(0)?;
            let name = name.strip_suffix(crate::documents::BUILDING).unwrap_or(&name).to_owned();
            Ok((name, percent(row.get(1)?, row.get(2)?)))
        });
        Ok(found.optional()?)
    }

    /// Every entry of the packs, as its text stands now, and every answer that was checked, as the lines
    /// of a knowledge pack named `name`; how many entries they are. Nothing in it says who asked.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn export_knowledge(&self, name: &str) -> Result<(String, usize)> {
        let header = json!({
            "format": "baraza-knowledge", "version": 1, "name": name, "revision": "2026-01",
            "language": "en", "licence": "see the packs named in each source",
            "note": "All entries and checked answers of one box.",
        });
        let mut text = format!("{header}\n");
        let mut entries = 0;
        let mut statement = self.db.prepare(
            "SELECT k.name, p.entry_id, p.language, p.topic, p.title, p.question, p.phrasings,
                    p.answer, p.sms, p.publisher, p.source_title, p.source_year, p.reviewed_by,
                    p.reviewed_on
             FROM passages p JOIN packs k ON k.id = p.pack_id
             WHERE p.kind = 'entry' AND p.withdrawn = 0 AND k.state = 'ready' ORDER BY p.id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text_of = |column: usize| row.get::<_, Option<String>>(column);
            let phrasings = text_of(6)?.unwrap_or_default();
            let reviewed = match (text_of(12)?, text_of(13)?) {
                (Some(by), Some(on)) => json!({ "by": by, "on": on }),
                _ => serde_json::Value::Null,
            };
            let pack = text_of(0)?.unwrap_or_default();
            let id = format!("{pack}-{}", text_of(1)?.unwrap_or_default());
            let line = json!({
                "id": id, "language": text_of(2)?, "topic": text_of(3)?, "title": text_of(4)?,
                "question": text_of(5)?, "phrasings": phrasings.lines().collect::<Vec<_>>(),
                "answer": text_of(7)?, "sms": text_of(8)?,
                "source": {
                    "publisher": text_of(9)?, "title": text_of(10)?, "year": row.get::<_, u32>(11)?,
                },
                "reviewed": reviewed,
            });
            text.push_str(&format!("{line}\n"));
            entries += 1;
        }
        entries += self.export_checked(&mut text)?;
        Ok((text, entries))
    }

    fn export_checked(&self, text: &mut String) -> Result<usize> {
        let mut statement = self.db.prepare(
            "SELECT language, question, text, sms, role, second_role, decided_on, id FROM reviews
             WHERE kind = 'question' AND state = 'approved' ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        let mut entries = 0;
        while let Some(row) = rows.next()? {
            let question: String = row.get(1)?;
            let title: String = question.chars().take(80).collect();
            let second: Option<String> = row.get(5)?;
            let role: String = row.get(4)?;
            let by = second.map_or(role.clone(), |second| format!("{role}, {second}"));
            let on: Option<String> = row.get(6)?;
            let line = json!({
                "id": format!("checked-{}", row.get::<_, i64>(7)?), "language": row.get::<_, String>(0)?,
                "topic": "other", "title": title, "question": question, "phrasings": [],
                "answer": row.get::<_, String>(2)?.split_whitespace().collect::<Vec<_>>().join(" "),
                "sms": row.get::<_, Option<String>>(3)?,
                "source": { "publisher": "this box", "title": "checked answers", "year": 2026 },
                "reviewed": on.map(|on| json!({ "by": by, "on": on })),
            });
            text.push_str(&format!("{line}\n"));
            entries += 1;
        }
        Ok(entries)
    }

    /// Looks for damage: in the database's pages, its index, its packs and the log of reviews. Each
    /// problem is a line for the person in charge.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read at all.
    pub fn check_knowledge(&self) -> Result<Vec<String>> {
        let mut problems: Vec<String> =
            self.integrity_errors()?.into_iter().map(|line| format!("database: {line}")).collect();
        for table in ["search_entries", "search_documents", "near", "near_checked"] {
            let check = format!("INSERT INTO {table} ({table}) VALUES ('integrity-check')");
            if let Err(error) = self.db.execute(&check, []) {
                problems.push(format!("index {table}: {error}"));
            }
        }
        for (sql, what) in [
            ("SELECT count(*) FROM pragma_foreign_key_check", "rows point to nothing"),
            (
                "SELECT count(*) FROM packs k WHERE state = 'ready'
                 AND NOT EXISTS (SELECT 1 FROM passages p WHERE p.pack_id = k.id)",
                "packs are empty",
            ),
            (
                "SELECT count(*) FROM cache c LEFT JOIN answers a ON a.seq = c.answer_seq
                 WHERE a.seq IS NULL",
                "cached answers are missing",
            ),
        ] {
            let found = self.db.query_row(sql, [], count)?;
            if found > 0 {
                problems.push(format!("{found} {what}"));
            }
        }
        problems.extend(self.verify_audit()?.into_iter().map(|line| format!("audit log: {line}")));
        Ok(problems)
    }

    /// Keeps what an asker says of an answer; false if there is none under this code.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn feedback(
        &mut self,
        code: &answer::desk::AnswerCode,
        feedback: answer::desk::Feedback,
    ) -> Result<bool> {
        let helpful = feedback == answer::desk::Feedback::Helpful;
        let changed = self.db.execute(
            "UPDATE answers SET helpful = ?2
             WHERE question_seq = (SELECT seq FROM questions WHERE code = ?1)",
            params![code.as_str(), helpful],
        )?;
        Ok(changed > 0)
    }
}

fn percent(position: i64, total: i64) -> u8 {
    let percent = position.max(0).saturating_mul(100).checked_div(total.max(0)).unwrap_or(0);
    u8::try_from(percent).unwrap_or(99).min(99)
}
