//! Times and durations as people write them, to the nanosecond.
//!
//! A time is written in UTC as RFC 3339 has it, always with nine digits behind the point; the years that a
//! [`Timestamp`] reaches (1677 to 2262) need no more than that form has.

use std::time::Duration;

use super::text::TextForm;
use crate::state::Timestamp;

impl TextForm for Timestamp {
    const WHAT: &'static str = "a time";

    fn to_text(&self) -> String {
        // The calendar of jiff is longer than what 64 bits of nanoseconds reach.
        let time = jiff::Timestamp::from_nanosecond(i128::from(*self)).unwrap_or_default();
        format!("{time:.9}")
    }

    fn of_text(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        Self::try_from(time.as_nanosecond()).ok()
    }
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
            (951_782_400 * 1_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (1_709_251_199 * 1_000_000_000 + 5, "2024-02-29T23:59:59.000000005Z"),
            (4_107_542_400 * 1_000_000_000, "2100-03-01T00:00:00.000000000Z"),
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
        fn any_text_is_a_time_or_none(text in "[0-9TZ:.+-]{0,40}|.{28,34}") {
            let _ = (Timestamp::of_text(&text), Duration::of_text(&text));
        }
    }
}
