//! Durations and sizes as a policy writes them: `1m30s`, `20 MB`.
//!
//! In: text. Out: the value, or an error message as a clause.

use std::time::Duration;

/// Parses a duration in Docker's notation, in whole numbers: `30s`, `1m30s`, `500ms`. Larger units come first, each at
/// most once.
pub fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 6] = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let invalid = || "a duration is written as `30s`, `1m30s` or `500ms`".to_string();
    let mut rest = text;
    let mut nanoseconds: u64 = 0;
    let mut smaller_than = u64::MAX;
    while !rest.is_empty() {
        let (number, unit) = split_number(rest);
        let unit_end = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
        let (_, factor) = *UNITS.iter().find(|(name, _)| *name == &unit[..unit_end]).ok_or_else(invalid)?;
        if factor >= smaller_than {
            return Err(invalid());
        }
        let number: u64 = number.parse().map_err(|_| invalid())?;
        nanoseconds = number
            .checked_mul(factor)
            .and_then(|part| nanoseconds.checked_add(part))
            .ok_or_else(|| "a duration must not exceed 500 years".to_string())?;
        smaller_than = factor;
        rest = &unit[unit_end..];
    }
    if smaller_than == u64::MAX {
        return Err(invalid());
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Parses a number of bytes: `20 MB`, `400 kB`, `1 GiB`, `1.5 GB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 12] = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("kiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let invalid = || "a size is written as `20 MB`, `400 kB` or `1 GiB`".to_string();
    let (whole, rest) = split_number(text);
    let (fraction, unit) = match rest.strip_prefix('.') {
        Some(rest) => split_number(rest),
        None => ("0", rest),
    };
    let unit = unit.trim_matches(' ');
    let (_, factor) = *UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    let whole: u64 = whole.parse().map_err(|_| invalid())?;
    if fraction.is_empty() || fraction.len() > 9 {
        return Err(invalid());
    }
    let part: u128 = fraction.parse().map_err(|_| invalid())?;
    let fraction = part * u128::from(factor) / 10u128.pow(fraction.len() as u32);
    u64::try_from(u128::from(whole) * u128::from(factor) + fraction).map_err(|_| "the size is too large".to_string())
}

/// Splits off the leading digits.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for bad in
            ["", "30", "s", "30 s", "30s1m", "1s1s", "-1s", "1.5s", "30é", "99999999999h", "9".repeat(99).as_str()]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parses_sizes() {
        assert_eq!(bytes("20 MB"), Ok(20_000_000));
        assert_eq!(bytes("400kB"), Ok(400_000));
        assert_eq!(bytes("1 GiB"), Ok(1 << 30));
        assert_eq!(bytes("1.5 GB"), Ok(1_500_000_000));
        assert_eq!(bytes("12"), Ok(12));
        for bad in ["", "MB", "-1 MB", "1 mb", "1. MB", "1 MB MB", "99999999999 TB", "1e3 B", "1.0000000001 B"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
