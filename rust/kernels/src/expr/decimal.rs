//! Decimals, as Spark's `Decimal` calculates with them: exactly, then rounded half up to the digits of the result's type.
//!
//! A value is a whole number, and its scale says where the point is.

use arrow::datatypes::i256;

use super::compile::Arithmetic;

/// Spark rounds products to so many digits before anything else (`Decimal.MATH_CONTEXT`).
const PRODUCT_DIGITS: u32 = 39;

/// How many digits a decimal has, and how many of them are behind the point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    pub(super) precision: u8,
    pub(super) scale: u8,
}

impl Digits {
    /// A value that has `scale` digits behind the point, with these; none if it has more digits than these in front of it.
    pub(super) fn of(self, value: i128, scale: u8) -> Option<i128> {
        // Nearly all there is to do for values of columns.
        if let Some(more) = self.scale.checked_sub(scale)
            && let Some(value) = value.checked_mul(10i128.pow(more.into()))
        {
            return self.within(value);
        }
        self.of_wide(i256::from_i128(value), scale.into())
    }

    fn of_wide(self, value: i256, scale: i32) -> Option<i128> {
        let more = i32::from(self.scale) - scale;
        let value =
            if more < 0 { rounded(value, more.unsigned_abs()) } else { value.checked_mul(power(more as u32))? };
        self.within(value.to_i128()?)
    }

    fn within(self, value: i128) -> Option<i128> {
        (value.unsigned_abs() < 10u128.pow(self.precision.into())).then_some(value)
    }

    /// An operation on two values and their scales.
    pub(super) fn calculate(self, operation: Arithmetic, left: (i128, u8), right: (i128, u8)) -> Option<i128> {
        let ((left, left_scale), (right, right_scale)) = (left, right);
        let scale = left_scale.max(right_scale);
        // 38 digits and as many zeros: far from the end of 256 bits.
        let aligned = |value: i128, its: u8| i256::from_i128(value).wrapping_mul(power(u32::from(scale - its)));
        match operation {
            Arithmetic::Add => {
                let sum = aligned(left, left_scale).wrapping_add(aligned(right, right_scale));
                self.of_wide(sum, scale.into())
            }
            Arithmetic::Subtract => {
                let difference = aligned(left, left_scale).wrapping_sub(aligned(right, right_scale));
                self.of_wide(difference, scale.into())
            }
            Arithmetic::Multiply => {
                let scale = i32::from(left_scale) + i32::from(right_scale);
                if let Some(product) = left.checked_mul(right)
                    && product.unsigned_abs() < 10u128.pow(38)
                {
                    return self.of_wide(i256::from_i128(product), scale);
                }
                let product = i256::from_i128(left).wrapping_mul(i256::from_i128(right));
                let cut = digits(product).saturating_sub(PRODUCT_DIGITS);
                self.of_wide(rounded(product, cut), scale - cut as i32)
            }
        }
    }
}

/// The nearest double.
pub(super) fn to_double(value: i128, scale: u8) -> f64 {
    // The quotient of two exact doubles is the nearest one.
    if value.unsigned_abs() < 1 << f64::MANTISSA_DIGITS && scale <= 22 {
        return value as f64 / 10f64.powi(scale.into());
    }
    // It is no error to write a number and to read it again.
    format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// All digits, or, unless `plain`, as Java's `BigDecimal.toString` has them: with an exponent next to zero.
pub(super) fn to_text(value: i128, scale: u8, plain: bool) -> String {
    let (sign, digits) = (if value < 0 { "-" } else { "" }, value.unsigned_abs().to_string());
    let exponent = digits.len() as i32 - 1 - i32::from(scale);
    if !plain && exponent < -6 {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}E{exponent}");
    }
    let scale = usize::from(scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, places) = padded.split_at(padded.len() - scale);
    let point = if places.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{places}")
}

/// What stands in front of the point.
pub(super) fn whole(value: i128, scale: u8) -> i128 {
    value / 10i128.pow(scale.into())
}

/// `value` / 10^`cut`, half up: away from zero.
fn rounded(value: i256, cut: u32) -> i256 {
    if cut == 0 {
        return value;
    }
    // No product is this long.
    if cut > 76 {
        return i256::ZERO;
    }
    let divisor = power(cut);
    let (quotient, rest) = (value / divisor, value % divisor);
    let up = rest.wrapping_abs() >= divisor / i256::from(2);
    match (up, value.is_negative()) {
        (false, _) => quotient,
        (true, false) => quotient.wrapping_add(i256::ONE),
        (true, true) => quotient.wrapping_sub(i256::ONE),
    }
}

fn digits(value: i256) -> u32 {
    let mut rest = value.wrapping_abs();
    let mut digits = 0;
    while rest != i256::ZERO {
        rest /= i256::from(10);
        digits += 1;
    }
    digits
}

/// 10^`exponent`; up to 76, which fits.
fn power(exponent: u32) -> i256 {
    i256::from(10).wrapping_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Digits = Digits { precision: 5, scale: 2 };

    #[test]
    fn values_are_rounded_half_up_to_fewer_places() {
        for (value, scale, rounded) in [
            (1250, 2, Some(1250)),
            (125, 1, Some(1250)),
            (12_345, 3, Some(1235)),
            (-12_345, 3, Some(-1235)),
            (12_344, 3, Some(1234)),
        ] {
            assert_eq!(PRICE.of(value, scale), rounded, "{value} / 10^{scale}");
        }
        assert_eq!(PRICE.of(1000, 0), None);
        assert_eq!(PRICE.of(999_994, 3), Some(99_999));
        assert_eq!(PRICE.of(999_995, 3), None);
        assert_eq!(PRICE.of(i128::MAX, 38), Some(170));
        assert_eq!(Digits { precision: 38, scale: 38 }.of(i128::MAX, 0), None);
    }

    #[test]
    fn sums_and_products_are_exact_before_they_are_rounded() {
        let widest = Digits { precision: 38, scale: 6 };
        let nines = 10i128.pow(38) - 1;
        assert_eq!(PRICE.calculate(Arithmetic::Add, (1, 0), (5, 3)), Some(101));
        assert_eq!(PRICE.calculate(Arithmetic::Subtract, (1, 0), (50_000, 2)), Some(-49_900));
        assert_eq!(PRICE.calculate(Arithmetic::Multiply, (15, 1), (-15, 1)), Some(-225));
        assert_eq!(widest.calculate(Arithmetic::Multiply, (nines, 38), (nines, 38)), Some(1_000_000));
        assert_eq!(widest.calculate(Arithmetic::Multiply, (nines, 0), (nines, 0)), None);
    }

    #[test]
    fn texts_are_those_of_java() {
        for (value, scale, plain, text) in [
            (1250, 2, false, "12.50"),
            (-5, 2, false, "-0.05"),
            (0, 2, false, "0.00"),
            (7, 0, false, "7"),
            (1, 7, false, "1E-7"),
            (-123, 9, false, "-1.23E-7"),
            (1, 6, false, "0.000001"),
            (0, 7, false, "0E-7"),
            (-123, 9, true, "-0.000000123"),
        ] {
            assert_eq!(to_text(value, scale, plain), text);
        }
    }

    #[test]
    fn doubles_are_the_nearest() {
        assert_eq!(to_double(1, 1), 0.1);
        assert_eq!(to_double(-123_456_789, 4), -12_345.678_9);
        assert_eq!(to_double(9_007_199_254_740_993, 0), 9_007_199_254_740_992.0);
        assert_eq!(to_double(1, 38), 1e-38);
        assert_eq!(to_double(10i128.pow(38) - 1, 0), 1e38);
    }
}
