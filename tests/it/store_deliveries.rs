//! The rules of ingest, claim and settlement, against a real PostgreSQL.

use std::collections::HashSet;

use chrono::TimeDelta;
use domain::{ChatId, Clock as _, DeliveryState, Message, PairId, Platform, Update, UserId};
use store::{
    StoreError,
    deliveries::{self, Claim, Claimed, SentDelivery, SentPart, Settlement},
    ingest::{Patience, Wake, read_chats},
    leases::{self, Tenure},
    pairs,
};

use crate::ledger::{DESTINATION, DRAINER, SOURCE, ids, message, new_pair, reader, scene, sealer};

#[tokio::test]
async fn a_message_ingested_twice_is_delivered_once() {
    let mut scene = scene(0).await;
    let first = scene.ingest_ids(&[11, 12]).await;
    assert_eq!((first.messages, first.deliveries), (2, 2));
    assert_eq!(first.wakes, [Wake { pair: scene.pair, user: scene.user, signal: true }]);
    let again = scene.ingest_ids(&[11, 12, 13]).await;
    assert_eq!((again.messages, again.deliveries), (1, 1));
    assert!(!again.wakes[0].signal, "one wake is outstanding already");
    assert_eq!(ids(&scene.claim_rows().await), [11, 12, 13]);
}

#[tokio::test]
async fn messages_older_than_the_pair_and_of_other_chats_are_not_kept() {
    let mut scene = scene(0).await;
    let other = Message { chat: ChatId::new(-5), ..message(99, scene.clock.now()) };
    let old = message(10, scene.clock.now());
    let ingested = scene.ingest(&[old, other]).await;
    assert_eq!((ingested.messages, ingested.deliveries), (0, 0));
    assert!(matches!(scene.claim().await, Claim::Empty));
}

#[tokio::test]
async fn the_head_blocks_its_successors_until_it_is_due() {
    let mut scene = scene(60).await;
    scene.ingest_ids(&[11]).await;
    let due = scene.clock.now() + TimeDelta::seconds(60);
    let change = pairs::PairChange { delay_seconds: Some(0), ..Default::default() };
    let now = scene.clock.now();
    pairs::update(&mut scene.database, scene.user, scene.pair, &change, now).await.unwrap();
    scene.ingest_ids(&[12]).await;
    assert!(matches!(scene.claim().await, Claim::NotDue(at) if at == due));
    scene.clock.advance(TimeDelta::seconds(61));
    assert_eq!(ids(&scene.claim_rows().await), [11, 12]);
}

#[tokio::test]
async fn an_older_drain_and_an_older_lease_can_claim_nothing() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let epoch = scene.fence.epoch;
    let younger =
        deliveries::begin_drain(&mut scene.database, scene.pair, scene.writer, epoch, DRAINER).await.unwrap().unwrap();
    assert!(matches!(scene.claim().await, Claim::Lost));
    scene.fence = younger.fence;
    assert_eq!(scene.claim_rows().await.len(), 1);
    let now = scene.clock.now();
    let lease = leases::take(&mut scene.database, scene.writer, "w2", b"t2", now).await.unwrap().unwrap();
    assert!(matches!(scene.claim().await, Claim::Lost), "the account has moved");
    let stale = deliveries::begin_drain(&mut scene.database, scene.pair, scene.writer, epoch, DRAINER).await.unwrap();
    assert_eq!(stale, None);
    let fresh =
        deliveries::begin_drain(&mut scene.database, scene.pair, scene.writer, lease.epoch, DRAINER).await.unwrap();
    assert!(fresh.is_some());
}

#[tokio::test]
async fn a_revoked_lease_is_nobodys_until_it_is_taken() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let lease = leases::Lease { account: scene.writer, epoch: scene.fence.epoch };
    assert_eq!(leases::tenure(&mut scene.database, lease).await.unwrap(), Tenure::Held);
    for _ in 0..2 {
        leases::revoke(&mut scene.database, scene.writer).await.unwrap();
        assert_eq!(leases::tenure(&mut scene.database, lease).await.unwrap(), Tenure::Revoked);
    }
    assert!(matches!(scene.claim().await, Claim::Lost), "what writes under it is over");
    let now = scene.clock.now();
    let next = leases::take(&mut scene.database, scene.writer, "w2", b"t2", now).await.unwrap().unwrap();
    assert_eq!(leases::tenure(&mut scene.database, lease).await.unwrap(), Tenure::Lost);
    assert_eq!(leases::tenure(&mut scene.database, next).await.unwrap(), Tenure::Held);
    // What the former host gives back is not its own any more.
    leases::release(&mut scene.database, lease).await.unwrap();
    assert_eq!(leases::host_of(&mut scene.database, scene.writer).await.unwrap().as_deref(), Some("w2"));
}

#[tokio::test]
async fn a_claim_that_crashed_is_claimed_again_with_its_first_attempt_and_its_sent_parts() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let first = scene.claim_rows().await.remove(0);
    let sent = [SentPart::new(0, scene.writer, DESTINATION, 500, 11)];
    let at = scene.clock.now();
    for _ in 0..2 {
        deliveries::record_parts(&mut scene.database, sealer(), scene.pair, first.seq, &sent, at).await.unwrap();
    }
    scene.clock.advance(TimeDelta::seconds(90));
    let second = scene.claim_rows().await.remove(0);
    assert_eq!((second.attempts, second.first_attempt_at), (2, Some(at)));
    assert_eq!(second.sent_parts, [(0, 500)]);
}

#[tokio::test]
async fn settling_twice_is_the_same_as_once_and_leaves_one_row_of_history() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let seq = scene.claim_rows().await[0].seq;
    scene.settle_sent(seq, 500).await;
    scene.settle_sent(seq, 501).await;
    let dead = Settlement::Dead { code: "late", text: "too late" };
    let now = scene.clock.now();
    deliveries::settle(&mut scene.database, sealer(), scene.pair, seq, dead, now).await.unwrap();
    let delivery = scene.list().await.remove(0);
    assert_eq!((delivery.state, delivery.destination_message_ids), (DeliveryState::Sent, vec![500]));
    let kinds: Vec<_> = delivery.steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(kinds, ["received", "sent"]);
}

#[tokio::test]
async fn a_batch_settles_at_once_and_a_claim_passes_what_is_not_on_record_yet() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11, 12]).await;
    let rows = scene.claim_rows().await;
    scene.ingest_ids(&[13]).await;
    let now = scene.clock.now();
    let behind = deliveries::claim(&mut scene.database, sealer(), scene.fence, now, rows[1].seq, 20).await.unwrap();
    assert!(matches!(&behind, Claim::Rows(rows) if ids(rows) == [13]), "{behind:?}");
    let part = |row: &Claimed| SentPart::new(0, scene.writer, DESTINATION, 500 + row.seq, row.message.message_id);
    let sent: Vec<_> = rows.iter().map(|row| SentDelivery { seq: row.seq, at: now, parts: vec![part(row)] }).collect();
    for _ in 0..2 {
        deliveries::settle_sent(&mut scene.database, sealer(), scene.pair, &sent).await.unwrap();
    }
    let listed = scene.list().await;
    let states: Vec<_> = listed.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Sending, DeliveryState::Sent, DeliveryState::Sent]);
    for delivery in &listed[1..] {
        assert_eq!(delivery.destination_message_ids, [500 + delivery.seq]);
        let kinds: Vec<_> = delivery.steps.iter().map(|step| step.kind.as_str()).collect();
        assert_eq!(kinds, ["received", "sent"]);
    }
}

#[tokio::test]
async fn a_delivery_put_back_keeps_its_place_and_says_why() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11, 12]).await;
    let rows = scene.claim_rows().await;
    let now = scene.clock.now();
    let reason = ("flood_wait", "wait 30 s");
    deliveries::put_back(&mut scene.database, scene.pair, rows[0].seq, true, reason, now).await.unwrap();
    deliveries::unclaim(&mut scene.database, scene.pair, &[rows[1].seq]).await.unwrap();
    let listed = scene.list().await;
    assert!(listed.iter().all(|delivery| delivery.state == DeliveryState::Pending));
    assert_eq!(listed[1].reason_code.as_deref(), Some("flood_wait"));
    let again = scene.claim_rows().await;
    assert_eq!(ids(&again), [11, 12]);
    assert_eq!(again[1].attempts, 1, "what was not begun does not count as an attempt");
}

#[tokio::test]
async fn what_we_wrote_is_not_carried_on() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let seq = scene.claim_rows().await[0].seq;
    scene.settle_sent(seq, 500).await;
    // The destination is the source of another pair, read by its own account.
    let back = PairId::new(&scene.clock);
    let mut reverse = new_pair(back, scene.writer, scene.reader, 0);
    (reverse.source_chat, reverse.destination_chat) = (DESTINATION, SOURCE);
    let now = scene.clock.now();
    pairs::insert(&mut scene.database, scene.user, &reverse, now).await.unwrap();
    let echo = Message { chat: DESTINATION, ..message(500, now) };
    let other = Message { chat: DESTINATION, ..message(501, now) };
    let rules = domain::rules::RuleBook::default();
    let reader = reader(scene.writer, Platform::Discord, "w1", &rules);
    let updates = [Update::Posted(echo), Update::Posted(other)];
    let database = &mut scene.database;
    let ingested = store::ingest::ingest(database, &scene.clock, reader, &updates, Patience::Wait).await.unwrap();
    assert_eq!((ingested.messages, ingested.deliveries), (2, 1));
    let listed =
        deliveries::list(&mut scene.database, scene.user, back, &deliveries::Page::default(), 50).await.unwrap();
    assert_eq!(listed[1].state, DeliveryState::Skipped);
    assert_eq!(listed[1].reason_code.as_deref(), Some("loop_guard"));
    assert_eq!(listed[0].state, DeliveryState::Pending);
}

#[tokio::test]
async fn a_reply_finds_its_counterpart_at_the_destination() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let seq = scene.claim_rows().await[0].seq;
    let pair = store::pairs::load(&mut scene.database, scene.pair).await.unwrap().unwrap();
    let counterpart = deliveries::counterpart(&mut scene.database, &pair, SOURCE, 11).await.unwrap();
    assert_eq!(counterpart, None);
    scene.settle_sent(seq, 500).await;
    let counterpart = deliveries::counterpart(&mut scene.database, &pair, SOURCE, 11).await.unwrap();
    assert_eq!(counterpart.map(|found| found.message_id), Some(500));
}

#[tokio::test]
async fn a_wake_is_signalled_once_until_it_is_acknowledged() {
    let mut scene = scene(0).await;
    assert!(scene.ingest_ids(&[11]).await.wakes[0].signal);
    assert!(!scene.ingest_ids(&[12]).await.wakes[0].signal);
    deliveries::acknowledge_wake(&mut scene.database, scene.pair).await.unwrap();
    assert!(scene.ingest_ids(&[13]).await.wakes[0].signal);
}

#[tokio::test]
async fn a_paused_pair_gives_nothing_out() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let now = scene.clock.now();
    pairs::set_paused(&mut scene.database, scene.user, scene.pair, true, now).await.unwrap();
    assert!(matches!(scene.claim().await, Claim::Lost));
}

#[tokio::test]
async fn rows_of_another_tenant_are_not_there() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let stranger = UserId::new(&scene.clock);
    let (pair, reader, now) = (scene.pair, scene.reader, scene.clock.now());
    let database = &mut scene.database;
    assert!(pairs::find(database, stranger, pair).await.unwrap().is_none());
    assert!(store::accounts::find(database, stranger, reader).await.unwrap().is_none());
    assert!(deliveries::list(database, stranger, pair, &deliveries::Page::default(), 50).await.unwrap().is_empty());
    assert!(!pairs::set_paused(database, stranger, pair, true, now).await.unwrap());
    assert!(!pairs::delete(database, stranger, pair, now).await.unwrap());
    assert!(pairs::list(database, stranger).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_chat_is_read_by_the_accounts_of_pairs_that_are_there() {
    let mut scene = scene(0).await;
    let chats = [SOURCE, DESTINATION];
    let read = read_chats(&mut scene.database, scene.reader, &chats).await.unwrap();
    assert_eq!(read, HashSet::from([SOURCE]), "what is written to is not read by that");
    assert!(read_chats(&mut scene.database, scene.writer, &chats).await.unwrap().is_empty(), "of another account");
    let now = scene.clock.now();
    pairs::set_paused(&mut scene.database, scene.user, scene.pair, true, now).await.unwrap();
    let read = read_chats(&mut scene.database, scene.reader, &chats).await.unwrap();
    assert_eq!(read, HashSet::from([SOURCE]), "what comes during a pause waits");
    pairs::delete(&mut scene.database, scene.user, scene.pair, now).await.unwrap();
    assert!(read_chats(&mut scene.database, scene.reader, &chats).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_route_cannot_be_made_twice_but_can_be_made_again_after_deletion() {
    let mut scene = scene(0).await;
    let twin = new_pair(PairId::new(&scene.clock), scene.reader, scene.writer, 0);
    let now = scene.clock.now();
    let refused = pairs::insert(&mut scene.database, scene.user, &twin, now).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { constraint } if constraint == "pairs_route_key"));
    assert!(pairs::delete(&mut scene.database, scene.user, scene.pair, now).await.unwrap());
    assert!(!pairs::delete(&mut scene.database, scene.user, scene.pair, now).await.unwrap());
    pairs::insert(&mut scene.database, scene.user, &twin, now).await.unwrap();
}
