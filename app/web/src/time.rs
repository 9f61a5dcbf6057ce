//! Time as people write it, and the steady time that sessions are measured by.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Steady time since some moment: it never jumps, whatever is told to the box about the date.
pub(crate) type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The system's steady time.
pub(crate) fn steady() -> Steady {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// Latest time that is written and read, 9999-12-31T23:59:59Z: years of four digits.
const LATEST_S: u64 = 253_402_300_799;

/// `2026-03-31 14:30` of seconds since 1970, UTC.
pub(crate) fn minute_of(unix_s: u64) -> String {
    let unix_s = unix_s.min(LATEST_S);
    let (hour, minute) = (unix_s % DAY_S / 3600, unix_s % 3600 / 60);
    format!("{} {hour:02}:{minute:02}", date_of(unix_s))
}

/// `2026-03-31` of seconds since 1970, UTC (proleptic Gregorian calendar, as ISO 8601).
pub(crate) fn date_of(unix_s: u64) -> String {
    let mut day = unix_s.min(LATEST_S) / DAY_S;
    let mut year = 1970;
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

/// Seconds since 1970 of `2026-03-31T14:30`, with or without seconds, as a `datetime-local` field
/// sends it (WHATWG HTML, 2.3.5.6); a space may stand for the `T`. Taken as UTC. `None` before 1970
/// and for anything else.
pub(crate) fn parse_minute(text: &str) -> Option<u64> {
    let (date, time) = text.trim().split_once(['T', ' '])?;
    let mut date = date.split('-');
    let (year, month, day) =
        (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
    let mut time = time.split(':');
    let (hour, minute) = (number(time.next()?, 2)?, number(time.next()?, 2)?);
    let second = time.next().map_or(Some(0), |second| number(second.split('.').next()?, 2))?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && day >= 1
        && day <= days_of_month(year, month)
        && hour < 24
        && minute < 60
        && second < 60;
    if !fits || date.next().is_some() || time.next().is_some() {
        return None;
    }
    let days = (1970..year).map(days_of_year).sum::<u64>()
        + (1..month).map(|m| days_of_month(year, m)).sum::<u64>()
        + (day - 1);
    Some(days * DAY_S + hour * 3600 + minute * 60 + second)
}

/// Exactly that many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_dates() {
        for (unix_s, text) in [
            (0, "1970-01-01 00:00"),
            (951_782_400, "2000-02-29 00:00"),
            (1_774_967_400, "2026-03-31 14:30"),
            (4_107_542_399, "2100-02-28 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
            (u64::MAX, "9999-12-31 23:59"),
        ] {
            assert_eq!(minute_of(unix_s), text);
        }
        assert_eq!(parse_minute("2026-03-31T14:30"), Some(1_774_967_400));
        assert_eq!(parse_minute(" 2026-03-31 14:30:05.123 "), Some(1_774_967_405));
        for nonsense in [
            "",
            "2026-03-31",
            "2026-02-29T00:00",
            "2026-13-01T00:00",
            "1969-12-31T23:59",
            "2026-03-31T24:00",
            "2026-03-31T14:60",
            "2026-3-31T14:30",
            "+026-03-31T14:30",
            "2026-03-31T14:30:00:00",
            "2026-03-31-01T14:30",
            "2026-03-00T14:30",
        ] {
            assert_eq!(parse_minute(nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn minutes_read_back(minute in 0..=LATEST_S / 60) {
            let unix_s = minute * 60;
            prop_assert_eq!(parse_minute(&minute_of(unix_s)), Some(unix_s));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9T: .-]{0,24}|.{0,40}") {
            let _ = parse_minute(&text);
        }
    }
}
