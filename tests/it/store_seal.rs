//! Sealed columns on a real PostgreSQL: what a row holds opens in that row only, and rows from before the sealing are
//! read.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::{Clock as _, Media, MediaId, MediaKind, Message, message::MediaSource};
use secrecy::{ExposeSecret as _, SecretString};
use store::{
    StoreError,
    accounts::{self, SecretColumn},
    avatars::{self, Portrait},
    deliveries::{self, SentPart, Settlement},
    media::{chunks, links},
    rules,
    seal::{
        SealError, Sealer,
        columns::{NOT_SEALED, SEALED},
        reseal,
    },
    threads,
};

use crate::ledger::{DESTINATION, SOURCE, Scene, message, scene, sealer};

pub const OLD: &str = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
pub const NEW: &str = "k2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

pub fn keys(list: &[&str]) -> Sealer {
    Sealer::parse(&list.join(",").into()).unwrap()
}

/// Seals all columns anew, and returns how many values were and how many are left.
pub async fn reseal_all(scene: &Scene, sealer: &Sealer) -> (usize, i64) {
    let (mut resealed, mut left) = (0, 0);
    for column in SEALED {
        let done = reseal::column(&scene.pool, sealer, column, |_| ()).await.unwrap();
        assert_eq!(done.unopened, 0, "{column:?}");
        resealed += done.resealed;
        left += reseal::survey(&scene.pool, column).await.unwrap().left(sealer);
    }
    (resealed, left)
}

/// A row in each sealed column, all written as the product writes them.
pub struct Filled {
    media: MediaId,
    portrait: MediaId,
}

pub async fn fill(scene: &mut Scene) -> Filled {
    let (now, sealer) = (scene.clock.now(), sealer());
    for (column, text) in [(SecretColumn::Secret, "session"), (SecretColumn::Login, "code hash")] {
        let plain = SecretString::from(text);
        accounts::set_secret(&mut scene.database, sealer, scene.reader, column, Some(&plain)).await.unwrap();
    }
    let source = MediaSource::TelegramMessage { chat: SOURCE, message_id: 11 };
    let photo = Media::new(MediaKind::Photo, "a.png".into(), "image/png".into(), 6, source);
    let with_photo = Message { media: vec![photo], topic: Some(5), ..message(11, now) };
    scene.ingest(&[with_photo, message(12, now)]).await;
    let pending = store::media::pending(&mut scene.database, sealer, scene.reader, now, &[], 10).await.unwrap();
    let media = pending[0].id;
    for (place, piece, stored) in [(0, b"png", 3), (1, b"gnp", 6)] {
        assert!(chunks::write(&mut scene.database, sealer, media, place, piece, stored).await.unwrap());
    }
    let until = Some(now + TimeDelta::days(1));
    assert!(
        chunks::complete(&mut scene.database, media, 6, until).await.unwrap(),
        "its size is that of what was sealed"
    );
    let portrait = Portrait { photo_id: 1, person: 2, chat: SOURCE, message_id: 11 };
    let new = MediaId::new(&scene.clock);
    let portrait = avatars::want(&mut scene.database, scene.reader, portrait, new, now).await.unwrap().id;
    avatars::complete(&mut scene.database, sealer, portrait, b"face").await.unwrap();
    threads::intend(&mut scene.database, sealer, (scene.pair, 5), "plans", now).await.unwrap();
    let rows = scene.claim_rows().await;
    let part = SentPart {
        text_digest: Some("0a".into()),
        media_digest: Some("0b,0c".into()),
        ..SentPart::new(0, scene.writer, DESTINATION, 500, 11)
    };
    let sent = Settlement::Sent(std::slice::from_ref(&part));
    deliveries::settle(&mut scene.database, sealer, scene.pair, rows[0].seq, sent, now).await.unwrap();
    Filled { media, portrait }
}

/// Everything that [`fill`] has written reads as it was written.
pub async fn reads_as_written(scene: &mut Scene, sealer: &Sealer, filled: &Filled) {
    let now = scene.clock.now();
    let database = &mut scene.database;
    for (column, text) in [(SecretColumn::Secret, "session"), (SecretColumn::Login, "code hash")] {
        let secret = accounts::secret(database, sealer, scene.reader, column).await.unwrap().unwrap();
        assert_eq!(secret.expose_secret(), text);
    }
    let received = rules::received_message(database, sealer, scene.user, scene.pair, 12).await.unwrap().unwrap();
    assert_eq!(received.text.text, "message 12");
    let reading = store::why::reading(database, sealer, scene.user, scene.reader, SOURCE, 11).await.unwrap().unwrap();
    assert_eq!(reading.message.and_then(|message| message.topic), Some(5));
    let linked = links::linked(database, sealer, filled.media).await.unwrap().unwrap();
    assert_eq!((linked.file_name.as_str(), linked.mime.as_str()), ("a.png", "image/png"));
    for (place, piece) in [(0, b"png"), (1, b"gnp")] {
        assert_eq!(chunks::read(database, sealer, filled.media, place).await.unwrap().as_deref(), Some(&piece[..]));
    }
    assert_eq!(avatars::read(database, sealer, filled.portrait).await.unwrap().as_deref(), Some(&b"face"[..]));
    let intent = threads::intend(database, sealer, (scene.pair, 5), "another name", now).await.unwrap();
    assert_eq!((intent.title.as_str(), intent.again), ("plans", true));
    let standing = deliveries::standing(database, sealer, scene.pair, 1).await.unwrap();
    assert_eq!(standing[0].part.text_digest.as_deref(), Some("0a"));
    assert_eq!(standing[0].part.media_digest.as_deref(), Some("0b,0c"));
}

/// The rows of [`fill`] as versions before the sealing have written them.
const IN_CLEAR: [&str; 5] = [
    "UPDATE source_messages s SET content = $1::jsonb -> s.message_id::text, sealed_content = NULL, topic = NULL",
    "UPDATE media_chunks SET sealed = false, bytes = CASE place WHEN 0 THEN 'png'::bytea ELSE 'gnp'::bytea END
     WHERE $1::text IS NOT NULL",
    "UPDATE avatars SET sealed = false, bytes = 'face'::bytea WHERE $1::text IS NOT NULL",
    "UPDATE destination_messages SET shown = NULL, text_digest = '0a', media_digest = '0b,0c' WHERE $1::text IS NOT NULL",
    "UPDATE pair_threads SET sealed_title = NULL, title = 'plans' WHERE $1::text IS NOT NULL",
];

async fn put_in_clear(scene: &mut Scene) {
    let mut contents = serde_json::Map::new();
    for id in [11, 12] {
        let message = rules::received_message(&mut scene.database, sealer(), scene.user, scene.pair, id).await;
        contents.insert(id.to_string(), serde_json::to_value(message.unwrap().unwrap()).unwrap());
    }
    let contents = serde_json::Value::Object(contents).to_string();
    for sql in IN_CLEAR {
        let done = sqlx::query(sql).bind(&contents).execute(&mut *scene.database).await.unwrap();
        assert!(done.rows_affected() > 0, "{sql}");
    }
}

#[tokio::test]
async fn every_column_of_bytes_is_sealed_or_says_why_not() {
    let scene = scene(0).await;
    let columns = "SELECT table_name::text, column_name::text FROM information_schema.columns
                   WHERE table_schema = 'public' AND data_type = 'bytea'";
    let schema: Vec<(String, String)> = sqlx::query_as(columns).fetch_all(&scene.pool).await.unwrap();
    let schema: BTreeSet<(&str, &str)> = schema.iter().map(|(table, column)| (&**table, &**column)).collect();
    let sealed = SEALED.iter().map(|one| (one.table, one.column));
    let plain = NOT_SEALED.iter().map(|(table, column, _)| (*table, *column));
    let listed: BTreeSet<(&str, &str)> = sealed.chain(plain).collect();
    assert_eq!(listed, schema, "each column of bytes belongs into one of the lists of store/src/seal/columns.rs");
    assert_eq!(listed.len(), SEALED.len() + NOT_SEALED.len(), "and into one of them only");
    let keys = "SELECT c.relname::text, array_agg(a.attname::text ORDER BY k.place)
                FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
                WHERE i.indisprimary GROUP BY 1";
    let keys: Vec<(String, Vec<String>)> = sqlx::query_as(keys).fetch_all(&scene.pool).await.unwrap();
    for one in SEALED {
        let named: Vec<&str> = one.key.iter().map(|(name, _)| *name).collect();
        let primary = keys.iter().find(|(table, _)| table == one.table).map(|(_, columns)| columns);
        assert_eq!(primary.unwrap(), &named, "{}", one.table);
    }
}

#[tokio::test]
async fn rows_from_before_the_sealing_are_read_and_sealed() {
    let mut scene = scene(0).await;
    let filled = fill(&mut scene).await;
    assert_eq!(reseal_all(&scene, sealer()).await, (0, 0), "what is written now is sealed");
    reads_as_written(&mut scene, sealer(), &filled).await;
    put_in_clear(&mut scene).await;
    reads_as_written(&mut scene, sealer(), &filled).await;
    for (table, clear) in [("source_messages", 2), ("media_chunks", 2), ("avatars", 1), ("pair_threads", 1)] {
        let column = SEALED.iter().find(|one| one.table == table).unwrap();
        assert_eq!(reseal::survey(&scene.pool, column).await.unwrap().clear, clear, "{table}");
    }
    assert_eq!(reseal_all(&scene, sealer()).await, (7, 0));
    reads_as_written(&mut scene, sealer(), &filled).await;
    assert_eq!(reseal_all(&scene, sealer()).await, (0, 0), "twice is the same as once");
    let topic: Option<i64> = sqlx::query_scalar("SELECT topic FROM source_messages WHERE message_id = 11")
        .fetch_one(&scene.pool)
        .await
        .unwrap();
    assert_eq!(topic, Some(5), "what questions need of the content is there");
}

#[tokio::test]
async fn all_columns_come_under_the_new_key() {
    let mut scene = scene(0).await;
    let filled = fill(&mut scene).await;
    let both = keys(&[NEW, OLD]);
    let (resealed, left) = reseal_all(&scene, &both).await;
    assert_eq!((resealed, left), (9, 0), "two secrets, two messages, two pieces, a picture, a part, a title");
    reads_as_written(&mut scene, &keys(&[NEW]), &filled).await;
    assert_eq!(reseal_all(&scene, &both).await, (0, 0), "twice is the same as once");
    for column in SEALED {
        let survey = reseal::survey(&scene.pool, column).await.unwrap();
        assert!(survey.sealed.iter().all(|(id, _)| id == "k2") && survey.clear == 0, "{column:?}: {survey}");
    }
    let lost = rules::received_message(&mut scene.database, sealer(), scene.user, scene.pair, 12).await;
    assert!(matches!(lost, Err(StoreError::Seal(SealError::UnknownKey(id))) if id == "k2"));
}

#[tokio::test]
async fn a_value_that_no_key_opens_is_told_and_left_alone() {
    let mut scene = scene(0).await;
    fill(&mut scene).await;
    let column = SEALED.iter().find(|one| (one.table, one.column) == ("accounts", "secret")).unwrap();
    let stranger = keys(&[NEW]);
    let done = reseal::column(&scene.pool, &stranger, column, |_| ()).await.unwrap();
    assert_eq!((done.resealed, done.unopened), (0, 1));
    let survey = reseal::survey(&scene.pool, column).await.unwrap();
    assert_eq!((survey.to_string().as_str(), survey.left(&stranger)), ("1 under k1", 1));
    let secret = accounts::secret(&mut scene.database, sealer(), scene.reader, SecretColumn::Secret).await.unwrap();
    assert_eq!(secret.unwrap().expose_secret(), "session");
}

#[tokio::test]
async fn a_value_does_not_open_in_another_row() {
    let mut scene = scene(0).await;
    let filled = fill(&mut scene).await;
    for sql in [
        "UPDATE source_messages t SET sealed_content = o.sealed_content FROM source_messages o
         WHERE t.account_id = o.account_id AND (t.message_id, o.message_id) IN ((11, 12), (12, 11))",
        "UPDATE media_chunks t SET bytes = o.bytes FROM media_chunks o
         WHERE t.media_id = o.media_id AND t.place <> o.place",
        "UPDATE accounts SET secret = login, login = secret WHERE secret IS NOT NULL",
    ] {
        assert!(sqlx::query(sql).execute(&mut *scene.database).await.unwrap().rows_affected() > 0, "{sql}");
    }
    let broken = |error: StoreError| matches!(error, StoreError::Seal(SealError::Broken));
    let swapped = rules::received_message(&mut scene.database, sealer(), scene.user, scene.pair, 12).await;
    assert!(swapped.is_err_and(broken));
    let swapped = deliveries::claim(&mut scene.database, sealer(), scene.fence, scene.clock.now(), 0, 20).await;
    assert!(swapped.is_err_and(broken));
    assert!(chunks::read(&mut scene.database, sealer(), filled.media, 0).await.is_err_and(broken));
    let swapped = accounts::secret(&mut scene.database, sealer(), scene.reader, SecretColumn::Secret).await;
    assert!(swapped.is_err_and(broken));
}
