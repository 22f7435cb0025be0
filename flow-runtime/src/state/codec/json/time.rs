//! Times and durations as people write them, to the nanosecond.
//!
//! A time is written in UTC as RFC 3339 has it, always with nine digits behind the point; the years that a
//! [`Timestamp`] reaches (1677 to 2262) need no more than that form has.

use std::time::Duration;

use super::text::TextForm;
use crate::state::Timestamp;

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
/// The days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

impl TextForm for Timestamp {
    const WHAT: &'static str = "a time";

    fn to_text(&self) -> String {
        let (seconds, nanos) = (self.div_euclid(NANOS), self.rem_euclid(NANOS));
        let (year, month, day) = date(seconds.div_euclid(DAY));
        let second = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }

    fn of_text(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let seconds = days * DAY + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
        let nanos = i128::from(seconds) * i128::from(NANOS) + i128::from(number(20, 29)?);
        Self::try_from(nanos).ok()
    }
}

/// The date of a day counted from 1970-01-01. Years are counted from March, so that the leap day is the last of one.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH;
    let (era, day) = (day.div_euclid(ERA), day.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// The day of a date, counted from 1970-01-01; the inverse of [`date`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * ERA + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - EPOCH
}

impl TextForm for Duration {
    const WHAT: &'static str = "a duration";

    fn to_text(&self) -> String {
        let (seconds, nanos) = (self.as_secs(), self.subsec_nanos());
        if nanos == 0 {
            format!("{seconds}s")
        } else {
            format!("{}s", format!("{seconds}.{nanos:09}").trim_end_matches('0'))
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        let text = text.strip_suffix('s')?;
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() > 9 {
            return None;
        }
        Some(Self::new(seconds.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400 * NANOS, "2000-02-29T00:00:00.000000000Z"),
            (1_709_251_199 * NANOS + 5, "2024-02-29T23:59:59.000000005Z"),
            (4_107_542_400 * NANOS, "2100-03-01T00:00:00.000000000Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(time.to_text(), text);
            assert_eq!(Timestamp::of_text(text), Some(time));
        }
    }

    #[test]
    fn durations_are_written_short() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(100), "0.1s"),
            (Duration::from_secs(30), "30s"),
            (Duration::MAX, "18446744073709551615.999999999s"),
        ] {
            assert_eq!(duration.to_text(), text);
            assert_eq!(Duration::of_text(text), Some(duration));
        }
    }

    proptest! {
        #[test]
        fn every_time_comes_back(time in any::<i64>()) {
            prop_assert_eq!(Timestamp::of_text(&time.to_text()), Some(time));
        }

        #[test]
        fn days_follow_one_another(day in -200_000..200_000_i64) {
            let (year, month, in_month) = date(day);
            prop_assert_eq!(days(year, month, in_month), day);
            let next = date(day + 1);
            prop_assert!(next == (year, month, in_month + 1) || (in_month >= 28 && next.2 == 1));
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "[0-9TZ:.+-]{0,40}|.{28,34}") {
            let _ = (Timestamp::of_text(&text), Duration::of_text(&text));
        }
    }
}
