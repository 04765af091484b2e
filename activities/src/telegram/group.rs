//! The Diffie-Hellman groups that may be used with Telegram.

use grammers_crypto::two_factor_auth::check_p_and_g;

/// The 2048-bit safe prime that Telegram has used from the start, published in TDLib and in every client. It is
/// recognised, because proving that it is prime takes longer than the rest of a login.
const KNOWN_PRIME: &str = "\
    c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f\
    48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37\
    20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64\
    2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4\
    a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754\
    fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4\
    e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f\
    0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b";
/// The generators whose conditions the known prime meets.
const KNOWN_GENERATORS: [i32; 3] = [3, 4, 7];
/// The generators that the protocol knows at all.
const GENERATORS: std::ops::RangeInclusive<i32> = 2..=7;

/// True when `prime` is a safe 2048-bit prime and `generator` makes a large enough subgroup. May take a second of
/// computing for a prime that is not known.
pub(super) fn is_sound(prime: &[u8], generator: i32) -> bool {
    if KNOWN_GENERATORS.contains(&generator) && hex::encode(prime) == KNOWN_PRIME {
        return true;
    }
    GENERATORS.contains(&generator) && check_p_and_g(prime, &generator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_prime_is_sound_with_the_generators_that_are_listed() {
        let prime = hex::decode(KNOWN_PRIME).unwrap();
        for generator in GENERATORS {
            let checked = check_p_and_g(&prime, &generator);
            assert_eq!(KNOWN_GENERATORS.contains(&generator), checked, "{generator}");
            assert_eq!(is_sound(&prime, generator), checked, "{generator}");
        }
    }

    #[test]
    fn a_composite_number_is_not() {
        assert!(!is_sound(&[0xff; 256], 3));
        assert!(!is_sound(&[], 3));
        assert!(!is_sound(&hex::decode(KNOWN_PRIME).unwrap(), 99));
    }
}
