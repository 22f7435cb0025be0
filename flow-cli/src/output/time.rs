//! Times: how old something is for tables, exact and in UTC elsewhere, and how one is typed.

use std::time::Duration;

use flow_runtime::state::Timestamp;
use jiff::{SignedDuration, Span, SpanRelativeTo, civil};

/// Nanoseconds of the units in which ages are told, the longest first.
const UNITS: [(i128, &str); 5] = [
    (365 * 86_400_000_000_000, "y"),
    (86_400_000_000_000, "d"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "min"),
    (1_000_000_000, "s"),
];

/// The time by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the clock is read here, once for each command")]
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(Timestamp::MAX)
}

/// A time as ISO 8601 has it, in UTC: `2026-11-30T06:22:54.5Z`.
pub(crate) fn exact(at: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(at.into()).map_or_else(|_| format!("{at} ns"), |at| at.to_string())
}

/// How long ago a time was: `3 min ago`; or how far off it is: `in 3 min`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let ago = i128::from(now) - i128::from(at);
    let found = UNITS.iter().find(|(unit, _)| ago.abs() >= *unit);
    match found {
        None => "now".to_owned(),
        Some((unit, name)) if ago > 0 => format!("{} {name} ago", ago / unit),
        Some((unit, name)) => format!("in {} {name}", -ago / unit),
    }
}

/// How long something took: `350 ms`, `12.3 s`, `2 h 5 min`.
pub(crate) fn duration(nanos: i64) -> String {
    const UNITS: [(i64, &str, i64, &str); 3] =
        [(86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")];
    let (seconds, millis) = (nanos / 1_000_000_000, nanos / 1_000_000);
    if seconds == 0 {
        return if millis == 0 && nanos > 0 { "<1 ms".to_owned() } else { format!("{millis} ms") };
    }
    let found = UNITS.into_iter().find(|(unit, ..)| seconds >= *unit);
    let Some((unit, name, part, part_name)) = found else { return format!("{seconds}.{} s", millis / 100 % 10) };
    match seconds % unit / part {
        0 => format!("{} {name}", seconds / unit),
        parts => format!("{} {name} {parts} {part_name}", seconds / unit),
    }
}

/// A time that is typed: so long ago, or at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Ago(i128),
    At(Timestamp),
}

impl Moment {
    /// The time that it is, seen from this one.
    pub(crate) fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(nanos) => Timestamp::try_from(i128::from(now) - nanos).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }

    /// Reads `1h`, `2d 12h`, `2026-11-30` or `2026-11-30T06:00:00Z`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(span) = text.parse::<Span>() {
            let days = SpanRelativeTo::days_are_24_hours();
            let duration: SignedDuration = span
                .to_duration(days)
                .map_err(|_| "it has months or years, whose lengths differ; use days".to_owned())?;
            return Ok(Self::Ago(duration.as_nanos().abs()));
        }
        parse_timestamp(text).map(Self::At)
    }
}

/// Reads a length of time: `30s`, `1d 12h`.
pub(crate) fn parse_length(text: &str) -> Result<Duration, String> {
    match Moment::parse(text) {
        Ok(Moment::Ago(nanos)) => {
            u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| "it is too long".to_owned())
        }
        _ => Err("write a length of time: `30s`, `12h`, `30d`".to_owned()),
    }
}

/// Reads `2026-11-30T06:00:00Z`, or `2026-11-30`, which is its beginning in UTC.
pub(crate) fn parse_timestamp(text: &str) -> Result<Timestamp, String> {
    let midnight = |date: civil::Date| jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0));
    let at = text.parse::<jiff::Timestamp>().or_else(|_| text.parse::<civil::Date>().and_then(midnight));
    let at = at.map_err(|_| "write how long ago, `1h` or `2d`, or a time in UTC, `2026-11-30T06:00:00Z`".to_owned())?;
    Timestamp::try_from(at.as_nanosecond()).map_err(|_| "it is too far off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000_000_000_000;

    #[test]
    fn ages_are_told_in_the_longest_unit() {
        let check = |seconds: i64, expected: &str| assert_eq!(age(NOW - seconds * 1_000_000_000, NOW), expected);
        check(0, "now");
        check(59, "59 s ago");
        check(60, "1 min ago");
        check(7_199, "1 h ago");
        check(86_400 * 40, "40 d ago");
        check(86_400 * 365, "1 y ago");
        check(-90, "in 1 min");
        assert_eq!(age(Timestamp::MIN, Timestamp::MAX), "584 y ago");
    }

    #[test]
    fn durations_are_told_in_two_units_at_most() {
        let check = |millis: i64, expected: &str| assert_eq!(duration(millis * 1_000_000), expected);
        check(0, "0 ms");
        check(999, "999 ms");
        check(59_940, "59.9 s");
        check(60_000, "1 min");
        check(3_599_000, "59 min 59 s");
        check(90_000_000, "1 d 1 h");
        assert_eq!(duration(1), "<1 ms");
    }

    #[test]
    fn exact_times_are_utc() {
        assert_eq!(exact(NOW), "2023-11-14T22:13:20Z");
        assert_eq!(exact(NOW + 500_000_000), "2023-11-14T22:13:20.5Z");
    }

    #[test]
    fn lengths_are_spans_and_no_times() {
        assert_eq!(parse_length("1d 12h"), Ok(Duration::from_secs(36 * 3_600)));
        assert_eq!(parse_length("30s"), Ok(Duration::from_secs(30)));
        for text in ["", "soon", "2026-11-30", "1mo"] {
            assert!(parse_length(text).unwrap_err().contains("`12h`"), "{text}");
        }
        assert_eq!(parse_length("400000d"), Err("it is too long".to_owned()));
    }

    #[test]
    fn moments_are_spans_or_times() {
        let hour = 3_600_000_000_000;
        assert_eq!(Moment::parse("1h"), Ok(Moment::Ago(hour)));
        assert_eq!(Moment::parse("1d 2h"), Ok(Moment::Ago(26 * hour)));
        assert_eq!(Moment::parse("2023-11-14T22:13:20Z"), Ok(Moment::At(NOW)));
        assert_eq!(Moment::parse("2023-11-14"), Ok(Moment::At(NOW - 80_000_000_000_000)));
        assert!(Moment::parse("1mo").unwrap_err().contains("months"));
        assert!(Moment::parse("soon").unwrap_err().contains("`1h`"));
        assert_eq!(Moment::Ago(1).seen_from(NOW), NOW - 1);
    }
}
