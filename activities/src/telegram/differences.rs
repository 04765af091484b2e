//! Fetching what was missed: the account's difference and the difference of one channel.

use grammers_session::updates::{MessageBoxes, PrematureEndReason, State};
use grammers_tl_types::{enums, functions, types};
use tokio::time::Instant;

use super::{engine::Engine, errors::retryable, gaps, names::channel_dialog};
use crate::platform::PlatformError;

/// Messages per request for a channel's difference: Telegram's limit for a user.
const CHANNEL_DIFFERENCE_LIMIT: i32 = 100;

impl Engine {
    pub(super) async fn difference(&mut self, request: functions::updates::GetDifference) -> Result<(), PlatformError> {
        let mut answer = match self.account.link.ask_at_once(&request).await {
            Err(PlatformError::Message { code, detail }) => {
                tracing::warn!(telegram.error = code, "the update cursor is unusable; starting from the present");
                self.boxes = MessageBoxes::new();
                return Err(retryable(&code, detail));
            }
            answer => answer?,
        };
        // A channel without a cursor is no news right after the link was announced: the history that the reader then
        // asks for covers it, and what came since was pushed to us.
        let unknown_channel = gaps::keep_cursors_in_difference(&mut answer, &self.boxes) && !self.fresh;
        let too_long = matches!(answer, enums::updates::Difference::TooLong(_));
        self.fresh = matches!(answer, enums::updates::Difference::Slice(_)) && self.fresh;
        let news = self.boxes.apply_difference(answer);
        self.heard = Instant::now();
        self.publish(news).await;
        self.announce_gap(too_long || unknown_channel).await;
        Ok(())
    }

    pub(super) async fn channel_difference(
        &mut self,
        mut request: functions::updates::GetChannelDifference,
    ) -> Result<(), PlatformError> {
        let enums::InputChannel::Channel(channel) = &request.channel else { return Ok(()) };
        let known = self.account.link.session().known(channel_dialog(channel.channel_id));
        let Some(auth) = known.and_then(|peer| peer.auth()) else {
            // Without an access hash the channel cannot be asked; its next message brings one.
            self.boxes.end_channel_difference(PrematureEndReason::Banned);
            self.announce_gap(true).await;
            return Ok(());
        };
        request.channel = types::InputChannel { channel_id: channel.channel_id, access_hash: auth.hash() }.into();
        request.limit = CHANNEL_DIFFERENCE_LIMIT;
        let mut answer = match self.account.link.ask_at_once(&request).await {
            Ok(answer) => answer,
            // Closed to us, or a cursor that the channel refuses: its history is asked when it comes back.
            Err(PlatformError::Chat { .. } | PlatformError::Message { .. }) => {
                self.boxes.end_channel_difference(PrematureEndReason::Banned);
                return Ok(());
            }
            Err(PlatformError::Retryable { code, .. }) if code == "persistent_timestamp_outdated" => {
                self.boxes.end_channel_difference(PrematureEndReason::TemporaryServerIssues);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let too_long = matches!(answer, enums::updates::ChannelDifference::TooLong(_));
        if gaps::lacks_cursor(&answer) {
            self.boxes.end_channel_difference(PrematureEndReason::Banned);
        } else {
            let changes = gaps::take_changes(&mut answer);
            let (mut updates, users, chats) = self.boxes.apply_channel_difference(answer);
            let state = State { date: 0, seq: 0, message_box: None };
            updates.extend(changes.into_iter().map(|change| (change, state.clone())));
            self.publish((updates, users, chats)).await;
        }
        self.heard = Instant::now();
        self.announce_gap(too_long).await;
        Ok(())
    }
}
