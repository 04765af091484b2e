//! The ledger's rules for edits and deletions: what folds, what follows, what says why.

mod albums;

use chrono::TimeDelta;
use domain::{ChatId, Clock as _, DeliveryState, Message, Operation, RichText, Update, message::Deletion};
use store::deliveries::{self, Claim, Decision, Delivery, Settlement, decide};

use crate::ledger::{SOURCE, Scene, ids, message, scene, sealer};

impl Scene {
    fn reading(&self, id: i64, text: &str) -> Message {
        let edited_at = Some(self.clock.now());
        Message { text: RichText::plain(text), edited_at, ..message(id, self.clock.now()) }
    }

    async fn edit(&mut self, id: i64, text: &str) -> usize {
        let update = Update::Edited(self.reading(id, text));
        self.updates(&[update]).await.messages
    }

    async fn delete(&mut self, chat: Option<ChatId>, ids: &[i64]) -> usize {
        let update = Update::Deleted(Deletion { chat, message_ids: ids.to_vec() });
        self.updates(&[update]).await.messages
    }

    async fn send_all(&mut self) {
        for row in self.claim_rows().await {
            self.settle_sent(row.seq, 500 + row.seq).await;
        }
    }

    /// The pair's deliveries, oldest first.
    async fn history(&mut self) -> Vec<Delivery> {
        let mut listed = self.list().await;
        listed.reverse();
        listed
    }
}

fn kinds(delivery: &Delivery) -> Vec<&str> {
    delivery.steps.iter().map(|step| step.kind.as_str()).collect()
}

#[tokio::test]
async fn a_dead_letter_that_is_tried_again_reads_as_its_source_does_now() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11, 12, 13]).await;
    let refused = Settlement::Dead { code: "too_ugly", text: "the destination refuses it" };
    let now = scene.clock.now();
    for row in scene.claim_rows().await {
        if row.seq == 3 {
            // Its first part stood before the destination refused the second.
            let part = deliveries::SentPart::new(0, scene.writer, crate::ledger::DESTINATION, 503, 13);
            deliveries::record_parts(&mut scene.database, sealer(), scene.pair, 3, &[part], now).await.unwrap();
        }
        deliveries::settle(&mut scene.database, sealer(), scene.pair, row.seq, refused, now).await.unwrap();
    }
    scene.edit(11, "better").await;
    scene.edit(13, "other").await;
    scene.delete(Some(SOURCE), &[12]).await;
    for decided in [2, 0] {
        let count = decide(&mut scene.database, scene.user, scene.pair, None, Decision::Retry, now).await.unwrap();
        assert_eq!(count, decided);
    }
    let rows = scene.claim_rows().await;
    let texts: Vec<(i64, &str)> = rows.iter().map(|row| (row.seq, row.message.text.text.as_str())).collect();
    assert_eq!(texts, [(1, "better"), (3, "message 13")], "what stands in part is finished as it was begun");
    let history = scene.history().await;
    assert_eq!(
        (history[1].state, history[1].reason_code.as_deref()),
        (DeliveryState::Skipped, Some("deleted_at_source"))
    );
    assert_eq!(kinds(&history[1]), ["received", "dead", "skipped"]);
}

#[tokio::test]
async fn a_dead_edit_is_overtaken_by_a_later_one() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    scene.send_all().await;
    scene.edit(11, "second").await;
    let row = scene.claim_rows().await.remove(0);
    let refused = Settlement::Dead { code: "too_ugly", text: "the destination refuses it" };
    let now = scene.clock.now();
    deliveries::settle(&mut scene.database, sealer(), scene.pair, row.seq, refused, now).await.unwrap();
    scene.edit(11, "third").await;
    scene.send_all().await;
    let count = decide(&mut scene.database, scene.user, scene.pair, None, Decision::Retry, now).await.unwrap();
    assert_eq!(count, 0);
    let history = scene.history().await;
    assert_eq!((history[1].state, history[1].reason_code.as_deref()), (DeliveryState::Skipped, Some("superseded")));
    assert_eq!(history[2].state, DeliveryState::Sent);
}

#[tokio::test]
async fn an_edit_folds_into_a_delivery_that_waits_once() {
    let mut scene = scene(60).await;
    scene.ingest_ids(&[11, 12]).await;
    assert_eq!(scene.edit(11, "better").await, 1);
    assert_eq!(scene.edit(11, "better").await, 0, "the same edit again changes nothing");
    let late = Message { edited_at: Some(scene.clock.now() - TimeDelta::seconds(5)), ..scene.reading(11, "older") };
    assert_eq!(scene.updates(&[Update::Edited(late)]).await.messages, 0, "an older edit changes nothing");
    assert_eq!(scene.edit(99, "unknown").await, 0);
    let history = scene.history().await;
    assert_eq!(history.len(), 2);
    assert_eq!(kinds(&history[0]), ["received", "folded"]);
    scene.clock.advance(TimeDelta::seconds(61));
    let rows = scene.claim_rows().await;
    assert_eq!((rows[0].message.text.text.as_str(), rows[0].operation), ("better", Operation::Post));
    assert_eq!((rows[0].message.revision, ids(&rows)), (1, vec![11, 12]));
}

#[tokio::test]
async fn a_deletion_withdraws_a_delivery_that_waits_and_rouses_its_pair() {
    let mut scene = scene(60).await;
    scene.ingest_ids(&[11, 12]).await;
    deliveries::acknowledge_wake(&mut scene.database, scene.pair).await.unwrap();
    let gone = Update::Deleted(Deletion { chat: Some(SOURCE), message_ids: vec![11] });
    let done = scene.updates(&[gone]).await;
    assert!(done.wakes.len() == 1 && done.wakes[0].signal, "its successors may be due");
    assert_eq!(scene.delete(Some(SOURCE), &[11]).await, 0, "deleting twice is the same as once");
    assert_eq!(scene.edit(11, "from the grave").await, 0);
    let history = scene.history().await;
    assert_eq!(
        (history[0].state, history[0].reason_code.as_deref()),
        (DeliveryState::Skipped, Some("deleted_at_source"))
    );
    assert_eq!(kinds(&history[0]), ["received", "skipped"]);
    scene.clock.advance(TimeDelta::seconds(61));
    assert_eq!(ids(&scene.claim_rows().await), [12]);
}

#[tokio::test]
async fn an_edit_of_a_post_that_came_back_is_not_undone_by_an_earlier_one() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let claimed = ids(&scene.claim_rows().await);
    assert_eq!(claimed, [11]);
    // On its way, so the first edit is a delivery of its own; then it comes back, and the second one folds.
    assert_eq!(scene.edit(11, "first").await, 1);
    deliveries::unclaim(&mut scene.database, scene.pair, &[1]).await.unwrap();
    scene.clock.advance(TimeDelta::seconds(1));
    assert_eq!(scene.edit(11, "second").await, 1);
    let rows = scene.claim_rows().await;
    let texts: Vec<_> = rows.iter().map(|row| (row.operation, row.message.text.text.as_str())).collect();
    assert_eq!(texts, [(Operation::Post, "second")]);
    let history = scene.history().await;
    assert_eq!((history[1].state, history[1].reason_code.as_deref()), (DeliveryState::Skipped, Some("superseded")));
}

#[tokio::test]
async fn changes_of_what_was_sent_are_deliveries_and_fold_among_themselves() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    scene.send_all().await;
    for text in ["one", "two"] {
        assert_eq!(scene.edit(11, text).await, 1);
    }
    let history = scene.history().await;
    assert_eq!(history.len(), 2);
    assert_eq!((history[1].operation, history[1].root_seq), (Operation::Edit, Some(1)));
    assert_eq!(kinds(&history[1]), ["edit_received", "folded"]);
    let row = scene.claim_rows().await.remove(0);
    assert_eq!((row.operation, row.root_seq, row.message.text.text.as_str()), (Operation::Edit, 1, "two"));
    // Begun: the next edit is one of its own, and a deletion overtakes that one.
    scene.edit(11, "three").await;
    assert_eq!(scene.delete(Some(SOURCE), &[11]).await, 1);
    let changed = Settlement::Changed { step: "edited" };
    let now = scene.clock.now();
    deliveries::settle(&mut scene.database, sealer(), scene.pair, row.seq, changed, now).await.unwrap();
    let history = scene.history().await;
    assert_eq!(kinds(&history[1]), ["edit_received", "folded", "edited"]);
    assert_eq!((history[2].state, history[2].reason_code.as_deref()), (DeliveryState::Skipped, Some("superseded")));
    let last = scene.claim_rows().await.remove(0);
    assert_eq!((last.operation, last.root_seq, last.seq), (Operation::Delete, 1, 4));
    let standing = deliveries::standing(&mut scene.database, sealer(), scene.pair, 1).await.unwrap();
    assert_eq!(standing.iter().map(|one| one.part.message_id).collect::<Vec<_>>(), [501]);
    for _ in 0..2 {
        deliveries::record_gone(&mut scene.database, scene.pair, &standing, now).await.unwrap();
    }
    assert!(deliveries::standing(&mut scene.database, sealer(), scene.pair, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_flood_wait_still_folds_and_a_lost_answer_does_not() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11, 12]).await;
    let rows = scene.claim_rows().await;
    let now = scene.clock.now();
    for (row, untouched) in rows.iter().zip([true, false]) {
        let why = ("why", "why");
        deliveries::put_back(&mut scene.database, scene.pair, row.seq, untouched, why, now).await.unwrap();
    }
    scene.edit(11, "folded").await;
    scene.edit(12, "follows").await;
    let history = scene.history().await;
    assert_eq!(
        history.iter().map(|one| one.operation).collect::<Vec<_>>(),
        [Operation::Post, Operation::Post, Operation::Edit]
    );
    assert_eq!(kinds(&history[0]), ["received", "waiting", "folded"]);
    assert_eq!(history[2].root_seq, Some(2));
}

#[tokio::test]
async fn a_change_of_what_was_not_carried_is_recorded_with_its_reason() {
    let mut scene = scene(0).await;
    let empty = Message { text: RichText::default(), ..message(11, scene.clock.now()) };
    scene.ingest(&[empty]).await;
    scene.edit(11, "now it says something").await;
    scene.delete(Some(SOURCE), &[11]).await;
    let history = scene.history().await;
    assert_eq!(history.len(), 3);
    for change in &history[1..] {
        let found = (change.state, change.reason_code.as_deref(), change.root_seq);
        assert_eq!(found, (DeliveryState::Skipped, Some("original_not_sent"), Some(1)));
    }
    assert!(matches!(scene.claim().await, Claim::Empty));
}

#[tokio::test]
async fn a_deletion_that_names_no_chat_is_found_by_the_account() {
    let mut scene = scene(60).await;
    scene.ingest_ids(&[11, 12, 13]).await;
    assert_eq!(scene.delete(None, &[12, 400]).await, 1);
    let states: Vec<_> = scene.history().await.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Pending, DeliveryState::Skipped, DeliveryState::Pending]);
}

#[tokio::test]
async fn one_batch_may_write_change_and_delete_the_same_message() {
    let mut scene = scene(60).await;
    let updates = [
        Update::Posted(message(11, scene.clock.now())),
        Update::Posted(message(12, scene.clock.now())),
        Update::Edited(scene.reading(11, "better")),
        Update::Edited(scene.reading(12, "better too")),
        Update::Edited(Message {
            edited_at: Some(scene.clock.now() + TimeDelta::seconds(1)),
            ..scene.reading(11, "best")
        }),
        Update::Deleted(Deletion { chat: Some(SOURCE), message_ids: vec![12] }),
        Update::Posted(message(13, scene.clock.now())),
    ];
    assert_eq!(scene.updates(&updates).await.messages, 7);
    assert_eq!(scene.updates(&updates).await.messages, 0, "the same batch again changes nothing");
    scene.clock.advance(TimeDelta::seconds(61));
    let rows = scene.claim_rows().await;
    let texts: Vec<_> = rows.iter().map(|row| row.message.text.text.as_str()).collect();
    assert_eq!(texts, ["best", "message 13"]);
}
