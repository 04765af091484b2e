//! A bot: signed in by its token, reading what people write to it and writing to those who have started it.

use std::{fmt, sync::Arc};

use domain::{Clock, RichText};
use grammers_tl_types::{enums, functions, types};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc;

use super::{
    account::Account,
    client::{signed_in, who_am_i},
    endpoint::TelegramConfig,
    engine,
    entities::from_rich_text,
    link::Link,
    login::call_where_it_belongs,
    names::{Names, public_name},
    session::TelegramSession,
    topics::Topics,
    updates::TelegramEvents,
};
use crate::platform::{EventStream, PlatformError, Unobserved};

/// A text that is not `<id>:<secret>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a bot token of the form <id>:<secret>")]
pub struct BotTokenError;

/// A bot's token. Not shown by `Debug`.
#[derive(Clone)]
pub struct BotToken {
    id: i64,
    text: SecretString,
}

impl BotToken {
    /// Reads a token as Telegram gives it out.
    ///
    /// # Errors
    /// [`BotTokenError`] when it cannot be one.
    pub fn parse(text: &str) -> Result<Self, BotTokenError> {
        let (id, secret) = text.split_once(':').ok_or(BotTokenError)?;
        let id = id.parse::<i64>().ok().filter(|id| *id > 0).ok_or(BotTokenError)?;
        let is_plain = secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if secret.is_empty() || !is_plain {
            return Err(BotTokenError);
        }
        Ok(Self { id, text: text.to_owned().into() })
    }

    /// Telegram's id of the bot.
    #[must_use]
    pub const fn id(&self) -> i64 {
        self.id
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Both halves of a live bot.
pub struct BotLink {
    /// Writes.
    pub connection: Arc<BotConnection>,
    /// What is written to it. Starts with [`crate::platform::PlatformEvent::Connected`].
    pub events: Box<dyn EventStream>,
    /// The name after the `@`; every bot has one.
    pub username: String,
}

/// A live, signed-in bot.
pub struct BotConnection(Arc<Account>);

impl fmt::Debug for BotConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BotConnection({})", self.0.identity.external_id)
    }
}

/// Signs the bot in and returns the session document. Telegram limits how often that may be done: keep the session.
///
/// # Errors
/// [`PlatformError::Input`] when Telegram refuses the token, [`PlatformError::Banned`] when the bot is;
/// [`PlatformError::Wait`] after too many log-ins; [`PlatformError::Retryable`].
pub async fn sign_in_bot(config: &TelegramConfig, token: &BotToken) -> Result<SecretString, PlatformError> {
    let session = TelegramSession::new(&config.endpoint);
    let (link, _) = Link::new(config.clone(), Arc::new(session), Arc::new(Unobserved));
    let request = functions::auth::ImportBotAuthorization {
        flags: 0,
        api_id: config.api_id,
        api_hash: config.api_hash.expose_secret().to_owned(),
        bot_auth_token: token.text.expose_secret().to_owned(),
    };
    let answer = call_where_it_belongs(&link, &request).await.map_err(PlatformError::from);
    let user = match answer {
        Ok(enums::auth::Authorization::Authorization(answer)) => answer.user,
        Ok(enums::auth::Authorization::SignUpRequired(_)) => return Err(refused("token_refused")),
        // What is wrong with the request is wrong with the token.
        Err(PlatformError::Message { code, .. }) => return Err(refused(&code)),
        Err(error) => return Err(error),
    };
    let enums::User::User(user) = user else { return Err(refused("token_refused")) };
    signed_in(&link, &user).await?;
    let document = link.session().export();
    link.close().await;
    Ok(document)
}

fn refused(code: &str) -> PlatformError {
    PlatformError::Input { code: code.to_owned(), detail: "Telegram refuses the bot's token".to_owned() }
}

/// Connects the bot of a stored session.
///
/// # Errors
/// [`PlatformError::Revoked`] when the session is over: sign in anew. [`PlatformError::Banned`]; and
/// [`PlatformError::Retryable`] and [`PlatformError::Wait`] when it may work later.
pub async fn connect_bot(
    config: &TelegramConfig,
    session: &SecretString,
    clock: Arc<dyn Clock>,
) -> Result<BotLink, PlatformError> {
    let session = TelegramSession::open(session, &config.endpoint)
        .map_err(|error| PlatformError::Revoked { code: "session_unreadable".to_owned(), detail: error.to_string() })?;
    let (link, feeds) = Link::new(config.clone(), Arc::new(session), Arc::new(Unobserved));
    let user = who_am_i(&link).await?;
    let identity = signed_in(&link, &user).await?;
    let username = public_name(user.username.as_deref(), user.usernames.as_deref()).unwrap_or_default().to_owned();
    let (own, news) = mpsc::unbounded_channel();
    let account = Arc::new(Account { link, names: Names::default(), topics: Topics::default(), identity, own });
    account.names.learn(&[user.into()], &[]);
    let queue = engine::start(Arc::clone(&account), feeds, news);
    let events = Box::new(TelegramEvents::new(Arc::clone(&account), queue, clock));
    Ok(BotLink { connection: Arc::new(BotConnection(account)), events, username })
}

impl BotConnection {
    /// Writes one message to a person. The same `random_id` again is the same message.
    ///
    /// # Errors
    /// [`PlatformError::Chat`] when the person has blocked the bot, never started it, or is gone;
    /// [`PlatformError::Message`] when this message is refused; [`PlatformError::Wait`], [`PlatformError::Retryable`]
    /// and [`PlatformError::Revoked`] as ever.
    pub async fn write(
        &self,
        user_id: i64,
        access_hash: i64,
        text: &RichText,
        random_id: i64,
    ) -> Result<(), PlatformError> {
        let request = functions::messages::SendMessage {
            no_webpage: true,
            silent: false,
            background: false,
            clear_draft: false,
            noforwards: false,
            update_stickersets_order: false,
            invert_media: false,
            allow_paid_floodskip: false,
            peer: types::InputPeerUser { user_id, access_hash }.into(),
            reply_to: None,
            message: text.text.clone(),
            random_id,
            reply_markup: None,
            entities: from_rich_text(text, |_| None),
            schedule_date: None,
            schedule_repeat_period: None,
            send_as: None,
            quick_reply_shortcut: None,
            effect: None,
            allow_paid_stars: None,
            suggested_post: None,
            rich_message: None,
        };
        match self.0.link.call(&request).await {
            Ok(_) => Ok(()),
            // It was written before: the answer was lost.
            Err(error) if error.is("RANDOM_ID_DUPLICATE") => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the menu that everybody sees, as names without the slash and descriptions.
    ///
    /// # Errors
    /// As any call.
    pub async fn set_menu(&self, menu: &[(&str, &str)]) -> Result<(), PlatformError> {
        let command = |(command, description): &(&str, &str)| {
            let (command, description) = ((*command).to_owned(), (*description).to_owned());
            types::BotCommand { ephemeral: false, command, description }.into()
        };
        let request = functions::bots::SetBotCommands {
            scope: enums::BotCommandScope::Default,
            lang_code: String::new(),
            commands: menu.iter().map(command).collect(),
        };
        self.0.link.ask_at_once(&request).await.map(drop)
    }

    /// How the bot addresses a person who has just written to it.
    #[must_use]
    pub fn access_hash(&self, user_id: i64) -> Option<i64> {
        match self.0.known_user(user_id)? {
            enums::InputUser::User(user) => Some(user.access_hash),
            _ => None,
        }
    }

    /// Forgets in the session how people are addressed: they are many, and who matters is on record elsewhere.
    pub fn forget_people(&self) {
        self.0.link.session().forget_others();
    }

    /// Closes the connection; the event stream ends.
    pub async fn close(&self) {
        self.0.link.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_bot_and_is_not_shown() {
        let token = BotToken::parse("1000000001:aZ09_-secret").unwrap();
        assert_eq!(token.id(), 1_000_000_001);
        assert_eq!(format!("{token:?}"), "BotToken { id: 1000000001, .. }");
        for wrong in ["", "1000000001", ":secret", "0:secret", "-5:secret", "x:secret", "5:", "5:a b", "5:a:b"] {
            assert_eq!(BotToken::parse(wrong).err(), Some(BotTokenError), "{wrong}");
        }
    }
}
