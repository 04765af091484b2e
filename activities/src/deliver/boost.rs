//! A Discord server that has lost its boosts since it was last looked at takes smaller files than expected.

use domain::render::Limits;
use store::{StoreError, chats, media};

use super::Delivery;

impl Delivery<'_> {
    /// The destination was thought to take larger files than its platform does everywhere.
    pub(super) const fn expected_more(&self) -> bool {
        self.pair.destination_file_bytes_max.is_some()
    }

    /// From now on it is taken for any chat of its platform. The next drain composes by that, and what is too large now
    /// becomes a link.
    pub(super) async fn lower_limits(&self) -> Result<(), StoreError> {
        let (pair, now) = (self.pair, self.context.clock.now());
        let carried = if self.row.album {
            let mut database = self.context.database().await?;
            let items =
                store::deliveries::items(&mut database, &self.context.sealer, pair.id, self.row.root_seq).await?;
            items.into_iter().map(|item| item.media_message_id).collect()
        } else {
            vec![self.row.media_message_id]
        };
        let mut database = self.context.database().await?;
        chats::forget_file_max(&mut database, pair.destination_account_id, pair.destination_chat_id).await?;
        if let Some(links) = &self.context.media.links {
            let above = i64::try_from(Limits::of(pair.destination_platform).media_bytes_max).unwrap_or(i64::MAX);
            media::links::promise(&mut database, &carried, above, links.until(now)).await?;
        }
        Ok(())
    }
}
