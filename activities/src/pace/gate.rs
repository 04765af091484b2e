//! Where a delivery meets the pace: before each send, and after a refusal.

use std::time::Duration;

use domain::{Platform, pace::Claim};
use store::StoreError;
use workflows::forwarding::Next;

use super::{Permit, Wait};
use crate::{
    deliver::Delivery,
    hosting::reason,
    platform::{PlatformError, SendBody},
};

/// The longest that a drain stays away at once for its plan's sake: a better plan is noticed after this.
const PLAN_RECHECK: Duration = Duration::from_secs(300);

impl Delivery<'_> {
    /// Leave of the plan to send a part; the first one is counted. `Err` ends the drain: the delivery is back in the
    /// queue, with the reason in its history.
    pub(crate) async fn permit(&self, first: bool) -> Result<Result<Permit, Next>, StoreError> {
        let quotas = &self.context.paces.quotas;
        if !first {
            return Ok(Ok(quotas.free(self.pair.user_id)));
        }
        match quotas.take(self.pair.user_id).await? {
            Ok(permit) => Ok(Ok(permit)),
            Err(left) => {
                let text = "the plan's messages are used up; the rest goes when the window opens";
                self.held("plan_limit", text, left.min(PLAN_RECHECK)).await.map(Err)
            }
        }
    }

    /// Waits for the turn of a request of this cost, in place when it is near. `Err` ends the drain: the delivery is
    /// back in the queue, with the reason in its history.
    pub(crate) async fn turn(&self, cost: f64) -> Result<Result<(), Next>, StoreError> {
        let claim = Claim { pair: self.pair.id, chat: self.pair.destination_chat_id, cost };
        match self.hosted.pacer.acquire(claim).await {
            Ok(()) => Ok(Ok(())),
            Err(Wait::For { left, code }) => self.held(code, words(code), left).await.map(Err),
            Err(Wait::Stopped(error)) => {
                let (code, text) = reason(&error);
                self.held(&code, &text, Duration::ZERO).await?;
                Ok(Err(Next::Retry { reason: text }))
            }
        }
    }

    /// How many messages the platform counts: Telegram counts each item of an album.
    pub(crate) fn cost(&self, body: &SendBody) -> f64 {
        let count = match (self.pair.destination_platform, body) {
            (Platform::Discord, _) | (_, SendBody::Text(_)) => 1,
            (Platform::Telegram, SendBody::Media { uploads, .. }) => uploads.len(),
            (Platform::Telegram, SendBody::Forward { message_ids, .. }) => message_ids.len(),
        };
        f64::from(u16::try_from(count.max(1)).unwrap_or(u16::MAX))
    }

    async fn held(&self, code: &str, text: &str, left: Duration) -> Result<Next, StoreError> {
        let mut database = self.context.database().await?;
        store::deliveries::hold(&mut database, self.pair.id, self.row.seq, (code, text), self.context.clock.now())
            .await?;
        let ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Ok(Next::In { ms, reason: text.to_owned() })
    }

    /// The platform asked for silence: the account, or this chat alone, is silent until it is over.
    pub(crate) async fn silenced(&self, code: &str, wait: Duration, text: String) -> Result<Next, StoreError> {
        self.hosted.pacer.refused(code, self.pair.destination_chat_id, wait).await?;
        let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Ok(Next::In { ms, reason: text })
    }

    /// The platform has stopped the account: nothing more is sent, and its hosting ends and says so.
    pub(crate) fn account_stopped(&self, error: PlatformError, text: String) -> Next {
        self.hosted.pacer.stop(error);
        Next::Retry { reason: text }
    }
}

fn words(code: &str) -> &'static str {
    match code {
        "flood_wait" => "the platform asks the destination account to wait",
        "slow_mode" => "the platform asks for a pause in the destination chat",
        "pace_chat" => "the destination chat's pace; sending faster would bring a flood wait",
        "egress_closed" => {
            "too many of this server's requests were refused lately; a pause keeps the platform open to it"
        }
        _ => "the destination account's pace; sending faster would bring a flood wait",
    }
}
