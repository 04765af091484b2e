//! What serenity calls on the gateway's thread.

use std::sync::Arc;

use serenity::all::{Context, EventHandler, Guild, GuildChannel, Message, Ready, ResumedEvent, Role};

use super::gateway::GatewaySettings;
use super::link::Link;
use super::normalise::Normaliser;
use super::snowflake::signed;

/// Queues events; no method waits for anything, so that each event is queued in its task's first poll.
pub(super) struct Handler {
    settings: Arc<GatewaySettings>,
    link: Arc<Link>,
}

impl Handler {
    /// A handler that also marks the link as up.
    pub(super) const fn new(settings: Arc<GatewaySettings>, link: Arc<Link>) -> Self {
        Self { settings, link }
    }

    fn name_role(&self, role: &Role) {
        self.settings.names.put(signed(role.id.get()), &role.name);
    }

    fn name(&self, channel: &GuildChannel) {
        self.settings.names.put(signed(channel.id.get()), &channel.name);
    }
}

#[serenity::async_trait]
impl EventHandler for Handler {
    async fn message(&self, _context: Context, message: Message) {
        let normaliser = Normaliser { me: self.settings.me, names: &self.settings.names };
        self.settings.events.message(normaliser.message(&message));
    }

    /// A new session: whatever was said before it has to be read from history.
    async fn ready(&self, _context: Context, _ready: Ready) {
        self.link.set_up(true);
        self.settings.events.connected();
    }

    /// The old session with everything replayed before this event: only a reported break needs an end.
    async fn resume(&self, _context: Context, _event: ResumedEvent) {
        if !self.link.set_up(true) {
            self.settings.events.connected();
        }
    }

    async fn guild_create(&self, _context: Context, guild: Guild, _is_new: Option<bool>) {
        guild.channels.values().chain(&guild.threads).for_each(|channel| self.name(channel));
        guild.roles.values().for_each(|role| self.name_role(role));
    }

    async fn channel_create(&self, _context: Context, channel: GuildChannel) {
        self.name(&channel);
    }

    async fn channel_update(&self, _context: Context, _old: Option<GuildChannel>, new: GuildChannel) {
        self.name(&new);
    }

    async fn thread_create(&self, _context: Context, thread: GuildChannel) {
        self.name(&thread);
    }

    async fn thread_update(&self, _context: Context, _old: Option<GuildChannel>, new: GuildChannel) {
        self.name(&new);
    }

    async fn guild_role_create(&self, _context: Context, new: Role) {
        self.name_role(&new);
    }

    async fn guild_role_update(&self, _context: Context, _old: Option<Role>, new: Role) {
        self.name_role(&new);
    }
}
