//! Ids in the shapes that the real service gives out. Nobody may read anything into them.

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTUVWX";

/// Of orders, captures, sales and refunds: 17 digits and capital letters.
#[must_use]
pub fn transaction() -> String {
    letters(17)
}

/// Of products: `PROD-` and 17 more.
#[must_use]
pub fn product() -> String {
    format!("PROD-{}", letters(17))
}

/// Of plans: `P-` and 24 more.
#[must_use]
pub fn plan() -> String {
    format!("P-{}", letters(24))
}

/// Of subscriptions: `I-` and 12 more.
#[must_use]
pub fn subscription() -> String {
    format!("I-{}", letters(12))
}

/// Of webhook events: `WH-` and two groups of 17.
#[must_use]
pub fn event() -> String {
    format!("WH-{}-{}", letters(17), letters(17))
}

/// Of payers: 13 digits and capital letters.
#[must_use]
pub fn payer() -> String {
    letters(13)
}

/// Of transmissions of webhooks: a UUID of version 4.
#[must_use]
pub fn transmission() -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Of requests, for whoever asks what went wrong.
#[must_use]
pub fn debug() -> String {
    hex::encode(random::<7>()).split_off(1)
}

/// A bearer token.
#[must_use]
pub fn token() -> String {
    format!("A21AA{}", hex::encode(random::<40>()))
}

fn letters(count: usize) -> String {
    random::<32>().iter().take(count).map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// A system without randomness gives zeros: ids are checked for being new where they are kept.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::error!(%error, "The sandbox has no randomness");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_lengths_and_differ() {
        assert_eq!((transaction().len(), plan().len(), event().len(), transmission().len()), (17, 26, 38, 36));
        assert_ne!(transaction(), transaction());
        assert_eq!(transmission().as_bytes()[14], b'4');
        assert_eq!(debug().len(), 13);
    }
}
