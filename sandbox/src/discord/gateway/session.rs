//! What a client says on a connection, and what follows from it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    event::intent,
    hub::{NoResume, Outgoing},
};
use crate::discord::{clock::now_ms, core::Core, id::Id, model::Account, server::Sandbox, wire};

/// Between heartbeats, in milliseconds; Discord's own number.
pub const HEARTBEAT_MS: u64 = 41_250;

/// A connection that has said hello.
#[derive(Debug)]
pub struct Link {
    sandbox: Arc<Sandbox>,
    to: UnboundedSender<Outgoing>,
    /// The session and the number of this connection in it.
    session: Option<(String, u64)>,
}

impl Link {
    /// A new connection; says hello at once.
    #[must_use]
    pub fn new(sandbox: Arc<Sandbox>, to: UnboundedSender<Outgoing>) -> Self {
        let link = Self { sandbox, to, session: None };
        link.say(10, &json!({ "heartbeat_interval": HEARTBEAT_MS, "_trace": ["sandbox"] }));
        link
    }

    /// Takes one message of the client.
    pub fn hear(&mut self, text: &str) {
        let Ok(message) = serde_json::from_str::<Value>(text) else { return self.close(4002, "Decode error.") };
        let data = &message["d"];
        match message["op"].as_u64() {
            Some(1) => self.say(11, &Value::Null),
            Some(2) if self.session.is_some() => self.close(4005, "Already authenticated."),
            Some(2) => self.identify(data),
            Some(6) => self.resume(data),
            // Presence and voice states change nothing here.
            Some(3 | 4) if self.session.is_some() => {}
            Some(8) if self.session.is_some() => self.members(data),
            Some(3 | 4 | 8) => self.close(4003, "Not authenticated."),
            _ => self.close(4001, "Unknown opcode."),
        }
    }

    /// The connection is gone. `over` when the client ended its session on purpose.
    pub fn leave(&mut self, over: bool) {
        let Some((session, link)) = self.session.take() else { return };
        let hub = &mut self.sandbox.core().hub;
        hub.leave(&session, link);
        if over {
            hub.end(&session);
        }
    }

    fn identify(&mut self, data: &Value) {
        let sandbox = Arc::clone(&self.sandbox);
        let mut core = sandbox.core();
        let Some(account) = valid_bot(&core, data) else { return self.close(4004, "Authentication failed.") };
        let Some(intents) = data["intents"].as_u64().filter(|intents| intents & !intent::KNOWN == 0) else {
            return self.close(4013, "Invalid intent(s).");
        };
        let may_read = account.bot.as_ref().is_some_and(|bot| bot.message_content);
        if intents & intent::MESSAGE_CONTENT != 0 && !may_read {
            return self.close(4014, "Disallowed intent(s).");
        }
        let patient = sandbox.usage().identified(account.id, now_ms());
        if !patient && sandbox.limits().enabled {
            return self.say(9, &json!(false));
        }
        let session = crate::discord::secret::hex_token();
        let link = core.hub.open(&session, account.id, intents, self.to.clone());
        let guilds: Vec<Id> =
            core.store.guilds.values().filter(|it| it.members.contains_key(&account.id)).map(|it| it.id).collect();
        let shard = if data["shard"].is_array() { data["shard"].clone() } else { json!([0, 1]) };
        let ready = json!({
            "v": 10, "user": wire::current_user(&account), "session_id": session, "shard": shard,
            "resume_gateway_url": sandbox.gateway_url(),
            "guilds": guilds.iter().map(|id| json!({ "id": id, "unavailable": true })).collect::<Vec<_>>(),
            "application": { "id": account.id, "flags": wire::flags(&account) }, "private_channels": [],
            "presences": [], "relationships": [], "user_settings": {}, "session_type": "normal",
            "geo_ordered_rtc_regions": [], "guild_join_requests": [], "_trace": ["sandbox"],
        });
        core.hub.tell(&session, "READY", &ready.to_string());
        if intents & intent::GUILDS != 0 {
            for id in &guilds {
                let Some(guild) = core.store.guilds.get(id) else { continue };
                let known = wire::guild_create(&core.store, guild, account.id);
                core.hub.tell(&session, "GUILD_CREATE", &known.to_string());
            }
        }
        self.session = Some((session, link));
    }

    fn resume(&mut self, data: &Value) {
        let sandbox = Arc::clone(&self.sandbox);
        let mut core = sandbox.core();
        let Some(account) = valid_bot(&core, data) else { return self.close(4004, "Authentication failed.") };
        let session = data["session_id"].as_str().unwrap_or_default();
        match core.hub.resume(session, account.id, data["seq"].as_u64().unwrap_or(0), self.to.clone()) {
            Ok(link) => {
                sandbox.usage().resumed(account.id);
                self.session = Some((session.to_owned(), link));
            }
            Err(NoResume::BadSequence) => self.close(4007, "Invalid seq."),
            Err(NoResume::Unknown) => self.say(9, &json!(false)),
        }
    }

    fn members(&self, data: &Value) {
        let Some((session, _)) = &self.session else { return };
        let mut core = self.sandbox.core();
        let Ok(id) = serde_json::from_value::<Id>(data["guild_id"].clone()) else { return };
        let Some(guild) = core.store.guilds.get(&id) else { return };
        let members: Vec<Value> = guild.members.keys().filter_map(|it| wire::member(&core.store, guild, *it)).collect();
        let mut chunk =
            json!({ "guild_id": id, "members": members, "chunk_index": 0, "chunk_count": 1, "not_found": [] });
        if !data["nonce"].is_null() {
            chunk["nonce"] = data["nonce"].clone();
        }
        core.hub.tell(session, "GUILD_MEMBERS_CHUNK", &chunk.to_string());
    }

    fn say(&self, op: u8, data: &Value) {
        let text = json!({ "t": null, "s": null, "op": op, "d": data }).to_string();
        self.to.send(Outgoing::Text(text.into())).ok();
    }

    fn close(&self, code: u16, why: &'static str) {
        self.to.send(Outgoing::Close(code, why)).ok();
    }
}

fn valid_bot(core: &Core, data: &Value) -> Option<Account> {
    let token = data["token"].as_str()?;
    let account = core.store.bot_by_token(token.strip_prefix("Bot ").unwrap_or(token))?;
    account.bot.as_ref().is_some_and(|bot| !bot.revoked).then(|| account.clone())
}
