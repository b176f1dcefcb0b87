//! Casts of single values, as Spark's `Cast` has them.

use super::{Failure, decimal};

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

/// Under ANSI Spark makes decimals of more digits than a BIGINT holds doubles on their way.
pub(super) fn decimal_to_int(value: i128, precision: u8, scale: u8, ansi: bool) -> Cast<i32> {
    const BIGINT_DIGITS: u8 = 18;
    if ansi && precision > BIGINT_DIGITS {
        return double_to_int(decimal::to_double(value, scale));
    }
    let cut = decimal::whole(value, scale);
    i32::try_from(cut).map_err(|_| (cut as i32, Failure::Overflow))
}

pub(super) fn decimal_to_bigint(value: i128, scale: u8) -> Cast<i64> {
    let cut = decimal::whole(value, scale);
    i64::try_from(cut).map_err(|_| (cut as i64, Failure::Overflow))
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

/// As Java's `Double.parseDouble` reads it: digits with a point and an exponent, hexadecimal ones with a binary exponent, perhaps `d` or `f`
/// behind, `NaN` and `Infinity`; and Spark's own `inf`, `infinity` and `nan` in any case.
pub(super) fn text_to_double(text: &str) -> Cast<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(unsigned) => (text.starts_with('-'), unsigned),
        None => (false, text),
    };
    let value = match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(f64::INFINITY),
        // Java's takes a sign, Spark's own does not.
        "nan" if unsigned == "NaN" || text.len() == 3 => Some(f64::NAN),
        lower => {
            let number = lower.strip_suffix(['d', 'f']).filter(|_| !lower.starts_with("0x") || lower.contains('p'));
            let number = number.unwrap_or(lower);
            match number.strip_prefix("0x") {
                Some(hexadecimal) => hexadecimal_double(hexadecimal),
                None => Some(number).filter(|number| is_decimal(number)).and_then(|number| number.parse().ok()),
            }
        }
    };
    value.map(|value| if negative { -value } else { value }).ok_or((0.0, Failure::Malformed))
}

/// Digits, perhaps with a point and an exponent.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once('e').map_or((text, None), |(mantissa, rest)| (mantissa, Some(rest)));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()) && exponent.is_none_or(is_exponent)
}

fn is_exponent(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `<hexadecimal digits with a point>p<exponent>`, in lower case; rounded to the nearest double, of two the even one.
fn hexadecimal_double(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p').filter(|(_, exponent)| is_exponent(exponent))?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    // An exponent beyond any double's is as good as its bound, unless digits make up for it, of which there are less.
    let mut exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 });
    exponent = exponent.clamp(i64::MIN / 4, i64::MAX / 4) - 4 * part.len() as i64;
    let (mut bits, mut lost) = (0_u64, false);
    for digit in whole.chars().chain(part.chars()) {
        let digit = u64::from(digit.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            lost |= digit != 0;
            exponent += 4;
        }
    }
    if bits == 0 {
        return Some(0.0);
    }
    // The value is bits * 2^exponent. Keep what a double has place for: 53 bits, fewer next to zero.
    let magnitude = exponent + i64::from(u64::BITS - bits.leading_zeros());
    let dropped = (magnitude - 53).max(-1074) - exponent;
    if magnitude > 1024 {
        return Some(f64::INFINITY);
    }
    let kept = match dropped {
        ..=0 => bits,
        65.. => 0,
        64 => u64::from(bits > 1 << 63 || (bits == 1 << 63 && lost)),
        dropped => {
            let (kept, rest, half) = (bits >> dropped, bits & ((1 << dropped) - 1), 1 << (dropped - 1));
            let up = rest > half || (rest == half && (lost || kept & 1 == 1));
            kept + u64::from(up)
        }
    };
    // Both factors are doubles, and so is the product.
    let scale = exponent + dropped.max(0);
    let half = (scale / 2) as i32;
    Some(kept as f64 * 2_f64.powi(half) * 2_f64.powi(scale as i32 - half))
}

/// Spark trims bytes that are white space or control characters.
pub(super) fn trimmed(text: &str) -> &str {
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
    fn doubles_are_read_as_java_reads_them() {
        for (text, value) in [
            (" 1.5\n", 1.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1E3", 1_000.0),
            ("1e-3d", 0.001),
            ("2F", 2.0),
            ("1e400", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("+INF", f64::INFINITY),
            ("0x1p3", 8.0),
            ("-0X1.8P1f", -3.0),
            ("0x.8p0", 0.5),
            ("0xfp-4d", 0.9375),
            ("0x0.0000000000001p-1022", f64::from_bits(1)),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", f64::from_bits(1)),
            ("0x1.fffffffffffff8p1023", f64::INFINITY),
            ("0x1.fffffffffffff7fffp1023", f64::MAX),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000000001p0", 1.0 + f64::EPSILON),
            ("0x1p99999999999999999999", f64::INFINITY),
            ("0x1p-99999999999999999999", 0.0),
        ] {
            assert_eq!(text_to_double(text), Ok(value), "{text}");
        }
        for text in ["NaN", "nan", "-NaN", "NAN"] {
            assert!(text_to_double(text).unwrap().is_nan(), "{text}");
        }
        for text in
            ["", ".", "+", "1,5", "1e", "1e+", "0x1", "0x1d", "0xp1", "-nan", "infinit", "1dd", "٣", "1 2", "1_0"]
        {
            assert_eq!(text_to_double(text), Err((0.0, Failure::Malformed)), "{text}");
        }
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
