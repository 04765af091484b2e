//! Fetching attachments: after the message is durable, before its deliveries are due to be sent.

mod pieces;

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountId, MediaId, Platform,
    gate::{self, Action, Use},
    media_link::Links,
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use store::{
    StoreError, avatars,
    media::{PendingMedia, chunks},
};
use temporalio_client::Client;
use tokio::sync::Notify;

pub(crate) use self::pieces::Kept;
use self::pieces::Pieces;
use crate::{
    context::Context,
    platform::{Connection, PlatformError},
    wake,
};

/// Attachments fetched at once for one account, so that a large one holds up no small one. Each holds a piece or two of
/// 512 KiB in memory.
const FETCHES_MAX: usize = 3;
/// Tries before a notice is sent instead.
const ATTEMPTS_MAX: i32 = 6;
/// How often to look without being told.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why an attachment is not here that is larger than it may be, whoever says so.
pub(crate) const TOO_LARGE: &str = "media_too_large";

/// What may be kept of attachments, and how it is offered where a destination does not take it.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// A larger attachment is not fetched, in bytes.
    pub bytes_max: u64,
    /// All that one tenant keeps at a time, in bytes: beyond it, fetching waits and at last gives up.
    pub tenant_bytes_max: u64,
    /// How links are made; `None`: none are.
    pub links: Option<Links>,
}

/// Fetches an account's attachments for as long as it is hosted.
pub(crate) async fn fetch_loop(
    context: Arc<Context>,
    client: Client,
    (account, platform): (AccountId, Platform),
    connection: Arc<dyn Connection>,
    told: Arc<Notify>,
) {
    let fetcher = Fetcher { context: &context, client: &client, account, platform, connection: connection.as_ref() };
    let mut under_way = FuturesUnordered::new();
    let mut busy: HashSet<MediaId> = HashSet::new();
    loop {
        match fetcher.due(&busy).await {
            Ok(due) => {
                for wanted in due {
                    busy.insert(wanted.id());
                    under_way.push(fetcher.fetch(wanted));
                }
            }
            Err(error) => {
                tracing::warn!(account.id = %account, error = %crate::chain(&error), "Attachments could not be looked up; trying again.");
            }
        }
        tokio::select! {
            Some(done) = under_way.next(), if !under_way.is_empty() => { busy.remove(&done); }
            () = told.notified() => (),
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

/// Something to fetch.
enum Wanted {
    /// An attachment.
    File(PendingMedia),
    /// The picture of an author.
    Portrait(avatars::Pending),
}

impl Wanted {
    const fn id(&self) -> MediaId {
        match self {
            Self::File(pending) => pending.id,
            Self::Portrait(pending) => pending.id,
        }
    }
}

/// Whose attachments, and through what.
struct Fetcher<'a> {
    context: &'a Context,
    client: &'a Client,
    account: AccountId,
    platform: Platform,
    connection: &'a dyn Connection,
}

impl Fetcher<'_> {
    /// As many as may begin now.
    async fn due(&self, busy: &HashSet<MediaId>) -> Result<Vec<Wanted>, StoreError> {
        let Some(room) = FETCHES_MAX.checked_sub(busy.len()).filter(|room| *room > 0) else { return Ok(Vec::new()) };
        let busy: Vec<MediaId> = busy.iter().copied().collect();
        let mut database = self.context.database().await?;
        let (room, now) = (i64::try_from(room).unwrap_or(1), self.context.clock.now());
        let sealer = &self.context.sealer;
        let mut due = Vec::new();
        if self.platform == Platform::Telegram && self.context.media.links.is_some() {
            let portraits = avatars::pending(&mut database, self.account, now, &busy, room).await?;
            due.extend(portraits.into_iter().map(Wanted::Portrait));
        }
        let files = store::media::pending(&mut database, sealer, self.account, now, &busy, room).await?;
        due.extend(files.into_iter().map(Wanted::File));
        due.truncate(usize::try_from(room).unwrap_or(1));
        Ok(due)
    }

    /// Fetches one thing and wakes who waits for it. Says which one.
    async fn fetch(&self, wanted: Wanted) -> MediaId {
        let fetched = match &wanted {
            Wanted::File(pending) => self.fetch_and_wake(pending).await,
            Wanted::Portrait(pending) => self.fetch_portrait(*pending).await,
        };
        if let Err(error) = fetched {
            tracing::warn!(account.id = %self.account, error = %crate::chain(&error), "What was fetched could not be kept; trying again.");
        }
        wanted.id()
    }

    async fn fetch_portrait(&self, pending: avatars::Pending) -> Result<(), StoreError> {
        let fetched = self.connection.portrait(&pending.portrait).await;
        let mut database = self.context.database().await?;
        match fetched {
            Ok(bytes) => avatars::complete(&mut database, &self.context.sealer, pending.id, &bytes).await,
            Err(PlatformError::Retryable { .. } | PlatformError::Wait { .. }) if pending.attempts >= ATTEMPTS_MAX => {
                avatars::fail(&mut database, pending.id).await
            }
            Err(error @ (PlatformError::Retryable { .. } | PlatformError::Wait { .. })) => {
                let after = self.context.clock.now() + wait_after(&error, pending.attempts);
                avatars::postpone(&mut database, pending.id, after).await
            }
            Err(error) => {
                tracing::info!(account.id = %self.account, %error, "An author's picture cannot be had.");
                avatars::fail(&mut database, pending.id).await
            }
        }
    }

    async fn fetch_and_wake(&self, pending: &PendingMedia) -> Result<(), StoreError> {
        let waiting = {
            let mut database = self.context.database().await?;
            store::media::waiting_pairs(&mut database, pending.source_message_id).await?
        };
        let fetched = self.fetch_kept(pending, &waiting).await;
        self.record(pending, fetched).await?;
        for pair in waiting {
            self.context.wakeups.wake(pair);
            let client = self.client.clone();
            tokio::spawn(async move { wake::rouse_pair(&client, pair).await });
        }
        Ok(())
    }

    /// Brings the bytes into the database, unless nobody could use them.
    async fn fetch_kept(&self, pending: &PendingMedia, waiting: &[domain::PairId]) -> Result<(), PlatformError> {
        let settings = &self.context.media;
        let native_max = self.native_max(waiting).await.map_err(|error| lost(&error))?;
        let linked = |size: u64| size > native_max.0;
        let useful_max = if settings.links.is_some() { u64::MAX } else { native_max.1 };
        let planned_max = self.planned_max(pending.media.size_bytes).await?;
        let bytes_max = settings.bytes_max.min(useful_max).min(planned_max);
        if pending.media.size_bytes > bytes_max {
            return Err(PlatformError::Message { code: TOO_LARGE.into(), detail: "too large to carry".into() });
        }
        self.check_room(pending.media.size_bytes).await?;
        let mut pieces = Pieces::begin(self.context, pending.id).await.map_err(|error| lost(&error))?;
        self.connection.download(&pending.media, bytes_max, &mut pieces).await?;
        let size_bytes = pieces.end().await?;
        let now = self.context.clock.now();
        let links = settings.links.as_ref().filter(|_| linked(u64::try_from(size_bytes).unwrap_or(u64::MAX)));
        let until: Option<DateTime<Utc>> = links.map(|links| links.until(now));
        let completed = async {
            let mut database = self.context.database().await?;
            chunks::complete(&mut database, pending.id, size_bytes, until).await
        };
        if completed.await.map_err(|error| lost(&error))? {
            return Ok(());
        }
        let detail = "another fetch has begun anew".to_owned();
        Err(PlatformError::Retryable { code: "media_incomplete".into(), detail })
    }

    /// The largest file that all of the waiting pairs' destinations take, and that at least one of them takes.
    async fn native_max(&self, waiting: &[domain::PairId]) -> Result<(u64, u64), StoreError> {
        let mut database = self.context.database().await?;
        let limits = store::media::destinations(&mut database, waiting).await?;
        let maxima: Vec<u64> = limits.into_iter().map(|limits| limits.media_bytes_max).collect();
        let (least, most) = (maxima.iter().min(), maxima.iter().max());
        Ok((least.copied().unwrap_or(u64::MAX), most.copied().unwrap_or(u64::MAX)))
    }

    /// The largest file that the plan of the account's owner allows, who may have this one of `bytes`.
    async fn planned_max(&self, bytes: u64) -> Result<u64, PlatformError> {
        let tenancy = async {
            let mut database = self.context.database().await?;
            match store::plans::owner_of(&mut database, self.account).await? {
                Some(owner) => store::plans::tenancy(&mut database, owner).await,
                None => Ok(None),
            }
        };
        let Some(tenancy) = tenancy.await.map_err(|error| lost(&error))? else { return Ok(u64::MAX) };
        let terms = tenancy.terms();
        let refused = |bar: gate::Bar| PlatformError::Message { code: TOO_LARGE.into(), detail: bar.to_string() };
        gate::permits(&terms, &Use::default(), Action::SendFile { bytes }).map_err(refused)?;
        Ok(terms.limits.media_bytes_max.unwrap_or(u64::MAX))
    }

    /// Nobody's attachments fill the disk: a tenant who keeps too much waits until something was sent or has expired.
    async fn check_room(&self, size_bytes: u64) -> Result<(), PlatformError> {
        let kept = async {
            let mut database = self.context.database().await?;
            chunks::kept_by_tenant(&mut database, self.account).await
        };
        let kept = u64::try_from(kept.await.map_err(|error| lost(&error))?).unwrap_or(0);
        if kept.saturating_add(size_bytes) <= self.context.media.tenant_bytes_max {
            return Ok(());
        }
        let detail = "too many attachments are kept at the moment".to_owned();
        Err(PlatformError::Retryable { code: "media_storage_full".into(), detail })
    }

    /// Writes down how a fetch went.
    async fn record(&self, pending: &PendingMedia, fetched: Result<(), PlatformError>) -> Result<(), StoreError> {
        let Err(error) = fetched else { return Ok(()) };
        let mut database = self.context.database().await?;
        match error {
            PlatformError::Message { code, .. }
            | PlatformError::Chat { code, .. }
            | PlatformError::Input { code, .. } => store::media::fail(&mut database, pending.id, &code).await,
            PlatformError::Retryable { code, .. } if pending.attempts >= ATTEMPTS_MAX => {
                store::media::fail(&mut database, pending.id, &code).await
            }
            error => {
                let after = self.context.clock.now() + wait_after(&error, pending.attempts);
                store::media::postpone(&mut database, pending.id, &error.to_string(), after).await
            }
        }
    }
}

/// How long to wait before the next try.
fn wait_after(error: &PlatformError, attempts: i32) -> TimeDelta {
    match error {
        PlatformError::Wait { wait, .. } => TimeDelta::from_std(*wait).unwrap_or(TimeDelta::minutes(1)),
        PlatformError::Retryable { .. }
        | PlatformError::Message { .. }
        | PlatformError::Chat { .. }
        | PlatformError::Flooded { .. }
        | PlatformError::Revoked { .. }
        | PlatformError::Banned { .. }
        | PlatformError::Input { .. } => TimeDelta::seconds(1 << attempts.clamp(0, 6)),
    }
}

fn lost(error: &StoreError) -> PlatformError {
    PlatformError::Retryable { code: "database".to_owned(), detail: crate::chain(error) }
}
