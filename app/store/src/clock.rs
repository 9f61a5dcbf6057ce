//! What the box believes of the time. Boards have no battery: their clock starts at some fixed date
//! with every start, or is simply wrong. Nothing is ordered, kept or thrown away by it; it only
//! puts dates on what people read, and a wrong date is worse than none.
//!
//! A reviewer's telephone tells the time once; how far the system's clock is from it is kept, and
//! holds until that clock starts anew. How long the box has run in all is counted apart, and no
//! wrong date can spoil that.

use answer::desk::Clock;
use answer::review::ReviewError;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::audit::{self, By};
use crate::error::Result;
use crate::limits::{
    CLOCK_NOTE_S, CLOCK_STEP_S, DAY_S, OWN_YEARS_MAX, RELEASE_UNIX_S, TOLD_YEARS_MAX,
};
use crate::open::Store;

/// Names of the notes in table `box`.
const CLOCK: &str = "clock";
const RUNNING: &str = "running_s";

/// A year as calendars have it on average.
const YEAR_S: u64 = 31_556_952;

/// What is kept of the time between two looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockNote {
    /// Told time less the system's when it was told, in seconds; `None` if nobody told it.
    pub offset_s: Option<i64>,
    /// The start of the machine during which it was last seen, as the system names it.
    pub boot: String,
    /// Latest time that the system's clock showed, in seconds since 1970.
    pub system_latest_s: u64,
    /// Latest time that was believed, in seconds since 1970; 0 for none.
    pub latest_s: u64,
}

/// The time, if it can be believed.
///
/// `system_s` is what the system's clock shows, in seconds since 1970; `boot` names this start of
/// the machine (Linux: `/proc/sys/kernel/random/boot_id`) and is empty where the system does not
/// say.
///
/// Believable is what is not before this version was made, not far after it, and not more than a
/// day before what was believed already. A told time holds while the machine runs, and through a
/// restart only if the system's clock has a date and went on from where it was.
#[must_use]
pub fn believe(system_s: u64, boot: &str, kept: &ClockNote) -> Clock {
    let not_before = kept.latest_s.saturating_sub(DAY_S);
    let within = |time: u64, years: u64| {
        let range = RELEASE_UNIX_S..=RELEASE_UNIX_S + years * YEAR_S;
        range.contains(&time) && time >= not_before
    };
    let own = if within(system_s, OWN_YEARS_MAX) { Clock::Set(system_s) } else { Clock::NotSet };
    let Some(offset) = kept.offset_s else { return own };
    let same_start = !boot.is_empty() && boot == kept.boot;
    let went_on = system_s.saturating_add(CLOCK_STEP_S) >= kept.system_latest_s;
    let has_date = system_s >= RELEASE_UNIX_S;
    if !(same_start || went_on && has_date) {
        return Clock::NotSet;
    }
    match system_s.checked_add_signed(offset) {
        Some(told) if within(told, TOLD_YEARS_MAX) => Clock::Set(told),
        // Somebody put the system's clock right.
        _ => own,
    }
}

/// What is kept once a person has told the time; it replaces whatever was believed, earlier or
/// later. `None` if the time cannot be right.
#[must_use]
pub fn told(unix_s: u64, system_s: u64, boot: &str) -> Option<ClockNote> {
    let range = RELEASE_UNIX_S..=RELEASE_UNIX_S + TOLD_YEARS_MAX * YEAR_S;
    let offset = i64::try_from(i128::from(unix_s) - i128::from(system_s)).ok()?;
    range.contains(&unix_s).then(|| ClockNote {
        offset_s: Some(offset),
        boot: boot.into(),
        system_latest_s: system_s,
        latest_s: unix_s,
    })
}

/// What is kept after a look at the clock.
fn seen(system_s: u64, boot: &str, kept: &ClockNote) -> (Clock, ClockNote) {
    let clock = believe(system_s, boot, kept);
    let mut note = kept.clone();
    if let Clock::Set(now) = clock {
        note.latest_s = note.latest_s.max(now);
        note.boot = boot.into();
        note.system_latest_s = note.system_latest_s.max(system_s);
    }
    (clock, note)
}

/// The UTC date of a time in seconds since 1970, as `YYYY-MM-DD`: the algorithm `civil_from_days`
/// of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
/// (<https://howardhinnant.github.io/date_algorithms.html>), for days after 1970 only.
#[must_use]
pub fn day(unix_s: u64) -> String {
    const DAYS_OF_ERA: u64 = 146_097; // 400 years.
    let days = unix_s / DAY_S + 719_468; // Since 0000-03-01.
    let era = days / DAYS_OF_ERA;
    let day_of_era = days % DAYS_OF_ERA;
    let leaps = day_of_era / 1_460;
    let year_of_era =
        (day_of_era - leaps + day_of_era / 36_524 - day_of_era / (DAYS_OF_ERA - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Today's date, if the box knows the time.
#[must_use]
pub fn today(clock: Clock) -> Option<String> {
    match clock {
        Clock::Set(unix_s) => Some(day(unix_s)),
        Clock::NotSet => None,
    }
}

impl Store {
    /// The time, if it can be believed; see [`believe`].
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn clock(&self, system_s: u64, boot: &str) -> Result<Clock> {
        Ok(believe(system_s, boot, &self.clock_note()?))
    }

    /// As [`Store::clock`], and remembers it, so that no earlier time is believed later. To be
    /// called at the start and every few minutes; writes only now and then.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read or written.
    pub fn see_clock(&mut self, system_s: u64, boot: &str) -> Result<Clock> {
        let kept = self.clock_note()?;
        let (clock, note) = seen(system_s, boot, &kept);
        let later = note.latest_s.saturating_sub(kept.latest_s) >= CLOCK_NOTE_S;
        if note != kept && (later || note.boot != kept.boot) {
            self.set_note(CLOCK, Some(&as_json(&note)))?;
        }
        Ok(clock)
    }

    /// Keeps the time that a person tells, in seconds since 1970, UTC. It may be earlier or later
    /// than what was believed so far.
    ///
    /// # Errors
    /// [`ReviewError::Text`] if the time cannot be right; [`ReviewError::Storage`] if it could not
    /// be kept.
    pub fn set_clock(
        &mut self,
        unix_s: u64,
        system_s: u64,
        boot: &str,
        by: &By<'_>,
    ) -> Result<Clock, ReviewError> {
        let Some(note) = told(unix_s, system_s, boot) else {
            let first = day(RELEASE_UNIX_S);
            let last = day(RELEASE_UNIX_S + TOLD_YEARS_MAX * YEAR_S);
            let reason =
                format!("not between {first} and {last}: set the time of your telephone first");
            return Err(ReviewError::Text { field: "time", reason });
        };
        let mut write = || {
            let transaction = self.begin()?;
            transaction.execute(
                "INSERT INTO box (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [CLOCK, &as_json(&note)],
            )?;
            audit::append(&transaction, by, "set-clock", &day(unix_s))?;
            Ok::<_, crate::StoreError>(transaction.commit()?)
        };
        write()?;
        Ok(Clock::Set(unix_s))
    }

    /// Counts time that the box ran. To be called every few minutes and at the end, with the
    /// seconds since the last call by a clock that only goes forward.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn add_running(&mut self, seconds: u64) -> Result<()> {
        let transaction = self.begin()?;
        let sum = running_s(&transaction)?.saturating_add(seconds).min(i64::MAX as u64);
        transaction.execute(
            "INSERT INTO box (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [RUNNING, &sum.to_string()],
        )?;
        Ok(transaction.commit()?)
    }

    /// Seconds that the box has run in all, as far as they were counted.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn running_s(&self) -> Result<u64> {
        running_s(&self.db)
    }

    fn clock_note(&self) -> Result<ClockNote> {
        // A note that cannot be read is as good as none: the time is told again.
        let note = self.note(CLOCK)?;
        Ok(note.and_then(|note| serde_json::from_str(&note).ok()).unwrap_or_default())
    }
}

/// As [`Store::running_s`], inside a transaction.
pub(crate) fn running_s(db: &Connection) -> Result<u64> {
    let mut statement = db.prepare_cached("SELECT value FROM box WHERE name = ?1")?;
    let mut rows = statement.query([RUNNING])?;
    let value: Option<String> = rows.next()?.map(|row| row.get(0)).transpose()?;
    let seconds: Option<u64> = value.and_then(|value| value.parse().ok());
    Ok(seconds.unwrap_or(0).min(i64::MAX as u64))
}

fn as_json(note: &ClockNote) -> String {
    serde_json::to_string(note).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = RELEASE_UNIX_S + 100 * DAY_S;

    fn tell(unix_s: u64, system_s: u64) -> ClockNote {
        told(unix_s, system_s, "b1").unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_s, date) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (RELEASE_UNIX_S, "2026-11-01"),
            (RELEASE_UNIX_S - 1, "2026-10-31"),
            (1_798_675_199, "2026-12-30"),
            (1_709_164_800, "2024-02-29"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(day(unix_s), date);
        }
    }

    #[test]
    fn a_clock_without_battery_is_not_believed() {
        let fresh = ClockNote::default();
        let in_2037 = 2_145_916_800;
        let in_2040 = 2_208_988_800;
        for system in [0, 30, 946_684_800, RELEASE_UNIX_S - 1, in_2037, in_2040, u64::MAX] {
            assert_eq!(believe(system, "b1", &fresh), Clock::NotSet, "{system}");
        }
        assert_eq!(believe(NOW, "", &fresh), Clock::Set(NOW));
    }

    #[test]
    fn a_told_time_holds_until_the_clock_starts_anew() {
        for start in [0, 2_208_988_800] {
            let mut note = tell(NOW, start + 60);
            assert_eq!(believe(start + 60, "b1", &note), Clock::Set(NOW));
            let (clock, later) = seen(start + 60 + 5 * DAY_S, "b1", &note);
            assert_eq!(clock, Clock::Set(NOW + 5 * DAY_S));
            note = later;
            // The power was cut; the clock starts where it always does.
            assert_eq!(believe(start + 30, "b2", &note), Clock::NotSet);
            assert_eq!(believe(start + 30, "", &note), Clock::NotSet);
        }
        // Not even if it had run for a shorter time before.
        let note = tell(NOW, 20);
        assert_eq!(believe(40, "b2", &note), Clock::NotSet);
        assert_eq!(believe(40, "", &note), Clock::NotSet);
    }

    #[test]
    fn a_clock_with_battery_that_is_wrong_stays_corrected() {
        let wrong = NOW + 3 * 365 * DAY_S;
        let note = tell(NOW, wrong);
        assert_eq!(believe(wrong + DAY_S, "b2", &note), Clock::Set(NOW + DAY_S));
        // Its battery died: it starts at its maker's date, and is not believed.
        assert_eq!(believe(946_684_800, "b3", &note), Clock::NotSet);
        // Somebody set the system's clock right, by a network for example.
        let note = tell(NOW, 60);
        assert_eq!(believe(NOW + 600, "b1", &note), Clock::Set(NOW + 600));
        assert_eq!(believe(NOW + 600, "b2", &note), Clock::Set(NOW + 600));
    }

    #[test]
    fn a_wrong_telephone_is_corrected_in_both_directions() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let by = By::default();
        for told in [NOW + 5 * 365 * DAY_S, NOW, NOW - 50 * DAY_S, NOW + 1] {
            assert_eq!(store.set_clock(told, 60, "b1", &by).unwrap(), Clock::Set(told));
            assert_eq!(store.clock(70, "b1").unwrap(), Clock::Set(told + 10));
            assert_eq!(store.see_clock(60 + DAY_S, "b1").unwrap(), Clock::Set(told + DAY_S));
        }
        for wrong in [0, RELEASE_UNIX_S - 1, RELEASE_UNIX_S + 16 * YEAR_S, u64::MAX] {
            let error = store.set_clock(wrong, 60, "b1", &by).unwrap_err();
            assert!(error.to_string().contains("telephone"), "{error}");
        }
        assert_eq!(store.clock(70 + DAY_S, "b1").unwrap(), Clock::Set(NOW + 11 + DAY_S));
        assert_eq!(store.clock(70, "b2").unwrap(), Clock::NotSet);
        assert_eq!(store.audit(0).unwrap().total, 4);
    }

    #[test]
    fn time_does_not_go_back_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        assert_eq!(store.see_clock(NOW, "b1").unwrap(), Clock::Set(NOW));
        assert_eq!(store.see_clock(NOW - DAY_S, "b1").unwrap(), Clock::Set(NOW - DAY_S));
        assert_eq!(store.see_clock(NOW - DAY_S - 1, "b1").unwrap(), Clock::NotSet);
        store.set_note(CLOCK, Some("damaged")).unwrap();
        assert_eq!(store.see_clock(NOW - DAY_S - 1, "b1").unwrap(), Clock::Set(NOW - DAY_S - 1));
    }

    #[test]
    fn running_time_only_grows() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        assert_eq!(store.running_s().unwrap(), 0);
        store.add_running(300).unwrap();
        store.add_running(7).unwrap();
        assert_eq!(store.open_another().unwrap().running_s().unwrap(), 307);
        store.add_running(u64::MAX).unwrap();
        assert_eq!(store.running_s().unwrap(), i64::MAX as u64);
    }

    proptest! {
        #[test]
        fn what_is_believed_is_within_bounds(
            system: u64, offset: Option<i64>, boot in "b[12]", latest: u64, system_latest: u64,
        ) {
            let kept = ClockNote {
                offset_s: offset,
                boot: "b1".into(),
                system_latest_s: system_latest,
                latest_s: latest,
            };
            if let Clock::Set(now) = believe(system, &boot, &kept) {
                let last = RELEASE_UNIX_S + TOLD_YEARS_MAX * YEAR_S;
                prop_assert!((RELEASE_UNIX_S..=last).contains(&now));
                prop_assert!(now.saturating_add(DAY_S) >= latest);
            }
        }

        #[test]
        fn whatever_was_kept_a_person_can_put_it_right(
            unix in RELEASE_UNIX_S..RELEASE_UNIX_S + 14 * YEAR_S, system in 0..u64::MAX / 4,
        ) {
            let note = told(unix, system, "b").unwrap();
            prop_assert_eq!(believe(system + 5, "b", &note), Clock::Set(unix + 5));
        }

        #[test]
        fn days_follow_one_another(days in 0..1_000_000_u64) {
            let (one, next) = (day(days * DAY_S + 5), day((days + 1) * DAY_S));
            prop_assert!(one < next || days > 2_932_000);
        }
    }
}
