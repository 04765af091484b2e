//! What a message at the destination shows, as digests. They are sealed: a digest tells a guess from the truth.

use domain::PairId;

use super::SentPart;
use crate::{
    StoreError,
    seal::{SealError, Sealer},
};

/// Stands between the digest of the text and those of the attachments.
const APART: char = '\n';

/// A row of `destination_messages`: pair, delivery, part, item.
pub(crate) type Key = (PairId, i64, i32, i32);

fn place((pair, seq, part, item): Key) -> String {
    format!("destination_messages/{pair}/{seq}/{part}/{item}/shown")
}

/// The digests of the text and of the attachments; `None` where they are not known, or there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    pub text: Option<String>,
    pub media: Option<String>,
}

impl Shown {
    /// The digests of a row: `sealed`, or in clear in rows from before they were sealed.
    pub fn open(sealer: &Sealer, key: Key, sealed: Option<&[u8]>, clear: Self) -> Result<Self, StoreError> {
        let Some(sealed) = sealed else { return Ok(clear) };
        let plain = sealer.open_bytes(&place(key), sealed)?;
        let plain = String::from_utf8(plain).map_err(|_| SealError::Broken)?;
        Ok(match plain.split_once(APART) {
            Some((text, media)) => Self { text: Some(text.to_owned()), media: Some(media.to_owned()) },
            None => Self { text: Some(plain), media: None },
        })
    }
}

/// Seals the digests of what deliveries of a pair, by their numbers, have left, in the same order.
pub(crate) fn seal<'a>(
    sealer: &Sealer,
    pair: PairId,
    parts: impl Iterator<Item = (i64, &'a SentPart)>,
) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let plain: Vec<Option<(String, String)>> = parts
        .map(|(seq, part)| {
            let text = part.text_digest.as_deref();
            let digests = match (text, part.media_digest.as_deref()) {
                (None, None) => return None,
                (Some(text), None) => text.to_owned(),
                (text, Some(media)) => format!("{}{APART}{media}", text.unwrap_or_default()),
            };
            Some((place((pair, seq, part.part, part.item)), digests))
        })
        .collect();
    let known: Vec<(&str, &str)> = plain.iter().flatten().map(|(place, plain)| (&**place, &**plain)).collect();
    let mut sealed = sealer.seal_all(&known)?.into_iter();
    Ok(plain.iter().map(|plain| plain.as_ref().and_then(|_| sealed.next())).collect())
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, ChatId, SystemClock};

    use super::*;

    #[test]
    fn digests_come_back_as_they_were() {
        let sealer = Sealer::parse(&format!("k1:{}=", "A".repeat(43)).into()).unwrap();
        let (pair, account) = (PairId::new(&SystemClock), AccountId::new(&SystemClock));
        let text = |text: &str| Some(text.to_owned());
        let part = |item, text_digest, media_digest| SentPart {
            item,
            text_digest,
            media_digest,
            ..SentPart::new(0, account, ChatId::new(1), 5, 5)
        };
        let parts =
            [part(0, text("ab"), None), part(1, None, None), part(2, text(""), text("c,d")), part(3, text(""), None)];
        let sealed = seal(&sealer, pair, parts.iter().map(|part| (7, part))).unwrap();
        assert_eq!(sealed.len(), parts.len());
        for (part, sealed) in parts.iter().zip(&sealed) {
            let key = (pair, 7, 0, part.item);
            let shown = Shown::open(&sealer, key, sealed.as_deref(), Shown::default()).unwrap();
            assert_eq!((shown.text, shown.media), (part.text_digest.clone(), part.media_digest.clone()));
        }
        let other = Shown::open(&sealer, (pair, 8, 0, 0), sealed[0].as_deref(), Shown::default());
        assert!(other.is_err(), "it belongs to another row");
    }
}
