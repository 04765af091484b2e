//! Signatures: HMAC-SHA512 over the body with sorted fields, as the vendor's samples make it, and as others wrongly do.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha512;

use crate::nowpayments::json::{Json, Lists, Spelling, Style};

/// What is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// What `JSON.stringify` prints of the sorted body.
    #[default]
    Javascript,
    /// The same with numbers as they are spelled in the body.
    Literal,
    /// The same with lists as objects: what the vendor's older sample makes of them.
    Indexed,
    /// With lists as objects, and numbers as they are spelled in the body.
    IndexedLiteral,
    /// Wrong: fields of inner objects are left out.
    Flat,
    /// Wrong: the body as it goes, unsorted.
    Raw,
    /// Wrong: what Python's `json.dumps` prints of the sorted body.
    Python,
    /// Wrong: with another secret.
    Foreign,
    /// Wrong: there is no header.
    Missing,
}

/// The body and the header.
pub fn signed(notice: &Json, spelling: Spelling, signing: Signing, secret: &str) -> (String, Option<String>) {
    let body = notice.text(Style::plain(spelling));
    // Who prints a text in place of a number signs that text too.
    let printed = if spelling == Spelling::Text { Spelling::Text } else { Spelling::Javascript };
    let sorted = |spelling, lists, ascii| notice.text(Style { spelling, lists, sorted: true, ascii });
    let text = match signing {
        Signing::Javascript | Signing::Foreign => sorted(printed, Lists::Kept, false),
        Signing::Literal => sorted(spelling, Lists::Kept, false),
        Signing::Indexed => sorted(printed, Lists::Indexed, false),
        Signing::IndexedLiteral => sorted(spelling, Lists::Indexed, false),
        Signing::Flat => flat(notice).text(Style { sorted: true, ..Style::plain(printed) }),
        Signing::Raw => body.clone(),
        Signing::Python => sorted(Spelling::Python, Lists::Kept, true),
        Signing::Missing => return (body, None),
    };
    let header =
        if signing == Signing::Foreign { signature("another secret", &text) } else { signature(secret.trim(), &text) };
    (body, Some(header))
}

/// The signature of a text: HMAC-SHA512 in hexadecimal digits.
#[must_use]
pub fn signature(secret: &str, text: &str) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes());
    mac.map(|mac| hex::encode(mac.chain_update(text.as_bytes()).finalize().into_bytes())).unwrap_or_default()
}

fn flat(notice: &Json) -> Json {
    let Json::Object(fields) = notice else { return notice.clone() };
    let emptied =
        |value: &Json| if matches!(value, Json::Object(_)) { Json::Object(Vec::new()) } else { value.clone() };
    Json::Object(fields.iter().map(|(name, value)| (*name, emptied(value))).collect())
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    /// The body of the vector that everybody who reads IPNs is tested with.
    fn vector(extra: Json) -> Json {
        let number = |text: &str| Json::Number(Decimal::from_scientific(text).or_else(|_| text.parse()).unwrap());
        Json::Object(vec![
            ("payment_id", Json::Id(5_077_125_051)),
            ("parent_payment_id", Json::Null),
            ("invoice_id", Json::Id(4_522_625_843)),
            ("payment_status", Json::from("finished")),
            ("pay_address", Json::from("TXYZ")),
            ("payin_extra_id", Json::Null),
            ("price_amount", number("10")),
            ("price_currency", Json::from("usd")),
            ("pay_amount", number("0.000083")),
            ("actually_paid", number("0.000083")),
            ("actually_paid_at_fiat", number("0")),
            ("pay_currency", Json::from("btc")),
            ("order_id", Json::from("sub_42")),
            ("order_description", Json::from("Gói Pro/1 tháng")),
            ("purchase_id", Json::from("5837122679")),
            ("outcome_amount", number("1.2e-7")),
            ("outcome_currency", Json::from("btc")),
            ("payment_extra_ids", extra),
            (
                "fee",
                Json::Object(vec![
                    ("currency", Json::from("btc")),
                    ("depositFee", number("9.8e-7")),
                    ("withdrawalFee", number("0")),
                    ("serviceFee", number("0")),
                ]),
            ),
        ])
    }

    #[test]
    fn the_vector_is_signed_as_node_and_python_sign_it() {
        let sign = |extra: Json, signing| {
            signed(&vector(extra), Spelling::Javascript, signing, " np-ipn-secret-for-tests\n").1.unwrap()
        };
        let rows = [
            (Signing::Javascript, "8675ad49e2ce621c", "8024a"),
            (Signing::Literal, "8675ad49e2ce621c", "8024a"),
            (Signing::Flat, "9a301bd9fd58534f", "dd5ed3c1"),
            (Signing::Python, "72caa3b517aa9f87", "e6951429"),
            (Signing::Raw, "ff52c76ad08fc6a4", "89074d67d"),
        ];
        for (signing, begin, end) in rows {
            let signature = sign(Json::Null, signing);
            assert!(signature.starts_with(begin) && signature.ends_with(end), "{signing:?} {signature}");
        }
        let list = || Json::List(vec![Json::Id(5_513_339_153)]);
        assert!(sign(list(), Signing::Javascript).starts_with("246de9c96baac998"));
        assert!(sign(list(), Signing::Indexed).starts_with("f221e09d5057e7f6"));
        assert_ne!(sign(Json::Null, Signing::Foreign), sign(Json::Null, Signing::Javascript));
        assert_eq!(signed(&vector(list()), Spelling::Python, Signing::Missing, "x").1, None);
    }
}
