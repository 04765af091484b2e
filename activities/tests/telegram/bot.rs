//! A bot: signed in once, written to, writing back, and kept out by whoever blocks it.

use std::sync::Arc;

use activities::{
    platform::{EventStream, PlatformEvent},
    telegram::{BotConnection, BotLink, BotToken, connect_bot, sign_in_bot},
};
use domain::{Message, RichText, Style, Update};
use sandbox::client::TelegramBot;
use secrecy::SecretString;
use serde_json::json;
use tokio::time::timeout;

use crate::harness::{PATIENCE, Sandbox, clock, name};

/// A live bot.
struct Live {
    connection: Arc<BotConnection>,
    events: Box<dyn EventStream>,
}

impl Live {
    async fn of(sandbox: &Sandbox, session: &SecretString) -> Self {
        let link = connect_bot(&sandbox.config, session, clock()).await.unwrap();
        let BotLink { connection, events, username } = link;
        assert_eq!(username, "causeway_bot");
        Self { connection, events }
    }

    /// The next message, whatever else happens meanwhile.
    async fn message(&mut self) -> Message {
        let found = async {
            loop {
                match self.events.next().await.expect("the stream goes on") {
                    PlatformEvent::Updates(updates) => {
                        let posted = updates.into_iter().find_map(|update| match update {
                            Update::Posted(message) if !message.outgoing => Some(message),
                            _ => None,
                        });
                        if let Some(message) = posted {
                            return message;
                        }
                    }
                    PlatformEvent::Connected | PlatformEvent::Disconnected { .. } => {}
                    PlatformEvent::Gone(error) => panic!("gone: {error}"),
                }
            }
        };
        timeout(PATIENCE, found).await.expect("a message in time")
    }
}

async fn bot(sandbox: &Sandbox) -> (TelegramBot, BotToken) {
    let made = sandbox.control.create_bot("causeway_bot", "Causeway", None).await.unwrap();
    let token = BotToken::parse(&made.token).unwrap();
    assert_eq!(token.id(), made.id);
    (made, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_signs_in_once_reads_and_writes() {
    let sandbox = Sandbox::start().await;
    let (made, token) = bot(&sandbox).await;
    let ada = sandbox.user("99900000001", "Ada", None).await;
    let session = sign_in_bot(&sandbox.config, &token).await.unwrap();
    let mut live = Live::of(&sandbox, &session).await;
    live.connection.set_menu(&[("status", "How it is")]).await.unwrap();
    sandbox.control.press_start(made.id, ada, "to-ken").await.unwrap();
    let message = live.message().await;
    assert_eq!((message.text.text.as_str(), message.chat.get()), ("/start to-ken", ada));
    assert_eq!(message.author.as_ref().map(|author| author.name.as_str()), Some("Ada"));
    let hash = live.connection.access_hash(ada).expect("who has written can be addressed");
    let text = RichText::concat([&RichText::styled("All", Style::Bold), &RichText::plain(" is well")]);
    for _ in 0..2 {
        // The same key is the same message.
        live.connection.write(ada, hash, &text, 4711).await.unwrap();
    }
    let seen = sandbox.control.private_chat(ada, made.id).await.unwrap();
    let texts: Vec<&str> = seen.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["/start to-ken", "All is well"]);
    assert_eq!(seen[1].entities, json!([{ "type": "bold", "offset": 0, "length": 3 }]));
    let facts = sandbox.control.bot(made.id).await.unwrap();
    assert_eq!((facts.commands.len(), facts.commands[0].command.as_str(), facts.sessions), (1, "status", 1));
    live.connection.forget_people();
    let kept = live.events.acknowledge().await.expect("the session has changed");
    live.connection.close().await;
    // What was written while nobody listened is told later, under the same session.
    sandbox.control.say(made.id, ada, "/help").await.unwrap();
    let mut again = Live::of(&sandbox, &kept).await;
    assert_eq!(again.message().await.text.text, "/help");
    assert_eq!(sandbox.control.bot(made.id).await.unwrap().sessions, 1);
    again.connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_of_a_bot_has_a_name() {
    let sandbox = Sandbox::start().await;
    let wrong = BotToken::parse("5:wrong").unwrap();
    let refused = sign_in_bot(&sandbox.config, &wrong).await.unwrap_err();
    assert_eq!(name(&refused), ("input", "access_token_invalid"));
    let (made, token) = bot(&sandbox).await;
    let method = "auth.importBotAuthorization";
    sandbox.fault(json!({ "kind": "flood_wait", "method": method, "seconds": 31 })).await;
    let waits = sign_in_bot(&sandbox.config, &token).await.unwrap_err();
    assert_eq!(name(&waits), ("wait", "flood_wait"));
    let session = sign_in_bot(&sandbox.config, &token).await.unwrap();
    let live = Live::of(&sandbox, &session).await;
    let ada = sandbox.user("99900000001", "Ada", None).await;
    let text = RichText::plain("hello");
    // A bot need not know the hash of somebody, only to have been written to.
    let stranger = live.connection.write(ada, 0, &text, 1).await.unwrap_err();
    assert_eq!(name(&stranger), ("chat", "peer_id_invalid"));
    sandbox.control.press_start(made.id, ada, "").await.unwrap();
    live.connection.write(ada, 0, &text, 2).await.unwrap();
    sandbox.control.block_bot(made.id, ada, true).await.unwrap();
    let blocked = live.connection.write(ada, 0, &text, 3).await.unwrap_err();
    assert_eq!(name(&blocked), ("chat", "user_is_blocked"));
    sandbox.fault(json!({ "kind": "revoke", "user": made.id })).await;
    let revoked = live.connection.write(ada, 0, &text, 4).await.unwrap_err();
    assert_eq!(name(&revoked), ("revoked", "session_revoked"));
    let over = connect_bot(&sandbox.config, &session, clock()).await.err().unwrap();
    assert_eq!(name(&over), ("revoked", "session_revoked"));
    sign_in_bot(&sandbox.config, &token).await.unwrap();
}
