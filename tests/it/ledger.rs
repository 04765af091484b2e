//! The ledger alone, for tests of its rules: a tenant with one account on each platform and one pair between them, on a
//! real PostgreSQL.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::{
    AccountId, ChatFacts, ChatId, ChatKind, Clock as _, CopyMode, Email, FixedClock, Message, PairId, Platform,
    RichText, Update, UserId, rules::RuleBook,
};
use store::{
    deliveries::{self, Claim, Claimed, Drainer, Fence, SentPart, Settlement},
    ingest::{Ingested, Patience, Reader},
    leases, pairs,
    seal::Sealer,
};

use crate::harness;

pub const SOURCE: ChatId = ChatId::new(-1_001);
pub const DESTINATION: ChatId = ChatId::new(77);
pub const DRAINER: Drainer<'static> = Drainer { host: "w1", task_token: Some(b"drain") };

pub fn clock() -> FixedClock {
    FixedClock::at(DateTime::<Utc>::from_timestamp(1_790_000_000, 0).unwrap())
}

/// A tenant with one account on each platform and one pair between them.
pub struct Scene {
    pub clock: FixedClock,
    pub pool: store::PgPool,
    pub database: sqlx::pool::PoolConnection<store::Postgres>,
    pub user: UserId,
    pub reader: AccountId,
    pub writer: AccountId,
    pub pair: PairId,
    pub fence: Fence,
}

pub async fn scene(delay_seconds: i32) -> Scene {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let mut database = pool.acquire().await.unwrap();
    let clock = clock();
    let (user, now) = (UserId::new(&clock), clock.now());
    let email = Email::parse(&format!("{user}@example.org")).unwrap();
    store::users::insert(&mut database, user, &email, "hash", now).await.unwrap();
    let (reader, writer) = (AccountId::new(&clock), AccountId::new(&clock));
    store::accounts::insert(&mut database, user, reader, Platform::Telegram, Some("+1"), now).await.unwrap();
    store::accounts::insert(&mut database, user, writer, Platform::Discord, None, now).await.unwrap();
    for (account, platform, chat) in [(reader, Platform::Telegram, SOURCE), (writer, Platform::Discord, DESTINATION)] {
        store::chats::upsert(&mut database, account, &[facts(platform, chat)], now).await.unwrap();
    }
    let pair = PairId::new(&clock);
    pairs::insert(&mut database, user, &new_pair(pair, reader, writer, delay_seconds), now).await.unwrap();
    let lease = leases::take(&mut database, writer, "w1", b"host", now).await.unwrap().unwrap();
    let begun = deliveries::begin_drain(&mut database, pair, writer, lease.epoch, DRAINER).await.unwrap().unwrap();
    let fence = begun.fence;
    Scene { clock, pool, database, user, reader, writer, pair, fence }
}

pub fn new_pair(id: PairId, reader: AccountId, writer: AccountId, delay_seconds: i32) -> pairs::NewPair<'static> {
    pairs::NewPair {
        id,
        name: "news",
        source_account: reader,
        source_chat: SOURCE,
        source_topic: None,
        source_start_id: 10,
        destination_account: writer,
        destination_chat: DESTINATION,
        destination_topic: None,
        mode: CopyMode::Copy,
        delay_seconds,
        silent: false,
        options: None,
    }
}

pub fn facts(platform: Platform, id: ChatId) -> ChatFacts {
    ChatFacts {
        id,
        platform,
        kind: ChatKind::Channel,
        title: "news".into(),
        guild_id: None,
        guild_name: None,
        username: None,
        file_bytes_max: None,
        can_read: true,
        can_write: true,
        last_message_id: 10,
    }
}

/// The keys of the ledger's tests.
pub fn sealer() -> &'static Sealer {
    static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
        Sealer::parse(&"k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".into()).expect("the key is good")
    });
    &SEALER
}

/// A reader on `host` that misses nothing.
pub fn reader<'a>(account: AccountId, platform: Platform, host: &'a str, rules: &'a RuleBook) -> Reader<'a> {
    Reader { account, platform, host, rules, sealer: sealer(), gaps: &[] }
}

pub fn message(id: i64, now: DateTime<Utc>) -> Message {
    Message { text: RichText::plain(format!("message {id}")), ..Message::new(SOURCE, id, now) }
}

impl Scene {
    /// One more pair from the same source, to another chat.
    pub async fn another_pair(&mut self, chat: i64) -> PairId {
        let (id, now) = (PairId::new(&self.clock), self.clock.now());
        let pair = new_pair(id, self.reader, self.writer, 0);
        let pair = pairs::NewPair { destination_chat: ChatId::new(chat), ..pair };
        pairs::insert(&mut self.database, self.user, &pair, now).await.unwrap();
        id
    }

    pub async fn ingest(&mut self, messages: &[Message]) -> Ingested {
        let updates: Vec<Update> = messages.iter().cloned().map(Update::Posted).collect();
        self.updates(&updates).await
    }

    pub async fn updates(&mut self, updates: &[Update]) -> Ingested {
        let rules = RuleBook::default();
        let reader = reader(self.reader, Platform::Telegram, "w1", &rules);
        store::ingest::ingest(&mut self.database, &self.clock, reader, updates, Patience::Wait).await.unwrap()
    }

    pub async fn ingest_ids(&mut self, ids: &[i64]) -> Ingested {
        let messages: Vec<Message> = ids.iter().map(|id| message(*id, self.clock.now())).collect();
        self.ingest(&messages).await
    }

    pub async fn claim(&mut self) -> Claim {
        deliveries::claim(&mut self.database, sealer(), self.fence, self.clock.now(), 0, 20).await.unwrap()
    }

    pub async fn claim_rows(&mut self) -> Vec<Claimed> {
        match self.claim().await {
            Claim::Rows(rows) => rows,
            other => panic!("expected rows, found {other:?}"),
        }
    }

    pub async fn settle_sent(&mut self, seq: i64, message_id: i64) {
        let sent = [SentPart::new(0, self.writer, DESTINATION, message_id, 0)];
        let settlement = Settlement::Sent(&sent);
        deliveries::settle(&mut self.database, sealer(), self.pair, seq, settlement, self.clock.now()).await.unwrap();
    }

    pub async fn list(&mut self) -> Vec<deliveries::Delivery> {
        deliveries::list(&mut self.database, self.user, self.pair, &deliveries::Page::default(), 50).await.unwrap()
    }
}

pub fn ids(rows: &[Claimed]) -> Vec<i64> {
    rows.iter().map(|row| row.message.message_id).collect()
}
