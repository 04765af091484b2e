//! No secret in clear: messages go in all directions, and afterwards neither a dump of the database nor a log nor a
//! history of a workflow has a password, a code, a token, a key or anything that somebody wrote.

mod needle;
mod places;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{AccountId, Clock as _, SourceMessageId, SystemClock};
use reqwest::Method;
use sandbox::{
    client::{CausewayClient, NewPair},
    scene::{until, wait_for_status},
    stack::Stack,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::PgPool;

use self::needle::{Search, Secrets};
use crate::{
    harness::{self, MEDIA_LINK_KEY, PAYLOAD_KEYS, SEAL_KEYS},
    invoices, member,
    rules::new_pair,
    world::{Bot, PASSWORD, PATIENCE, Person, World, pair, place},
};

const TWO_STEP: &str = "two-step wombat 2289";
const WRONG_TWO_STEP: &str = "two-step numbat 2290, mistyped";
const WRONG_PASSWORD: &str = "password quokka 2291, mistyped";
const FROM_TELEGRAM: &str = "the walrus of 2292 sings at dawn";
const EDITED: &str = "the walrus of 2293 sings at noon";
const DELETED: &str = "the badger of 2294 has gone";
const FROM_DISCORD: &str = "the heron of 2295 flies at dusk";
const CAPTION: &str = "the caption of the otter 2296";
const FILE_NAME: &str = "otter-file-2297.txt";
const FILE: &str = "the otter of 2298 swims all day; ";
const TRIED: &str = "the lynx of 2299 was never sent";
const FACE: &[u8] = b"\xff\xd8\xff\xe0 the stoat of 2300 looks at you";
const BILLED_NAME: &str = "the ibex of 2303 pays";
const BILLED_ADDRESS: &str = "the road of the ibex 2304";
const BILLED_TAX_ID: &str = "IBEX2305";
const SEALED: &str = "the marten of 2301 stands in a row";

/// One tenant with accounts on both platforms and messages in all directions.
struct Run {
    world: World,
    owner: Person,
    author: Person,
    bots: [Bot; 2],
    /// The group that is read on Telegram.
    group: i64,
    accounts: [String; 3],
    code: String,
    /// The pair that goes from the group to Discord with names and pictures, and one whose messages wait for an hour.
    pairs: [String; 2],
    email: String,
    user: String,
}

impl Run {
    async fn new(stack: &Stack) -> Self {
        let world = World::new(stack).await;
        let me: Value = world.api.http().get("/auth/me").await.unwrap();
        let [email, user] = ["email", "id"].map(|name| me[name].as_str().unwrap().to_owned());
        let (owner, author) = (world.person(Some(TWO_STEP)).await, world.person(None).await);
        let telegram = &world.controls.telegram;
        let group = telegram.create_chat("supergroup", "Zoo", owner.user, &[author.user]).await.unwrap().dialog_id;
        let (code, account) = log_in(&world, &owner).await;
        let bots = [world.bot().await, world.bot().await];
        let writer = world.link_bot(&bots[0]).await;
        let reader = world.link_bot(&bots[1]).await;
        let portrait = json!({ "base64": STANDARD.encode(FACE) });
        let path = format!("/users/{}/photo", author.user);
        let _: Value = telegram.http().call(Method::PUT, &path, Some(&portrait)).await.unwrap();
        let named = json!({ "webhook_identity": true });
        let named = new_pair(&world, (&account, group), (&writer, &bots[0].channel), named).await;
        let later = world.controls.discord.create_channel(&bots[0].guild, "later").await.unwrap();
        let later = NewPair { delay_seconds: Some(3_600), ..pair(place(&account, group), place(&writer, later)) };
        let later = world.api.create_pair(&later).await.unwrap().id;
        let (accounts, pairs) = ([account, writer, reader], [named, later]);
        Self { world, owner, author, bots, group, accounts, code, pairs, email, user }
    }

    /// From Telegram to Discord and to Telegram, from Discord to Telegram and to Discord.
    async fn carry(&self) {
        let Self { world, bots: [to, from], group, accounts: [telegram, writer, reader], .. } = self;
        let (inbox, copies) = (world.channel(&self.owner, &[]).await, world.channel(&self.owner, &[]).await);
        let wall = world.controls.discord.create_channel(&to.guild, "wall").await.unwrap();
        world.pair(place(reader, &from.channel), place(telegram, inbox)).await;
        world.pair(place(reader, &from.channel), place(writer, &wall)).await;
        world.pair(place(telegram, group), place(telegram, copies)).await;
        let control = &world.controls.telegram;
        let first = control.say(*group, self.author.user, FROM_TELEGRAM).await.unwrap();
        let gone = control.say(*group, self.author.user, DELETED).await.unwrap();
        let bytes = STANDARD.encode(FILE.repeat(200));
        let document = json!({ "name": FILE_NAME, "mime": "text/plain", "base64": bytes });
        let message = json!({ "from": self.author.user, "text": CAPTION, "document": document });
        control.post(*group, &message).await.unwrap();
        world.deliveries_in(&to.channel, |texts| texts.iter().any(|text| text.contains(CAPTION))).await;
        control.edit(*group, first, EDITED).await.unwrap();
        control.delete(*group, gone).await.unwrap();
        let settled = |texts: &[String]| {
            let has = |wanted: &str| texts.iter().any(|text| text.contains(wanted));
            has(EDITED) && !has(DELETED)
        };
        world.deliveries_in(&to.channel, settled).await;
        world.controls.discord.say(&from.channel, &from.human, FROM_DISCORD).await.unwrap();
        world.deliveries_in(&wall, |texts| texts.iter().any(|text| text.contains(FROM_DISCORD))).await;
        for (chat, wanted) in [(inbox, FROM_DISCORD), (copies, CAPTION)] {
            let arrived = until("a copy on Telegram", PATIENCE, async || {
                let texts = world.telegram_texts(chat).await;
                Ok(texts.iter().any(|text| text.contains(wanted)).then_some(()))
            });
            arrived.await.unwrap();
        }
        let sample = json!({ "message": { "text": TRIED } });
        let _: Value = world.api.http().post(&format!("/pairs/{}/dry-run", self.pairs[0]), &sample).await.unwrap();
    }

    /// Makes an invoice and a credit note out to the tenant, sends the receipt, and reads both.
    async fn pay(&self, stack: &Stack) {
        let http = self.world.api.http();
        let details = json!({ "name": BILLED_NAME, "address": BILLED_ADDRESS, "tax_id": BILLED_TAX_ID });
        let _: Value = http.call(Method::PUT, "/billing/details", Some(&details)).await.unwrap();
        let issued = invoices::issue(stack, &self.user).await;
        let pool = store::connect(&stack.urls().database.clone().into()).unwrap();
        let (mut database, now) = (pool.acquire().await.unwrap(), SystemClock.now());
        let sealer = harness::sealer();
        store::invoices::receipt(&mut database, &sealer, issued.invoice, None, now).await.unwrap();
        store::invoices::refunded(&mut database, &sealer, issued.note, None, now).await.unwrap();
        for id in [issued.invoice, issued.note] {
            let one: Value = http.get(&format!("/billing/invoices/{id}")).await.unwrap();
            assert_eq!(one["customer"]["name"], BILLED_NAME, "{one:#}");
        }
        let wrong = json!({ "name": BILLED_NAME, "tax_id": BILLED_TAX_ID.repeat(9) });
        let refused: Result<Value, _> = http.call(Method::PUT, "/billing/details", Some(&wrong)).await;
        refused.expect_err("the number is too long");
    }

    /// Waits until the message that is carried later has its attachment, and the author a picture.
    async fn kept(&self, database: &PgPool) {
        let account: AccountId = self.accounts[0].parse().unwrap();
        let bytes =
            "SELECT (SELECT count(*) FROM media m JOIN media_chunks c ON c.media_id = m.id WHERE m.account_id = $1)
                          * (SELECT count(*) FROM avatars WHERE account_id = $1 AND bytes IS NOT NULL)";
        until("an attachment and a picture are kept", PATIENCE, async || {
            let kept: i64 = sqlx::query_scalar(bytes).bind(account.as_uuid()).fetch_one(database).await?;
            Ok((kept > 0).then_some(()))
        })
        .await
        .unwrap();
    }

    /// Everything that must be nowhere.
    async fn secrets(&self, stack: &Stack, database: &PgPool) -> Secrets {
        let mut secrets = Secrets::default();
        for (name, secret) in [
            ("the password", PASSWORD),
            ("a mistyped password", WRONG_PASSWORD),
            ("the two-step password", TWO_STEP),
            ("a mistyped two-step password", WRONG_TWO_STEP),
            ("a text from Telegram", FROM_TELEGRAM),
            ("an edited text", EDITED),
            ("a deleted text", DELETED),
            ("a text from Discord", FROM_DISCORD),
            ("a caption", CAPTION),
            ("the name of a file", FILE_NAME),
            ("the bytes of a file", FILE),
            ("a text that was tried", TRIED),
            ("a name on invoices", BILLED_NAME),
            ("an address on invoices", BILLED_ADDRESS),
            ("a tax number on invoices", BILLED_TAX_ID),
            ("the line of a receipt", "Pro, one month: 10.00 USD"),
            ("the token of the operator", stack.operator_token()),
            ("the key of links", MEDIA_LINK_KEY),
        ] {
            secrets.add(name, secret);
        }
        secrets.add("a picture", FACE);
        secrets.add_word("the code", &self.code);
        for bot in &self.bots {
            secrets.add("a bot's token", &bot.token);
        }
        for (name, list) in [("a key of columns", SEAL_KEYS), ("a key of payloads", PAYLOAD_KEYS)] {
            let (_, key) = list.split_once(':').unwrap();
            secrets.add(name, STANDARD.decode(key).unwrap());
        }
        let own = std::fs::read(stack.options().state_dir.join("secrets.json")).unwrap();
        each_text(&serde_json::from_slice(&own).unwrap(), &mut |text| secrets.add("a secret of the stack", text));
        let credentials = json!({ "email": self.email, "password": PASSWORD });
        let anonymous = CausewayClient::anonymous(&stack.urls().api).unwrap();
        let session: Value = anonymous.http().post("/auth/login", &credentials).await.unwrap();
        each_text(&session, &mut |text| {
            if text.len() >= 32 && text != self.email && !is_id(text) {
                secrets.add("a token of the tenant", text);
            }
        });
        self.identity(&mut secrets).await;
        for text in self.session(database).await {
            let key = STANDARD.decode(&text).unwrap();
            secrets.add("a key of the Telegram session", key);
        }
        secrets
    }

    /// What the tenant proves who they are with.
    async fn identity(&self, secrets: &mut Secrets) {
        let http = self.world.api.http();
        let key: Value = http.post("/keys", &json!({ "name": "key", "scopes": ["read"] })).await.unwrap();
        let secret = key["key"].as_str().unwrap().splitn(3, '_').nth(2).unwrap();
        secrets.add("an API key", secret);
        let _: Value = http.post("/auth/password/forgot", &json!({ "email": self.email })).await.unwrap();
        let token = member::token_in(&self.world.controls.smtp, &self.email, "Choose another password").await;
        secrets.add("a mailed token", token);
        let begun: Value = http.post("/auth/totp", &json!({ "password": PASSWORD })).await.unwrap();
        let secret = begun["secret"].as_str().unwrap();
        let on: Value = http.post("/auth/totp/confirm", &json!({ "code": member::code(secret, 0) })).await.unwrap();
        each_text(&on, &mut |code| secrets.add("a recovery code", code));
        secrets.add("the secret of the second factor", secret);
    }

    /// The authorisation keys of the Telegram account, in base64.
    async fn session(&self, database: &PgPool) -> Vec<String> {
        let account: AccountId = self.accounts[0].parse().unwrap();
        let mut database = database.acquire().await.unwrap();
        let column = store::accounts::SecretColumn::Secret;
        let session = store::accounts::secret(&mut database, &harness::sealer(), account, column).await.unwrap();
        let session: Value = serde_json::from_str(session.unwrap().expose_secret()).unwrap();
        let mut keys = Vec::new();
        each_text(&session, &mut |text| {
            if text.len() > 300 {
                keys.push(text.to_owned());
            }
        });
        assert!(!keys.is_empty(), "the session has a key");
        keys
    }
}

/// Signs a person in with a mistyped password on the way; returns the code and the account.
async fn log_in(world: &World, person: &Person) -> (String, String) {
    let wrong = json!({ "email": "nobody.of.2302@example.org", "password": WRONG_PASSWORD });
    let refused: Result<Value, _> = world.api.http().post("/auth/login", &wrong).await;
    refused.expect_err("the password is wrong");
    let account = world.api.add_telegram(&person.phone).await.unwrap().id;
    wait_for_status(&world.api, &account, "awaiting_code").await.unwrap();
    let code = until("a code", PATIENCE, async || Ok(world.controls.telegram.code(&person.phone).await.ok()));
    let code = code.await.unwrap();
    world.api.submit_code(&account, &code).await.unwrap();
    wait_for_status(&world.api, &account, "awaiting_password").await.unwrap();
    let path = format!("/accounts/{account}/password");
    world.refused(&path, json!({ "password": WRONG_TWO_STEP }), 422, "password_invalid").await;
    world.api.submit_password(&account, TWO_STEP).await.unwrap();
    wait_for_status(&world.api, &account, "online").await.unwrap();
    (code, account)
}

fn each_text(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| each_text(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

/// An id, such as `user_` and 32 hexadecimal digits: no secret.
fn is_id(text: &str) -> bool {
    text.split_once('_').is_some_and(|(_, hex)| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A search for one text that must be found.
fn canary(text: &str) -> Search {
    let mut secrets = Secrets::default();
    secrets.add("the canary", text);
    secrets.search()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_stands_anywhere_in_clear() {
    let stack = harness::shared().await;
    let database = PgPool::connect(&stack.urls().database).await.unwrap();
    let run = Run::new(&stack).await;
    run.carry().await;
    run.pay(&stack).await;
    run.kept(&database).await;
    let search = run.secrets(&stack, &database).await.search();
    let (mut leaks, mut seen) = (Vec::new(), [false; 3]);
    let canaries = [run.email.as_str(), &run.user, &run.user].map(canary);
    let mut look = |place: usize, name: &str, bytes: &[u8]| {
        seen[place] |= canaries[place].find(bytes).is_some();
        leaks.extend(search.find(bytes).map(|what| format!("{what} in {name}")));
    };
    places::database(&stack, &mut |name, bytes| look(0, name, bytes)).await;
    places::logs(&stack, &mut |name, bytes| look(1, name, bytes));
    places::temporal_file(&stack, &mut |name, bytes| look(2, name, bytes));
    let wanted = [format!("account-{}", run.accounts[0]), format!("pair-{}", run.pairs[0])];
    let listed = until("the workflows are listed", PATIENCE, async || {
        let ids = places::histories(&stack, &mut |name, bytes| look(2, name, bytes)).await;
        Ok(wanted.iter().all(|id| ids.contains(id)).then_some(()))
    });
    listed.await.unwrap();
    leaks.sort();
    leaks.dedup();
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert_eq!(seen, [true; 3], "the search finds an e-mail in the dump, and a user in the logs and in the histories");
}

#[tokio::test]
async fn what_is_sealed_holds_what_was_written() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    world.controls.telegram.say(channel, person.user, SEALED).await.unwrap();
    world.discord_holds(&bot.channel, &[SEALED]).await;
    let database = PgPool::connect(&stack.urls().database).await.unwrap();
    let row = "SELECT id, sealed_content FROM source_messages WHERE chat_id = $1";
    let row = sqlx::query_as::<_, (sqlx::types::Uuid, Vec<u8>)>(row).bind(channel);
    let (id, sealed) = row.fetch_one(&database).await.unwrap();
    assert_eq!(canary(SEALED).find(&sealed), None);
    let place = format!("source_messages/{}/content", SourceMessageId::from_uuid(id));
    let content = harness::sealer().open_bytes(&place, &sealed).unwrap();
    assert!(canary(SEALED).find(&content).is_some(), "the search would find it");
}
