//! The ledger's rules for what pairs have written themselves: carried on, never in a circle, and not before it is known.

use domain::{AccountId, ChatId, Clock as _, DeliveryState, Message, PairId, Platform, Update};
use store::{
    deliveries::{self, Claim, Settlement},
    ingest::{Ingested, Patience},
    pairs,
};

use crate::ledger::{DESTINATION, SOURCE, Scene, message, new_pair, reader, scene, sealer};

const THIRD: ChatId = ChatId::new(-1_000_000_000_333);

impl Scene {
    /// A pair of the same tenant between other chats.
    async fn route(&mut self, from: (AccountId, ChatId), to: (AccountId, ChatId)) -> PairId {
        let id = PairId::new(&self.clock);
        let mut pair = new_pair(id, from.0, to.0, 0);
        (pair.source_chat, pair.destination_chat) = (from.1, to.1);
        pairs::insert(&mut self.database, self.user, &pair, self.clock.now()).await.unwrap();
        id
    }

    /// What `account` reads on Discord, on worker `host`.
    async fn read_discord(&mut self, message: Message, host: &str, patience: Patience) -> Ingested {
        let rules = domain::rules::RuleBook::default();
        let reader = reader(self.writer, Platform::Discord, host, &rules);
        let updates = [Update::Posted(message)];
        store::ingest::ingest(&mut self.database, &self.clock, reader, &updates, patience).await.unwrap()
    }

    async fn only(&mut self, pair: PairId) -> deliveries::Delivery {
        let mut listed =
            deliveries::list(&mut self.database, self.user, pair, &deliveries::Page::default(), 10).await.unwrap();
        assert_eq!(listed.len(), 1, "{listed:?}");
        listed.remove(0)
    }
}

#[tokio::test]
async fn what_a_pair_wrote_is_carried_on_but_not_back() {
    let mut scene = scene(0).await;
    let (reader, writer) = (scene.reader, scene.writer);
    let on = scene.route((writer, DESTINATION), (reader, THIRD)).await;
    let back = scene.route((writer, DESTINATION), (reader, SOURCE)).await;
    scene.ingest_ids(&[11]).await;
    let seq = scene.claim_rows().await[0].seq;
    scene.settle_sent(seq, 500).await;
    let echo = Message { chat: DESTINATION, outgoing: true, ..message(500, scene.clock.now()) };
    scene.read_discord(echo, "w1", Patience::Wait).await;
    assert_eq!(scene.only(on).await.state, DeliveryState::Pending);
    let refused = scene.only(back).await;
    let path = "it has been at Telegram chat -1001 already: Telegram chat -1001 → Discord chat 77";
    assert_eq!((refused.reason_code.as_deref(), refused.reason.as_deref()), (Some("loop_guard"), Some(path)));
    // One step further, read from the ledger alone: the way is known to its beginning.
    let lease = store::leases::take(&mut scene.database, reader, "w1", b"t", scene.clock.now()).await.unwrap().unwrap();
    let fence = deliveries::begin_drain(&mut scene.database, on, reader, lease.epoch, crate::ledger::DRAINER).await;
    let now = scene.clock.now();
    let fence = fence.unwrap().unwrap().fence;
    let claim = deliveries::claim(&mut scene.database, sealer(), fence, now, 0, 1).await.unwrap();
    let Claim::Rows(rows) = claim else { panic!("expected a row, found {claim:?}") };
    let sent = [deliveries::SentPart::new(0, reader, THIRD, 900, 500)];
    deliveries::settle(&mut scene.database, sealer(), on, rows[0].seq, Settlement::Sent(&sent), now).await.unwrap();
    let home = scene.route((reader, THIRD), (reader, SOURCE)).await;
    let far = scene.route((reader, THIRD), (reader, ChatId::new(-1_000_000_000_444))).await;
    let echo = Message { chat: THIRD, ..message(900, now) };
    scene.updates(&[Update::Posted(echo)]).await;
    let refused = scene.only(home).await;
    assert!(
        refused.reason.is_some_and(|reason| reason.ends_with("-1001 → Discord chat 77 → Telegram chat -1000000000333"))
    );
    assert_eq!(scene.only(far).await.state, DeliveryState::Pending);
}

#[tokio::test]
async fn a_bots_message_that_nobody_knows_is_not_carried() {
    let mut scene = scene(0).await;
    let (reader, writer) = (scene.reader, scene.writer);
    let on = scene.route((writer, DESTINATION), (reader, THIRD)).await;
    let unknown = Message { chat: DESTINATION, outgoing: true, ..message(500, scene.clock.now()) };
    scene.read_discord(unknown, "w1", Patience::Wait).await;
    assert_eq!(scene.only(on).await.reason_code.as_deref(), Some("own_message"));
}

#[tokio::test]
async fn an_ingest_waits_for_a_send_of_another_worker() {
    let mut scene = scene(0).await;
    let (reader, writer) = (scene.reader, scene.writer);
    let on = scene.route((writer, DESTINATION), (reader, THIRD)).await;
    scene.ingest_ids(&[11]).await;
    let seq = scene.claim_rows().await[0].seq;
    let echo = Message { chat: DESTINATION, outgoing: true, ..message(500, scene.clock.now()) };
    // The drain is on "w1": there the gate keeps the order, elsewhere the ledger does.
    let waits = scene.read_discord(echo.clone(), "w2", Patience::Wait).await;
    assert_eq!((waits.unsettled.as_slice(), waits.messages), (&[(scene.pair, seq)][..], 0));
    let still = store::ingest::still_unsettled(&mut scene.database, &waits.unsettled).await.unwrap();
    assert_eq!(still, waits.unsettled);
    scene.settle_sent(seq, 500).await;
    assert!(store::ingest::still_unsettled(&mut scene.database, &waits.unsettled).await.unwrap().is_empty());
    assert_eq!(scene.read_discord(echo, "w2", Patience::Wait).await.messages, 1);
    assert_eq!(scene.only(on).await.state, DeliveryState::Pending);
}

#[tokio::test]
async fn a_person_who_signs_is_not_waited_for() {
    let mut scene = scene(0).await;
    let (reader, writer) = (scene.reader, scene.writer);
    scene.route((writer, DESTINATION), (reader, THIRD)).await;
    scene.ingest_ids(&[11]).await;
    scene.claim_rows().await;
    let author = domain::Author { id: 5, name: "Ada".into(), username: None, bot: false, avatar: None };
    let signed = Message { chat: DESTINATION, author: Some(author), ..message(501, scene.clock.now()) };
    let done = scene.read_discord(signed.clone(), "w2", Patience::Wait).await;
    assert_eq!((done.messages, done.deliveries), (1, 1));
    let unsigned = Message { author: None, message_id: 502, ..signed };
    let done = scene.read_discord(unsigned.clone(), "w2", Patience::Wait).await;
    assert_eq!((done.messages, done.unsettled.len()), (0, 1));
    assert_eq!(scene.read_discord(unsigned, "w2", Patience::Over).await.messages, 1, "the wait is bounded");
}

#[tokio::test]
async fn a_pair_of_one_topic_reads_that_topic_and_a_channel_its_threads() {
    let mut scene = scene(0).await;
    let (reader, writer, now) = (scene.reader, scene.writer, scene.clock.now());
    let topical = PairId::new(&scene.clock);
    let mut pair = new_pair(topical, reader, writer, 0);
    (pair.source_topic, pair.destination_chat) = (Some(5), ChatId::new(78));
    pairs::insert(&mut scene.database, scene.user, &pair, now).await.unwrap();
    let twin = PairId::new(&scene.clock);
    let again = pairs::NewPair { id: twin, ..pair.clone() };
    let refused = pairs::insert(&mut scene.database, scene.user, &again, now).await;
    assert!(refused.is_err(), "the topic is part of the route");
    let in_topic = |id, topic| Message { topic, ..message(id, now) };
    let ingested = scene.ingest(&[in_topic(11, None), in_topic(12, Some(5)), in_topic(13, Some(6))]).await;
    assert_eq!((ingested.messages, ingested.deliveries), (3, 4), "one pair reads the chat, one reads topic 5");
    let found = scene.only(topical).await;
    assert_eq!((found.source_message_id, found.state), (12, DeliveryState::Pending));
    // A thread hangs under the chat that a pair reads; its row is made with its first message.
    let thread = ChatId::new(-4_004);
    let in_thread =
        Message { chat: thread, parent: Some(SOURCE), thread_title: Some("plans".into()), ..message(14, now) };
    assert_eq!(scene.ingest(&[in_thread]).await.deliveries, 1);
    let sources = store::chats::sources(&mut scene.database, reader).await.unwrap();
    let cursors: Vec<_> = sources.iter().map(|source| (source.chat, source.cursor)).collect();
    assert_eq!(cursors, [(thread, 14), (SOURCE, 13)]);
}
