//! Making a pair: both ends are proven at their platforms before a row exists.

use std::time::Duration;

use domain::{
    AccountStatus, ChatFacts, ChatId, CopyMode, PairId, Platform,
    gate::{self, Action, Way},
    pair,
    plan::Features,
    rules::PairOptions,
};
use salvo::prelude::*;
use serde::Deserialize;
use store::{PgConnection, StoreError, accounts::Account, pairs::NewPair};
use workflows::account::{ACCOUNT_NOT_ONLINE, Refusal};

use super::{
    PairOut, find,
    options::{self, Given, PairOptionsDoc},
};
use crate::{
    auth::Actor,
    body::JsonBody,
    error::ApiError,
    plans,
    routes::{Created, accounts::ask_chats},
    state::AppState,
};

/// One end of a pair to be made.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NewEndpoint))]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointIn {
    /// `acc_…`.
    #[salvo(schema(value_type = crate::wire::AccountIdDoc))]
    account: String,
    /// The platform's id of the chat, decimal.
    #[salvo(schema(value_type = crate::wire::ChatIdDoc))]
    chat: ChatId,
    /// One topic of a Telegram forum, decimal; without it the whole chat. On Discord a thread is a chat of its own.
    #[serde(default)]
    #[salvo(schema(value_type = Option<crate::wire::NumberDoc>))]
    topic_id: Option<TopicId>,
}

/// A topic's number, decimal.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct TopicId(i64);

impl TryFrom<String> for TopicId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().ok().filter(|id| *id > 0).map(Self).ok_or("not a topic id: expected a decimal number above 0")
    }
}

/// A pair to be made.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NewPair))]
#[serde(deny_unknown_fields)]
pub(crate) struct PairIn {
    /// 1 to 100 characters.
    name: String,
    /// Where messages come from.
    source: EndpointIn,
    /// Where they go.
    destination: EndpointIn,
    /// `copy` (posted as the destination account's own, the default) or `forward` (Telegram's native forward between
    /// Telegram chats, a line of attribution elsewhere).
    #[serde(default)]
    #[salvo(schema(value_type = crate::wire::CopyModeDoc))]
    mode: CopyMode,
    /// Seconds between receipt and delivery, at most 86,400.
    #[serde(default)]
    delay_seconds: u32,
    /// Without a notification sound.
    #[serde(default)]
    silent: bool,
    /// Which messages are carried and how they look; everything as it is unless given.
    #[serde(default)]
    #[salvo(schema(value_type = Option<PairOptionsDoc>))]
    options: Option<Given>,
}

/// Makes a pair. Messages that are written from now on are carried.
#[endpoint(operation_id = "create_pair", tags("pairs"))]
pub(crate) async fn create(actor: Actor, app: AppState, body: JsonBody<PairIn>) -> Result<Created<PairOut>, ApiError> {
    let PairIn { name, source, destination, mode, delay_seconds, silent, options } = body.0;
    let name = name.trim();
    let reader = End::of(&app, actor, &source, &SOURCE).await?;
    let writer = End::of(&app, actor, &destination, &DESTINATION).await?;
    pair::validate(name, reader.endpoint(), writer.endpoint(), Duration::from_secs(delay_seconds.into()))?;
    let (options, _) = options::read(&options.unwrap_or_default(), &PairOptions::default())?;
    let way = Way { source: reader.endpoint(), destination: writer.endpoint() };
    let wanted = Wanted { way, needs: gate::needs(way, mode, &options) };
    let action = wanted.action(&mut *app.database().await?, actor).await?;
    plans::may_pass(&app, actor.user, action).await?;
    let options = options::stored(&options)?;
    let (read, written) = tokio::join!(reader.ask(&app, actor), writer.ask(&app, actor));
    let (read, written) = (read?, written?);
    if !read.can_read {
        return Err(reader.refuse("chat_not_visible", "the account cannot read this chat"));
    }
    if !written.can_write {
        return Err(writer.refuse("chat_not_writable", "the account cannot write to this chat"));
    }
    let new = NewPair {
        id: PairId::new(&*app.clock),
        name,
        source_account: reader.account.id,
        source_chat: reader.chat,
        source_topic: reader.topic,
        source_start_id: read.last_message_id,
        destination_account: writer.account.id,
        destination_chat: writer.chat,
        destination_topic: writer.topic,
        mode,
        // `validate` has bounded it.
        delay_seconds: i32::try_from(delay_seconds).unwrap_or(i32::MAX),
        silent,
        options: Some(&options),
    };
    insert(&app, actor, &new, (&read, &written), wanted).await?;
    start(&app, actor, new.id).await?;
    Ok(Created(find(&app, actor, new.id).await?.try_into()?))
}

/// How an end is named in an error.
struct Fields {
    account: &'static str,
    chat: &'static str,
}

const SOURCE: Fields = Fields { account: "source.account", chat: "source.chat" };
const DESTINATION: Fields = Fields { account: "destination.account", chat: "destination.chat" };

struct End {
    account: Account,
    chat: ChatId,
    topic: Option<i64>,
    fields: &'static Fields,
}

impl End {
    async fn of(app: &AppState, actor: Actor, end: &EndpointIn, fields: &'static Fields) -> Result<Self, ApiError> {
        let unknown = || ApiError::AccountInBody { field: fields.account };
        let id = end.account.parse().map_err(|_| unknown())?;
        let account = store::accounts::find(&mut *app.database().await?, actor.user, id).await?;
        let account = account.filter(|account| account.status != AccountStatus::LoggedOut).ok_or_else(unknown)?;
        let topic = end.topic_id.map(|topic| topic.0);
        let end = Self { account, chat: end.chat, topic, fields };
        if end.topic.is_some() && end.account.platform == Platform::Discord {
            return Err(end.refuse("topic_not_supported", "on Discord a thread is a chat of its own"));
        }
        Ok(end)
    }

    const fn endpoint(&self) -> pair::Endpoint {
        pair::Endpoint { account: self.account.id, platform: self.account.platform, chat: self.chat, topic: self.topic }
    }

    /// What the platform says of the chat now.
    async fn ask(&self, app: &AppState, actor: Actor) -> Result<ChatFacts, ApiError> {
        let reply = ask_chats(app, actor, &self.account, Some(self.chat)).await?;
        match (reply.refusal, reply.chat) {
            (Some(refusal), _) => {
                let offline = refusal.code == ACCOUNT_NOT_ONLINE;
                let field = if offline { self.fields.account } else { self.fields.chat };
                Err(ApiError::Refused { refusal, field: Some(field) })
            }
            (None, Some(facts)) => Ok(facts),
            (None, None) => Err(self.refuse("chat_not_visible", "the account does not see this chat")),
        }
    }

    fn refuse(&self, code: &str, detail: &str) -> ApiError {
        let refusal = Refusal { code: code.into(), detail: detail.into(), retry_after_seconds: None };
        ApiError::Refused { refusal, field: Some(self.fields.chat) }
    }
}

/// What the gate is asked for a new pair.
#[derive(Clone, Copy)]
struct Wanted {
    way: Way,
    /// What the pair uses by itself.
    needs: Features,
}

impl Wanted {
    /// A pair that another one follows makes a chain too.
    async fn action(self, connection: &mut PgConnection, actor: Actor) -> Result<Action, ApiError> {
        let chain = store::plans::chain(connection, actor.user, self.way).await?;
        let needs = Features { chain_forwarding: chain.follows || chain.leads, ..self.needs };
        Ok(Action::CreatePair { needs })
    }
}

async fn insert(
    app: &AppState,
    actor: Actor,
    new: &NewPair<'_>,
    (read, written): (&ChatFacts, &ChatFacts),
    wanted: Wanted,
) -> Result<(), ApiError> {
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    store::plans::lock_user(&mut transaction, actor.user).await?;
    let action = wanted.action(&mut transaction, actor).await?;
    plans::pass(app, &mut transaction, actor.user, action).await?;
    store::chats::upsert(&mut transaction, new.source_account, std::slice::from_ref(read), now).await?;
    store::chats::upsert(&mut transaction, new.destination_account, std::slice::from_ref(written), now).await?;
    store::chats::start_reading(&mut transaction, new.source_account, new.source_chat, read.last_message_id).await?;
    store::pairs::insert(&mut transaction, actor.user, new, now)
        .await
        .map_err(|error| ApiError::on_conflict(error, "pairs_route_key", ApiError::PairExists))?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// Starts the pair's workflow. The pair exists already: what fails here, the sweep does.
async fn start(app: &AppState, actor: Actor, pair: PairId) -> Result<(), ApiError> {
    match app.temporal.start_pair(actor.user, &app.plan_code(actor.plan).await?, pair).await {
        Ok(()) => Ok(store::pairs::set_workflow_started(&mut *app.database().await?, pair, true).await?),
        Err(error) => {
            tracing::warn!(pair.id = %pair, ?error, "The workflow of a new pair could not be started yet.");
            Ok(())
        }
    }
}
