//! Steps of numbers, compared as the decimals that they are written as.

use serde_json::Value;

/// Whether every multiple of the narrow step is one of the wide step. Without a narrow step, the
/// integers are meant where the type says so.
pub(super) fn steps_include(narrow: Option<&Value>, wide: &Value, is_integer: bool) -> bool {
    let one = Value::from(1);
    // The integers are the multiples of one.
    let narrow = narrow.or(is_integer.then_some(&one));
    let (Some(narrow), Some(wide)) = (narrow.and_then(decimal), decimal(wide)) else {
        return false;
    };
    // Validators divide in binary, where steps like 0.3 miss some of their own multiples.
    if !(is_dyadic(narrow.0, narrow.1) && is_dyadic(wide.0, wide.1)) && narrow != wide {
        return false;
    }
    // Both as whole numbers of the smallest decimal place.
    let scale = narrow.1.max(wide.1);
    let scaled = |(digits, places): (i128, u32)| {
        10_i128
            .checked_pow(scale - places)
            .and_then(|factor| digits.checked_mul(factor))
    };
    match (scaled(narrow), scaled(wide)) {
        // A wide step of zero divides nothing.
        (Some(narrow), Some(wide)) => wide > 0 && narrow % wide == 0,
        _ => false,
    }
}

/// Whether a decimal is exact in binary: its digits make up for the fives in the denominator.
fn is_dyadic(digits: i128, places: u32) -> bool {
    // The power of five below stays in range.
    places < 20
        && 5_i128
            .checked_pow(places)
            .is_some_and(|fives| digits % fives == 0)
}

/// A number as its digits and the count of those behind the point.
fn decimal(number: &Value) -> Option<(i128, u32)> {
    let text = number.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    // A number with an exponent does not parse here, and is then unknown.
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, u32::try_from(fraction.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_are_compared_as_decimals() {
        let check = |narrow: Value, wide: Value, expected: bool| {
            assert_eq!(
                steps_include(Some(&narrow), &wide, false),
                expected,
                "{narrow} {wide}"
            );
        };
        check(json!(6), json!(1.5), true);
        check(json!(6), json!(4), false);
        check(json!(0.3), json!(0.1), false);
        check(json!(0.3), json!(0.3), true);
        check(json!(0.75), json!(0.25), true);
        check(json!(3), json!(0.7), false);
        check(json!(1e300), json!(1), false);
        assert!(steps_include(None, &json!(0.5), true));
        assert!(!steps_include(None, &json!(0.5), false));
    }
}
