//! How figures are written.

/// A figure, if there is one.
pub(super) fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// A time in the unit that fits it, with three digits.
pub(super) fn time(nanos: f64) -> String {
    let (value, unit) = match nanos {
        ..1e3 => (nanos, "ns"),
        ..1e6 => (nanos / 1e3, "µs"),
        ..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    format!("{} {unit}", short(value))
}

/// A time that is a power of ten, without digits behind the point.
pub(super) fn power(nanos: f64) -> String {
    time(nanos).replace(".00", "").replace(".0", "")
}

/// A number with three digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let written = [13.54, 999.6, 45_200.0, 1_500_000.0, 2.5e9].map(time);
        assert_eq!(written, ["13.5 ns", "1000 ns", "45.2 µs", "1.50 ms", "2.50 s"]);
        assert_eq!([1.0, 10.0, 1e5, 1e9].map(power), ["1 ns", "10 ns", "100 µs", "1 s"]);
    }
}
