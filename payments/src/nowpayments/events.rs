//! What an IPN says, once it is proved.

use sha2::{Digest as _, Sha256};

use super::{
    canonical::{Form, Json},
    external::External,
    wire::Payment,
};
use crate::provider::Event;

/// Reads an event. One that is about no payment, such as a payout, is none of our business.
pub(super) fn event(said: &Json) -> Event {
    Payment::read(said).map_or_else(|| other(said), |payment| of_payment(&payment))
}

/// The same payment in the same status with the same deposit is the same event, however often it is sent.
fn of_payment(payment: &Payment) -> Event {
    let paid = payment.paid.map(|paid| paid.normalize().to_string()).unwrap_or_default();
    let mut externals = vec![payment.external().to_string(), payment.receipt()];
    externals.extend(payment.parent.clone().map(|id| External::Payment { id, coin: None }.to_string()));
    externals.extend(payment.invoice.clone().map(|id| External::Invoice(id).to_string()));
    externals.dedup();
    Event {
        key: format!("{}:{}:{paid}", payment.id, payment.status),
        kind: payment.status.to_string(),
        payment: payment.order.as_deref().and_then(|order| order.parse().ok()),
        externals,
        ignorable: false,
        at: payment.updated_at,
    }
}

fn other(said: &Json) -> Event {
    let text = said.canonical(Form { ecmascript: false, indexed: false });
    Event {
        key: format!("other:{}", hex::encode(Sha256::digest(text.as_bytes()))),
        kind: "other".to_owned(),
        payment: None,
        externals: Vec::new(),
        ignorable: true,
        at: None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::{FixedClock, PaymentId};

    use super::*;

    fn read(json: &str) -> Event {
        event(&Json::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn the_vector_names_its_payment_and_its_invoice() {
        let event = read(include_str!("../../tests/vectors/nowpayments_body.json"));
        assert_eq!(event.key, "5077125051:finished:0.000083");
        assert_eq!(event.externals, ["payment:5077125051:btc", "payment:5077125051", "invoice:4522625843"]);
        assert_eq!((event.payment, event.ignorable, event.kind.as_str()), (None, false, "finished"));
    }

    #[test]
    fn the_same_news_has_the_same_key_however_it_is_spelled() {
        let order = PaymentId::new(&FixedClock::at(DateTime::UNIX_EPOCH));
        let one = format!(
            r#"{{"payment_id":1,"payment_status":"finished","actually_paid":8.3e-5,"order_id":"{order}","updated_at":1000}}"#
        );
        let other = format!(
            r#"{{"payment_id":"1","payment_status":"FINISHED","actually_paid":"0.0000830","order_id":"{order}","updated_at":2000}}"#
        );
        assert_eq!((read(&one).key, read(&one).payment), (read(&other).key, Some(order)));
        assert_ne!(read(&one).key, read(&one.replace("finished", "sending")).key);
        assert_ne!(read(&one).key, read(&one.replace("8.3e-5", "8.4e-5")).key);
    }

    #[test]
    fn a_second_deposit_names_the_first_one() {
        let event =
            read(r#"{"payment_id":2,"parent_payment_id":1,"payment_status":"confirming","pay_currency":"ltc"}"#);
        assert_eq!(event.externals, ["payment:2:ltc", "payment:2", "payment:1"]);
    }

    #[test]
    fn what_is_no_payment_is_kept_and_nobody_has_to_look_at_it() {
        let payout = r#"{"id":"123","batch_withdrawal_id":"5","status":"FINISHED"}"#;
        assert!(read(payout).ignorable);
        assert_eq!(read(payout).key, read(payout).key);
        assert_ne!(read(payout).key, read(r#"{"id":"124"}"#).key);
    }
}
