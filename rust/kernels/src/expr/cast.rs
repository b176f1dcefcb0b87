//! Casts of single values, as Spark's `Cast` has them.

use super::Failure;

/// A value, or the one that takes its place outside of ANSI mode, where it is not null.
type Cast<T> = Result<T, (T, Failure)>;

pub(super) fn bigint_to_int(value: i64) -> Cast<i32> {
    i32::try_from(value).map_err(|_| (value as i32, Failure::Overflow))
}

pub(super) fn double_to_int(value: f64) -> Cast<i32> {
    within(value, i32::MIN.into(), i32::MAX.into(), value as i32)
}

pub(super) fn double_to_bigint(value: f64) -> Cast<i64> {
    within(value, i64::MIN as f64, i64::MAX as f64, value as i64)
}

/// What is cut off behind the point does not count; NaN is in no range.
fn within<T>(value: f64, least: f64, most: f64, cut: T) -> Cast<T> {
    if value.floor() <= most && value.ceil() >= least { Ok(cut) } else { Err((cut, Failure::Overflow)) }
}

pub(super) fn text_to_boolean(text: &str) -> Cast<bool> {
    match trimmed(text).to_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => Ok(true),
        "f" | "false" | "n" | "no" | "0" => Ok(false),
        _ => Err((false, Failure::Malformed)),
    }
}

/// Outside of ANSI mode, what stands behind a decimal point is cut off, if it is digits.
pub(super) fn text_to_bigint(text: &str, ansi: bool) -> Cast<i64> {
    integer(trimmed(text), ansi).ok_or((0, Failure::Malformed))
}

pub(super) fn text_to_int(text: &str, ansi: bool) -> Cast<i32> {
    integer(trimmed(text), ansi).and_then(|value| value.try_into().ok()).ok_or((0, Failure::Malformed))
}

fn integer(text: &str, ansi: bool) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, part) = match unsigned.split_once('.') {
        Some((whole, part)) if !ansi => (whole, part),
        _ => (unsigned, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // A point alone is zero to Spark, but a sign alone is nothing.
    if unsigned.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let negative = text.starts_with('-');
    whole.bytes().try_fold(0i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let tens = value.checked_mul(10)?;
        if negative { tens.checked_sub(digit) } else { tens.checked_add(digit) }
    })
}

/// Spark trims bytes that are white space or control characters.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_their_type_does() {
        assert_eq!(bigint_to_int(-1), Ok(-1));
        assert_eq!(bigint_to_int(1 << 32), Err((0, Failure::Overflow)));
        assert_eq!(double_to_int(2_147_483_647.9), Ok(i32::MAX));
        assert_eq!(double_to_int(2_147_483_648.0), Err((i32::MAX, Failure::Overflow)));
        assert_eq!(double_to_int(f64::NAN), Err((0, Failure::Overflow)));
        assert_eq!(double_to_bigint(f64::NEG_INFINITY), Err((i64::MIN, Failure::Overflow)));
    }

    #[test]
    fn texts_are_read_as_spark_reads_them() {
        assert_eq!(text_to_bigint(" \t-9223372036854775808\n", true), Ok(i64::MIN));
        assert_eq!(text_to_bigint("9223372036854775808", true), Err((0, Failure::Malformed)));
        assert_eq!(text_to_bigint("+7", true), Ok(7));
        for bad in ["", " ", "+", "-", "1 2", "1x", "٣", "1e3"] {
            assert_eq!(text_to_int(bad, false), Err((0, Failure::Malformed)), "{bad}");
        }
        assert_eq!(text_to_int("12.9", true), Err((0, Failure::Malformed)));
        assert_eq!(text_to_int("-12.9", false), Ok(-12));
        assert_eq!(text_to_int(".", false), Ok(0));
        assert_eq!(text_to_int("1.x", false), Err((0, Failure::Malformed)));
        assert_eq!(text_to_boolean(" YES "), Ok(true));
        assert_eq!(text_to_boolean("0"), Ok(false));
        assert_eq!(text_to_boolean("on"), Err((false, Failure::Malformed)));
    }
}
