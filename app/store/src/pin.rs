//! PINs of reviewers: eight digits, kept as Argon2id hashes.
//!
//! The hash makes each guess dear to whoever has a copy of the database, but eight digits are few:
//! what keeps strangers out is the caller's bound on tries.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::error::{Result, StoreError};
use crate::limits::{PIN_DIGITS, PIN_INPUT_BYTES_MAX, PIN_MEMORY_KIB, PIN_PASSES};

/// A fresh PIN from the given source of random numbers, which must be unpredictable.
pub fn new_pin(random: &mut dyn FnMut() -> u64) -> String {
    const PINS: u64 = 10_u64.pow(PIN_DIGITS as u32);
    // Numbers from the last, incomplete round would make low PINs likelier.
    const WHOLE_ROUNDS: u64 = u64::MAX - u64::MAX % PINS;
    let mut number = random();
    // A source that keeps giving such numbers is broken; it must not hang the box as well.
    for _ in 0..64 {
        if number < WHOLE_ROUNDS {
            break;
        }
        number = random();
    }
    format!("{:0width$}", number % PINS, width = PIN_DIGITS)
}

/// The digits of a PIN as people type it, with or without spaces and hyphens; `None` for anything
/// that cannot be a PIN.
#[must_use]
pub fn parse_pin(text: &str) -> Option<String> {
    if text.len() > PIN_INPUT_BYTES_MAX {
        return None;
    }
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let fits = digits.len() == PIN_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then_some(digits)
}

/// The hash of a PIN as it is kept, in PHC string form. `salt` is random and used once.
///
/// # Errors
/// [`StoreError::Unexpected`] if the text is no PIN.
pub fn hash_pin(pin: &str, salt: [u8; 16]) -> Result<String> {
    let pin = parse_pin(pin)
        .ok_or_else(|| StoreError::Unexpected(format!("a PIN has {PIN_DIGITS} digits")))?;
    let hash = hasher()?.hash_password_with_salt(pin.as_bytes(), &salt).map_err(unexpected)?;
    Ok(hash.to_string())
}

/// The place of the first hash that the PIN fits. All are tried, and at least one hash is computed,
/// so that the time taken tells nothing of the PIN.
pub(crate) fn fitting<'a>(pin: &str, hashes: impl Iterator<Item = &'a str>) -> Option<usize> {
    counted(pin, hashes).0
}

/// As [`fitting`], with how many hashes were computed.
fn counted<'a>(pin: &str, hashes: impl Iterator<Item = &'a str>) -> (Option<usize>, usize) {
    let Ok(hasher) = hasher() else { return (None, 0) };
    // What is no PIN is tried all the same; no hash was made of it.
    let pin = parse_pin(pin).unwrap_or_default();
    let mut found = None;
    let mut computed = 0;
    for (place, hash) in hashes.enumerate() {
        let Ok(hash) = PasswordHash::new(hash) else { continue };
        let fits = hasher.verify_password(pin.as_bytes(), &hash).is_ok();
        computed += 1;
        if fits && found.is_none() {
            found = Some(place);
        }
    }
    if computed == 0 {
        let nobody = hasher.hash_password_with_salt(pin.as_bytes(), &[0; 16]);
        computed += usize::from(std::hint::black_box(nobody.is_ok()));
    }
    (found, computed)
}

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(PIN_MEMORY_KIB, PIN_PASSES, 1, None).map_err(unexpected)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn unexpected(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unexpected(format!("hashing a PIN: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pins_are_eight_digits_evenly() {
        assert_eq!(new_pin(&mut || 7), "00000007");
        assert_eq!(new_pin(&mut || 123_456_789_012), "56789012");
        let mut numbers = [u64::MAX, u64::MAX - 1, 42].into_iter();
        assert_eq!(new_pin(&mut || numbers.next().unwrap()), "00000042");
        assert_eq!(new_pin(&mut || u64::MAX).len(), PIN_DIGITS);
    }

    #[test]
    fn a_pin_fits_its_hash_and_no_other() {
        let hashes = ["11112222", "33334444"].map(|pin| hash_pin(pin, [pin.as_bytes()[0]; 16]));
        let hashes = hashes.map(|hash| hash.unwrap());
        assert!(hashes[0].starts_with("$argon2id$v=19$m=12288,t=3,p=1$"), "{}", hashes[0]);
        let try_one = |pin: &str| fitting(pin, hashes.iter().map(String::as_str));
        assert_eq!(try_one("3333-4444"), Some(1));
        assert_eq!(try_one("1111 2222"), Some(0));
        for wrong in ["", "33334445", "3333444", "333344440", "33334444\0", &"1".repeat(1 << 20)] {
            assert_eq!(try_one(wrong), None);
        }
        assert!(hash_pin("1234567", [0; 16]).is_err());
        // A hash that cannot be read fits nothing and stops nothing.
        assert_eq!(fitting("33334444", ["x", &hashes[1]].into_iter()), Some(1));
    }

    #[test]
    fn a_wrong_pin_costs_what_a_right_one_costs() {
        let hashes = ["11112222", "33334444"].map(|pin| hash_pin(pin, [1; 16]).unwrap());
        let known = || hashes.iter().map(String::as_str);
        let begun = Instant::now();
        assert_eq!(counted("11112222", known()), (Some(0), 2));
        println!("one PIN hash: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3 / 2.0);
        for wrong in ["33334445", "", "no digits", "111122223"] {
            assert_eq!(counted(wrong, known()), (None, 2));
        }
        assert_eq!(counted("11112222", std::iter::empty()), (None, 1));
    }

    proptest! {
        #[test]
        fn any_text_is_a_pin_or_not(text: String) {
            if let Some(pin) = parse_pin(&text) {
                prop_assert_eq!(parse_pin(&pin), Some(pin));
            }
        }
    }
}
