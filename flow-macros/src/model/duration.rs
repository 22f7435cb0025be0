//! In: a text such as `100ms`, `1.5s`, `3d` or `100ms..10s`. Out: how long that is.

use std::time::Duration;

/// What a duration looks like, for messages.
pub(crate) const USAGE: &str =
    "help: a number with `ns`, `us`, `ms`, `s`, `m`, `h` or `d`, as in \"500ms\" or \"1.5h\"";

/// The duration of this text, or what is wrong with it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim();
    if number.is_empty() {
        return Err(format!("`{text}` is no duration: it has no number"));
    }
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "" => return Err(format!("`{text}` is no duration: it has no unit")),
        unit => return Err(format!("`{text}` is no duration: `{unit}` is no unit")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no duration: `{number}` is no number"))?;
    let duration = Duration::try_from_secs_f64(number * seconds);
    match duration {
        Ok(duration) if duration.is_zero() => Err(format!("`{text}` is no time at all")),
        Ok(duration) if u64::try_from(duration.as_nanos()).is_ok() => Ok(duration),
        _ => Err(format!("`{text}` is too long: the limit is about 584 years")),
    }
}

/// The two durations of `min..max`, or what is wrong with them. A single one is both.
pub(crate) fn range(text: &str) -> Result<(Duration, Duration), String> {
    let Some((min, max)) = text.split_once("..") else {
        let both = duration(text)?;
        return Ok((both, both));
    };
    let (min, max) = (duration(min)?, duration(max.trim_start_matches('='))?);
    if min > max {
        return Err(format!("the shortest wait of `{text}` is longer than the longest"));
    }
    Ok((min, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let millis = |text: &str| duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("100ms"), Ok(100));
        assert_eq!(millis("1.5s"), Ok(1_500));
        assert_eq!(millis(" 2 m "), Ok(120_000));
        assert_eq!(millis("24h"), Ok(86_400_000));
        assert_eq!(millis("3d"), Ok(259_200_000));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, why) in [
            ("", "it has no number"),
            ("s", "it has no number"),
            ("-1s", "it has no number"),
            ("10", "it has no unit"),
            ("10x", "`x` is no unit"),
            ("1.2.3s", "`1.2.3` is no number"),
            ("0s", "no time at all"),
            ("99999999999d", "too long"),
        ] {
            let message = duration(text).expect_err(text);
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn a_range_has_a_shortest_and_a_longest() {
        assert_eq!(range("100ms..10s"), Ok((Duration::from_millis(100), Duration::from_secs(10))));
        assert_eq!(range("1s"), Ok((Duration::from_secs(1), Duration::from_secs(1))));
        assert!(range("10s..1s").is_err());
    }
}
