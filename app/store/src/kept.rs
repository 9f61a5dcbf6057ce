//! Answers kept for whoever asks the same, or nearly the same.

use answer::desk::Answer;
use answer::ports::{Kept, Making, StorageError};
use answer::question::{CacheKey, Language};
use answer::relevance::Query;

use crate::answers;
use crate::error::{Result, StoreError};
use crate::open::Store;

impl Kept for Store {
    fn checked(&self, key: &CacheKey, language: &Language) -> Result<Option<Answer>, StorageError> {
        let found = Self::checked(self, key.as_str(), language.as_str())?;
        Ok(found.map(|checked| checked.answer))
    }

    fn checked_near(
        &self,
        query: &Query,
        language: &Language,
        limit: usize,
    ) -> Result<Vec<(String, Answer)>, StorageError> {
        let words = answers::content(query);
        let found = self.checked_candidates(&words, language.as_str(), limit)?;
        Ok(found.into_iter().map(|checked| (checked.key, checked.answer)).collect())
    }

    fn cached_exact(
        &self,
        key: &CacheKey,
        language: &Language,
        making: &Making,
    ) -> Result<Option<Answer>, StorageError> {
        Ok(answers::cached_answer(&self.db, key, language, making)?)
    }

    fn cached_near(
        &self,
        query: &Query,
        language: &Language,
        making: &Making,
        limit: usize,
    ) -> Result<Vec<(String, Answer)>, StorageError> {
        Ok(answers::cached_near(&self.db, query, language, making, limit)?)
    }

    fn wordings(&self, place: i64) -> Result<Vec<String>, StorageError> {
        let read = || -> Result<Vec<String>> {
            let sql = "SELECT key FROM wordings WHERE passage_id = ?1 ORDER BY key";
            let mut statement = self.db.prepare_cached(sql)?;
            let rows = statement.query_map([place], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        read().map_err(StoreError::into)
    }

    fn is_withdrawn(&self, key: &CacheKey, language: &Language) -> Result<bool, StorageError> {
        Ok(Self::is_withdrawn(self, key.as_str(), language.as_str())?)
    }
}
