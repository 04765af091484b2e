//! The pictures of Telegram authors: fetched by the account that sees them, and shown by signed links of ours.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{MediaId, Message, Operation, media_link::Links, message::Avatar};
use store::{
    StoreError,
    avatars::{self, Portrait},
    media::MediaState,
};

use super::Delivery;
use crate::platform::Persona;

/// The first message of an author waits so long for the picture. A message is worth more than the picture beside it.
const WAIT_MAX: TimeDelta = TimeDelta::seconds(5);
/// How often it is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The name of a picture, for its address.
const FILE_NAME: &str = "avatar.jpg";
const DAY_SECONDS: i64 = 24 * 60 * 60;

impl Delivery<'_> {
    /// Gives `persona` the picture of the author, if it is one that Telegram keeps.
    pub(super) async fn portray(&self, persona: &mut Persona, message: &Message) -> Result<(), StoreError> {
        let Some(links) = &self.context.media.links else { return Ok(()) };
        let Some(author) = &message.author else { return Ok(()) };
        let Some(Avatar::TelegramPhoto { photo_id }) = author.avatar else { return Ok(()) };
        if self.row.operation == Operation::Delete {
            return Ok(());
        }
        let (chat, message_id) = (message.chat, message.message_id);
        let portrait = Portrait { photo_id, person: author.id, chat, message_id };
        let mut told = false;
        loop {
            let now = self.context.clock.now();
            let kept = {
                let new = MediaId::new(self.context.clock.as_ref());
                let mut database = self.context.database().await?;
                avatars::want(&mut database, self.pair.source_account_id, portrait, new, now).await?
            };
            match kept.state {
                MediaState::Ready => {
                    persona.avatar_url = Some(links.url(kept.id, FILE_NAME, until(links, now)));
                    return Ok(());
                }
                MediaState::Failed => return Ok(()),
                MediaState::Pending if now - kept.created_at > WAIT_MAX => return Ok(()),
                MediaState::Pending => (),
            }
            if !told {
                self.wake_fetcher();
                told = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The end of a link to a picture: the same all day, so that Discord does not take one picture for many.
fn until(links: &Links, now: DateTime<Utc>) -> DateTime<Utc> {
    let until = links.until(now);
    let day = until.timestamp().div_euclid(DAY_SECONDS) + 1;
    DateTime::from_timestamp(day.saturating_mul(DAY_SECONDS), 0).unwrap_or(until)
}
