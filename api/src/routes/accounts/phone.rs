//! Phone numbers, as people type them.

use crate::error::ApiError;

/// The fewest digits of an international number.
const DIGITS_MIN: usize = 7;
/// The most digits of an international number (E.164).
const DIGITS_MAX: usize = 15;

/// The number as `+<digits>`: spaces and dashes are dropped, so that one number cannot be linked twice.
pub(super) fn parse(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let good = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(format!("+{digits}")) } else { Err(ApiError::PhoneInvalid) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_parsed_or_refused() {
        for good in ["+49 170 123-4567", "491701234567", " +491701234567 "] {
            assert_eq!(parse(good).unwrap(), "+491701234567", "{good}");
        }
        for bad in [
            "",
            "+",
            "123456",
            "1234567890123456",
            "++4917012345",
            "49170x12345",
            "+49(170)123",
            "４９１７０１２３４５６７",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_accepted_is_one_number_for_ever(text in "[+ ]{0,2}[-0-9 ]{0,24}|.{0,20}") {
            let Ok(phone) = parse(&text) else { return Ok(()) };
            prop_assert_eq!(parse(&phone).unwrap(), phone.clone());
            prop_assert!(phone.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())));
        }
    }
}
