//! What people write to the bot: carried out once, in one transaction with the record of it and its answer.

use std::sync::Arc;

use domain::{AccountId, Message, PairId, RichText, bot::Command};
use store::{
    StoreError,
    bot::{self, Incoming, Person, Recipient},
};
use temporalio_client::Client;

use super::{commands, host::Hosting};
use crate::{catch_up::persist, context::Context, telegram::BotConnection};

/// Answers that may wait for one person. Who asks for more at once gets no answer to them, and nothing is done.
const WAITING_MAX: i64 = 20;

/// What was changed in a row, and a workflow is to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// A pair was paused or resumed.
    Pair { pair: PairId, paused: bool },
    /// An account that the plan had paused is hosted again.
    Account(AccountId),
}

/// What is said and done about a message.
pub(super) struct Reply {
    pub(super) text: RichText,
    pub(super) deeds: Vec<Deed>,
}

impl Reply {
    /// Nothing but words.
    pub(super) const fn of(text: RichText) -> Self {
        Self { text, deeds: Vec::new() }
    }
}

impl Hosting {
    /// Takes a message to the bot. Returns when it is on record, with its answer.
    pub(super) async fn take(&self, connection: &BotConnection, message: &Message, username: &str) {
        let Some(person) = writer(connection, message) else { return };
        let command = Command::parse(&message.text.text, username);
        let deeds =
            persist("record a message to the bot", || self.carry_out(message.message_id, &person, &command)).await;
        for deed in deeds {
            tokio::spawn(tell(Arc::clone(&self.context), self.client.clone(), deed));
        }
        self.context.metrics.bot.count("received");
        self.news.notify_one();
    }

    async fn carry_out(&self, message_id: i64, person: &Person, command: &Command) -> Result<Vec<Deed>, StoreError> {
        let (bot, now) = (self.lease.bot, self.context.clock.now());
        let mut transaction = self.context.pool.begin().await?;
        if !bot::held(&mut transaction, self.lease).await? {
            // Whoever has the lease gets the message too: our cursors are not saved any more.
            return Ok(Vec::new());
        }
        let from = Recipient { telegram_user_id: person.telegram_user_id, access_hash: person.access_hash };
        match bot::receive(&mut transaction, bot, message_id, from, WAITING_MAX, now).await? {
            Incoming::New => {}
            Incoming::Known => return Ok(Vec::new()),
            Incoming::Flood => {
                transaction.commit().await?;
                tracing::info!(bot.id = bot, "Somebody writes faster than the bot answers; a message gets no answer.");
                return Ok(Vec::new());
            }
        }
        let mode = self.context.paces.mode();
        let reply = commands::carry_out(&mut transaction, bot, person, command, mode, now).await?;
        // After the command, which locks the tenant before anything of theirs.
        bot::seen(&mut transaction, bot, person).await?;
        bot::give_answer(&mut transaction, &self.context.sealer, bot, message_id, &reply.text).await?;
        transaction.commit().await?;
        Ok(reply.deeds)
    }
}

/// Tells a workflow; what it is not told, the sweep and the next drain find in the row.
async fn tell(context: Arc<Context>, client: Client, deed: Deed) {
    let now = context.clock.now();
    let told = match deed {
        Deed::Pair { pair, paused } => {
            context.wakeups.wake(pair);
            context.tell_pair(&client, pair, paused, now).await
        }
        Deed::Account(account) => context.tell_account(&client, account, now).await,
    };
    if let Err(error) = told {
        tracing::warn!(error = %crate::chain(&error), "It could not be put on record that a workflow was told.");
    }
}

/// Who wrote the message, if it is one of a person in their private chat.
fn writer(connection: &BotConnection, message: &Message) -> Option<Person> {
    let telegram_user_id = message.chat.get();
    let is_service = message.unsupported.as_deref() == Some("service");
    let author = message.author.as_ref();
    if telegram_user_id <= 0 || message.outgoing || is_service || author.is_some_and(|author| author.bot) {
        return None;
    }
    // Telegram takes 0 of a bot for somebody who has written to it.
    let access_hash = connection.access_hash(telegram_user_id).unwrap_or_default();
    let name = author.map_or_else(|| format!("user {telegram_user_id}"), |author| author.name.clone());
    Some(Person { telegram_user_id, access_hash, name })
}
