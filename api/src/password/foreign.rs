//! Password hashes from elsewhere: which of them we take.

use argon2::{Algorithm, Params, PasswordHash};

/// A bcrypt hash of more costs over a second for each log-in.
const BCRYPT_COST_MAX: u32 = 14;
/// An argon2 hash of more takes too much memory for each log-in, in KiB, or too many rounds or threads.
const ARGON2_MEMORY_MAX: u32 = 256 * 1024;
const ARGON2_ROUNDS_MAX: u32 = 16;
const ARGON2_LANES_MAX: u32 = 16;

/// Is `hash` one that a password can be checked against at a bearable cost? The reason otherwise, without the hash.
pub(crate) fn check(hash: &str) -> Result<(), &'static str> {
    if hash.starts_with("$2") {
        let parts: bcrypt::HashParts = hash.parse().map_err(|_| "this is not a bcrypt hash")?;
        return match parts.get_cost() {
            4..=BCRYPT_COST_MAX => Ok(()),
            _ => Err("the cost of a bcrypt hash is 4 to 14"),
        };
    }
    let wrong = "neither an argon2 hash in PHC form nor a bcrypt hash";
    let parsed = PasswordHash::new(hash).map_err(|_| wrong)?;
    Algorithm::try_from(parsed.algorithm.as_str()).map_err(|_| wrong)?;
    let params = Params::try_from(&parsed).map_err(|_| wrong)?;
    if parsed.salt.is_none() || parsed.hash.is_none() {
        return Err(wrong);
    }
    let bearable = params.m_cost() <= ARGON2_MEMORY_MAX
        && params.t_cost() <= ARGON2_ROUNDS_MAX
        && params.p_cost() <= ARGON2_LANES_MAX;
    if bearable { Ok(()) } else { Err("an argon2 hash takes at most 256 MiB, 16 rounds and 16 lanes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_can_be_checked_are_taken() {
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        assert_eq!(check(&bcrypt), Ok(()));
        assert_eq!(check(&bcrypt.replace("$2b$", "$2y$")), Ok(()));
        assert_eq!(
            check("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A"),
            Ok(())
        );
        assert_eq!(
            check("$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHRzb21l$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A"),
            Ok(())
        );
    }

    #[test]
    fn others_are_refused_without_being_repeated() {
        let dear = bcrypt::hash("secret", 4).unwrap().replace("$04$", "$31$");
        for bad in [
            "",
            "secret",
            "$2b$04$short",
            &dear,
            "$1$saltsalt$hashhash",
            "$argon2id$v=19$m=65536,t=3,p=4",
            "$argon2id$v=19$m=9999999,t=3,p=4$c29tZXNhbHRzb21l$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A",
            "$scrypt$ln=16,r=8,p=1$c29tZXNhbHRzb21l$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A",
        ] {
            let reason = check(bad).unwrap_err();
            assert!(bad.is_empty() || !reason.contains(bad), "{reason}");
        }
    }
}
