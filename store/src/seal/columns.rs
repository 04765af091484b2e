//! Every sealed column of the schema, and every other column of bytes with the reason why it is not sealed.
//!
//! A new sealed column is one line in [`SEALED`]: then a rotation of keys reaches it. A test holds both lists against
//! the schema.

/// A column whose values are sealed.
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// The table's primary key: names and types.
    pub key: &'static [(&'static str, &'static str)],
    /// What its values are bound to, with `{0}`, `{1}`… for the columns of the key: a UUID without dashes, everything
    /// else as PostgreSQL writes it. A name in it may be another one than the column's.
    pub place: &'static str,
    /// So many rows are sealed anew in one transaction.
    pub rows_at_once: i64,
    /// Where its rows have the value in clear that are older than the sealing.
    pub clear: Option<Clear>,
}

/// How rows that hold a value in clear are known and sealed. Fragments of SQL.
#[derive(Clone, Copy, Debug)]
pub struct Clear {
    /// True for a row with a value in clear.
    pub when: &'static str,
    /// That value, as `bytea`.
    pub value: &'static str,
    /// What is set beside the sealed value, of a row `t`; without effect on a row that holds none in clear.
    pub set: &'static str,
}

/// Small values: so many rows at once are some hundred kilobytes.
const MANY: i64 = 500;
/// Files and their pieces: up to 512 KiB each.
const FEW: i64 = 8;

const fn sealed(
    table: &'static str,
    column: &'static str,
    key: &'static [(&'static str, &'static str)],
    place: &'static str,
) -> SealedColumn {
    SealedColumn { table, column, key, place, rows_at_once: MANY, clear: None }
}

impl SealedColumn {
    const fn large(self) -> Self {
        Self { rows_at_once: FEW, ..self }
    }

    const fn once_clear(self, when: &'static str, value: &'static str, set: &'static str) -> Self {
        Self { clear: Some(Clear { when, value, set }), ..self }
    }

    /// The place of the row with this key.
    #[must_use]
    pub fn place_of(&self, key: &[String]) -> String {
        let parts = key.iter().zip(self.key).enumerate();
        parts.fold(self.place.to_owned(), |place, (index, (value, (_, kind)))| {
            let shown = if *kind == "uuid" { value.replace('-', "") } else { value.clone() };
            place.replace(&format!("{{{index}}}"), &shown)
        })
    }
}

/// All sealed columns.
pub const SEALED: &[SealedColumn] = &[
    sealed("accounts", "secret", &[("id", "uuid")], "accounts/acc_{0}/secret"),
    sealed("accounts", "login", &[("id", "uuid")], "accounts/acc_{0}/login"),
    sealed("source_messages", "sealed_content", &[("id", "uuid")], "source_messages/msg_{0}/content").once_clear(
        "content IS NOT NULL",
        "convert_to(content::text, 'UTF8')",
        "content = NULL, topic = coalesce(t.topic, (t.content ->> 'topic')::bigint),
         parent_id = coalesce(t.parent_id, (t.content ->> 'parent')::bigint)",
    ),
    sealed("media_chunks", "bytes", &[("media_id", "uuid"), ("place", "integer")], "media_chunks/media_{0}/{1}/bytes")
        .large()
        .once_clear("NOT sealed", "bytes", "sealed = true"),
    sealed("avatars", "bytes", &[("id", "uuid")], "avatars/media_{0}/bytes").large().once_clear(
        "bytes IS NOT NULL AND NOT sealed",
        "bytes",
        "sealed = true",
    ),
    sealed(
        "destination_messages",
        "shown",
        &[("pair_id", "uuid"), ("seq", "bigint"), ("part", "integer"), ("item", "integer")],
        "destination_messages/pair_{0}/{1}/{2}/{3}/shown",
    )
    .once_clear(
        "text_digest IS NOT NULL OR media_digest IS NOT NULL",
        r"convert_to(coalesce(text_digest, '') || coalesce(E'\n' || media_digest, ''), 'UTF8')",
        "text_digest = NULL, media_digest = NULL",
    ),
    sealed(
        "pair_threads",
        "sealed_title",
        &[("pair_id", "uuid"), ("source_topic", "bigint")],
        "pair_threads/pair_{0}/{1}/title",
    )
    .once_clear("title IS NOT NULL", "convert_to(title, 'UTF8')", "title = NULL"),
    sealed("notifications", "content", &[("id", "uuid")], "notifications/ntf_{0}/content"),
    sealed("payment_events", "body", &[("id", "uuid")], "payment_events/pev_{0}/body"),
    sealed("second_factors", "secret", &[("user_id", "uuid")], "users/user_{0}/totp"),
    sealed("bots", "session", &[("id", "bigint")], "bots/{0}/session"),
    sealed("bot_messages", "answer", &[("bot_id", "bigint"), ("message_id", "bigint")], "bot_messages/{0}/{1}/answer"),
    sealed("billing_details", "details", &[("user_id", "uuid")], "billing_details/user_{0}/details"),
    sealed("invoices", "customer", &[("id", "uuid")], "invoices/inv_{0}/customer"),
];

/// Columns of bytes that are not sealed: table, column, and why.
pub const NOT_SEALED: &[(&str, &str, &str)] = &[
    ("_sqlx_migrations", "checksum", "a hash of a file of the repository"),
    ("accounts", "host_task_token", "names an attempt inside Temporal; of no use without access to it"),
    ("pairs", "drain_task_token", "names an attempt inside Temporal; of no use without access to it"),
    ("bots", "host_task_token", "names an attempt inside Temporal; of no use without access to it"),
    ("bot_link_tokens", "token_hash", "a hash of 192 random bits, which must be found by its value"),
    ("api_keys", "hash", "a hash of 256 random bits"),
    ("refresh_tokens", "hash", "a hash of 256 random bits, which must be found by its value"),
    ("proofs", "hash", "a hash of 256 random bits, which must be found by its value"),
    ("recovery_codes", "hash", "a hash of 80 random bits, which must be found by its value"),
    ("mailed_addresses", "subject", "a hash that must be found by its value; of an address that stands in clear"),
    ("sign_in_failures", "subject", "a hash that must be found by its value; of an address that stands in clear"),
    ("ledger_entries", "request_hash", "a hash of kinds, ids and amounts that stand in clear beside it"),
    ("ledger_holds", "request_hash", "a hash of ids and amounts that stand in clear beside it"),
    ("carried_content", "fingerprint", "a digest under a key, which must be found by its value"),
];

#[cfg(test)]
mod tests {
    use domain::{AccountId, InvoiceId, MediaId, PairId, SourceMessageId, SystemClock, UserId};

    use super::*;
    use crate::{billing_details, content, invoices, second_factors};

    fn column(table: &str, column: &str) -> &'static SealedColumn {
        SEALED.iter().find(|one| (one.table, one.column) == (table, column)).unwrap()
    }

    #[test]
    fn the_places_are_those_that_are_sealed_for() {
        let account = AccountId::new(&SystemClock);
        let key = |id: uuid::Uuid| id.to_string();
        let secret = column("accounts", "secret").place_of(&[key(account.as_uuid())]);
        assert_eq!(secret, format!("accounts/{account}/secret"));
        let message = SourceMessageId::new(&SystemClock);
        let place = column("source_messages", "sealed_content").place_of(&[key(message.as_uuid())]);
        assert_eq!(place, content::message_place(message));
        let (media, pair) = (MediaId::new(&SystemClock), PairId::new(&SystemClock));
        let place = column("media_chunks", "bytes").place_of(&[key(media.as_uuid()), "12".into()]);
        assert_eq!(place, content::chunk_place(media, 12));
        let place = column("avatars", "bytes").place_of(&[key(media.as_uuid())]);
        assert_eq!(place, content::avatar_place(media));
        let place = column("pair_threads", "sealed_title").place_of(&[key(pair.as_uuid()), "-5".into()]);
        assert_eq!(place, content::title_place(pair, -5));
        let user = UserId::new(&SystemClock);
        let place = column("second_factors", "secret").place_of(&[key(user.as_uuid())]);
        assert_eq!(place, second_factors::place(user));
        let place = column("billing_details", "details").place_of(&[key(user.as_uuid())]);
        assert_eq!(place, billing_details::place(user));
        let invoice = InvoiceId::new(&SystemClock);
        let place = column("invoices", "customer").place_of(&[key(invoice.as_uuid())]);
        assert_eq!(place, invoices::place(invoice));
    }

    #[test]
    fn every_place_names_its_row_and_no_other_column_has_it() {
        for one in SEALED {
            assert!((0..one.key.len()).all(|index| one.place.contains(&format!("{{{index}}}"))), "{one:?}");
            assert_eq!(SEALED.iter().filter(|other| other.place == one.place).count(), 1, "{one:?}");
        }
    }
}
