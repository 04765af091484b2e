//! Webhooks that are refused, lost, doubled, held back, listed and sent again.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{Received, World, text};

fn transmission(webhook: &Received) -> &str {
    &webhook.headers["paypal-transmission-id"]
}

#[tokio::test]
async fn a_webhook_comes_again_until_it_is_taken() {
    let world = World::new().await;
    world.inbox.answer_with(&[500, 302, 401]);
    let order = world.order("pay_1").await;
    world.control.approve_order(&order).await.unwrap();
    let tries = world.inbox.of("CHECKOUT.ORDER.APPROVED", 4).await;
    let transmissions: BTreeSet<&str> = tries.iter().map(transmission).collect();
    assert_eq!(transmissions.len(), 1, "every try is the same transmission");
    assert!(tries.iter().all(|one| one.body == tries[0].body));
    let webhook = world.control.webhooks(Some(&order)).await.unwrap().remove(0);
    assert_eq!(webhook.answers[..3], [500, 302, 401]);

    world.control.settings(&json!({ "attempts_max": 2 })).await.unwrap();
    world.inbox.answer_with(&[500, 500]);
    let (_, capture) = world.paid_order_quietly(&order).await;
    let given_up = world.wait_for_state(&capture, "failed").await;
    assert_eq!(given_up.answers, [500, 500]);
    let (status, _) =
        world.post(&format!("/v1/notifications/webhooks-events/{}/resend", given_up.id), None, &json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    world.wait_for_state(&capture, "delivered").await;
}

#[tokio::test]
async fn in_bad_weather_webhooks_are_lost_doubled_and_held_back() {
    let world = World::new().await;
    world.control.weather(&json!({ "lose_percent": 100 })).await.unwrap();
    let lost = world.order("lost").await;
    world.control.approve_order(&lost).await.unwrap();
    world.control.weather(&json!({ "double_percent": 100, "late_ms_max": 20 })).await.unwrap();
    let doubled = world.order("doubled").await;
    world.control.approve_order(&doubled).await.unwrap();
    let copies = world.inbox.of("CHECKOUT.ORDER.APPROVED", 2).await;
    assert_ne!(transmission(&copies[0]), transmission(&copies[1]), "two transmissions");
    assert_eq!(copies[0].body, copies[1].body);
    world.control.weather(&json!({ "hold": true })).await.unwrap();
    let first = world.order("first").await;
    let second = world.order("second").await;
    for order in [&first, &second] {
        world.control.approve_order(order).await.unwrap();
    }
    assert_eq!(world.inbox.all().len(), 2);
    world.control.release(true).await.unwrap();
    let came: Vec<String> = world.inbox.all()[2..].iter().map(|one| text(&one.event(), "/resource/id")).collect();
    assert_eq!(came, [second, first]);
    let books = world.control.books().await.unwrap();
    assert_eq!((books.webhooks["made"], books.webhooks["delivered"], books.webhooks["lost"]), (4, 3, 1));
    assert!(!world.inbox.all().iter().any(|one| text(&one.event(), "/resource/id") == lost));
}

#[tokio::test]
async fn what_was_sent_is_listed_newest_first_and_in_pages() {
    let world = World::new().await;
    for number in 0..5 {
        world.paid_order(&format!("pay_{number}")).await;
    }
    let list = |query: &str| format!("/v1/notifications/webhooks-events?{query}");
    let (mut path, mut ids) = (list("event_type=PAYMENT.CAPTURE.COMPLETED&page_size=2"), Vec::new());
    let sizes = loop {
        let (_, page) = world.get(&path).await;
        let events = page["events"].as_array().unwrap();
        assert!(events.iter().all(|event| event["event_type"] == "PAYMENT.CAPTURE.COMPLETED"));
        ids.extend(events.iter().map(|event| text(event, "/resource/custom_id")));
        let links = page["links"].as_array().unwrap();
        match links.iter().find(|link| link["rel"] == "next") {
            Some(next) => path = text(next, "/href").strip_prefix(&world.base).unwrap().to_owned(),
            None => break events.len(),
        }
    };
    assert_eq!((ids, sizes), (["pay_4", "pay_3", "pay_2", "pay_1", "pay_0"].map(str::to_owned).to_vec(), 1));
    let (_, none) = world.get(&list("end_time=2020-01-01T00:00:00Z")).await;
    assert_eq!(none["count"], 0);
    let (_, webhooks) = world.get("/v1/notifications/webhooks").await;
    assert_eq!(text(&webhooks, "/webhooks/0/url"), world.inbox.url);
}

impl World {
    /// Captures an approved order: its id and that of its capture.
    async fn paid_order_quietly(&self, order: &str) -> (String, String) {
        let paid: Value = self.post(&format!("/v2/checkout/orders/{order}/capture"), None, &json!({})).await.1;
        (order.to_owned(), text(&paid, "/purchase_units/0/payments/captures/0/id"))
    }

    /// Waits until the webhook about a resource has come so far.
    async fn wait_for_state(&self, resource: &str, state: &str) -> sandbox::client::SentWebhook {
        for _ in 0..1_000 {
            let webhook = self.control.webhooks(Some(resource)).await.unwrap().remove(0);
            if webhook.state == state {
                return webhook;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the webhook about {resource} is not {state}");
    }
}
