//! The update loop of one account: live updates, gaps, reconnecting. Runs as a task of its own, so that whoever reads
//! the events may stop waiting at any moment without losing one.
//!
//! Grammers' own loop has no time-outs and cannot say which state has been handed out, so only its message boxes
//! (ordering and gap detection) are used. Every event carries the cursors that are true once it is durable.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use grammers_session::{
    types::UpdatesState,
    updates::{MessageBoxes, UpdatesLike},
};
use grammers_tl_types::{enums, functions};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};

use super::{
    account::Account,
    backoff::Backoff,
    errors::{NETWORK, retryable},
    gaps,
    link::Feed,
};
use crate::platform::{PlatformError, PlatformEvent};

/// Events that may wait for the reader. More wait in the socket's buffer, and beyond that the gap is fetched again.
const QUEUE: usize = 128;
/// After this long without a word from Telegram, it is asked whether something was missed.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// The longest wait that Telegram may impose on the loop before it tries again.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// After this many panics in a row the cursors are given up, and history fills the gap.
const PANICS_MAX: u32 = 3;
/// Panics further apart than this are not "in a row".
const PANIC_MEMORY: Duration = Duration::from_secs(600);

/// An event and the cursors that may be saved once it is durable.
pub(super) struct Yielded {
    pub(super) event: PlatformEvent,
    pub(super) cursors: Option<UpdatesState>,
}

/// Why the loop ends for good.
struct Ended;

/// Starts the loop. It ends when the link is closed, when the reader is dropped, or after [`PlatformEvent::Gone`].
pub(super) fn start(
    account: Arc<Account>,
    feeds: mpsc::UnboundedReceiver<Feed>,
    own: mpsc::UnboundedReceiver<UpdatesLike>,
) -> mpsc::Receiver<Yielded> {
    let (out, events) = mpsc::channel(QUEUE);
    let boxes = boxes_at(account.link.session().cursors());
    let engine = Engine { account, feeds, feed: None, own, boxes, out, quiet: 0, fresh: true, heard: Instant::now() };
    tokio::spawn(supervise(engine));
    events
}

/// Grammers panics on answers that it does not expect; the loop then starts again from what was acknowledged.
async fn supervise(mut engine: Engine) {
    let (mut panics, mut last) = (0, Instant::now());
    while AssertUnwindSafe(engine.run()).catch_unwind().await.is_err() {
        tracing::error!("the Telegram update loop panicked and starts again");
        panics = if last.elapsed() < PANIC_MEMORY { panics + 1 } else { 1 };
        last = Instant::now();
        let cursors = engine.account.link.session().cursors();
        engine.boxes = if panics < PANICS_MAX { boxes_at(cursors) } else { MessageBoxes::new() };
        engine.quiet = 0;
        sleep(Duration::from_secs(1)).await;
    }
}

/// Boxes that know every cursor and fetch the account's difference first. It names the channels in which something
/// happened; asking every channel, as grammers does by itself, would cost hundreds of requests at each start.
fn boxes_at(mut cursors: UpdatesState) -> MessageBoxes {
    let channels = std::mem::take(&mut cursors.channels);
    let mut boxes = MessageBoxes::load(cursors);
    for channel in channels {
        boxes.try_set_channel_state(channel.id, channel.pts);
    }
    boxes
}

/// The loop's state.
pub(super) struct Engine {
    pub(super) account: Arc<Account>,
    feeds: mpsc::UnboundedReceiver<Feed>,
    feed: Option<Feed>,
    /// What this account did itself and Telegram tells only to the one who asked.
    own: mpsc::UnboundedReceiver<UpdatesLike>,
    pub(super) boxes: MessageBoxes,
    out: mpsc::Sender<Yielded>,
    /// Updates without a message since the reader got a batch.
    pub(super) quiet: usize,
    /// The link was announced and the difference since then is not fetched yet.
    pub(super) fresh: bool,
    /// When Telegram last said something.
    pub(super) heard: Instant,
}

enum Heard {
    Update(Box<UpdatesLike>),
    Nothing,
    LinkLost,
    Closed,
}

impl Engine {
    async fn run(&mut self) {
        if self.recover().await.is_err() {
            return;
        }
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    if self.cope(error).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Does one thing: fetches a difference that is due, or takes an update. False when the link was closed.
    async fn step(&mut self) -> Result<bool, PlatformError> {
        if self.account.link.closed().is_cancelled() || self.out.is_closed() {
            return Ok(false);
        }
        let deadline = Instant::from_std(self.boxes.check_deadlines());
        if let Some(request) = self.boxes.get_difference() {
            return self.difference(request).await.map(|()| true);
        }
        if let Some(request) = self.boxes.get_channel_difference() {
            return self.channel_difference(request).await.map(|()| true);
        }
        match self.listen(deadline.min(self.heard + SILENCE_MAX)).await {
            Heard::Closed => Ok(false),
            Heard::LinkLost => Err(retryable(NETWORK, "the connection to Telegram was lost")),
            Heard::Nothing => {
                if self.heard + SILENCE_MAX <= Instant::now() {
                    self.probe().await?;
                }
                Ok(true)
            }
            Heard::Update(mut update) => {
                self.heard = Instant::now();
                if matches!(*update, UpdatesLike::ConnectionClosed) {
                    return Err(retryable(NETWORK, "Telegram closed the connection"));
                }
                if matches!(*update, UpdatesLike::AffectedMessages(_)) {
                    // Grammers takes the cursor in the answer to a deletion for the account's, also when it is a
                    // channel's, and would step over what has that number. The one who deletes tells us himself.
                    return Ok(true);
                }
                let gap = gaps::keep_cursors(&mut update, &self.boxes);
                if let Ok(news) = self.boxes.process_updates(*update) {
                    self.publish(news).await;
                }
                self.announce_gap(gap).await;
                Ok(true)
            }
        }
    }

    async fn listen(&mut self, deadline: Instant) -> Heard {
        let closed = self.account.link.closed().clone();
        let Some(feed) = &mut self.feed else { return Heard::LinkLost };
        tokio::select! {
            biased;
            () = closed.cancelled() => Heard::Closed,
            Some(own) = self.own.recv() => Heard::Update(Box::new(own)),
            heard = timeout_at(deadline, feed.recv()) => match heard {
                Ok(Some(update)) => Heard::Update(Box::new(update)),
                Ok(None) => Heard::LinkLost,
                Err(_) => Heard::Nothing,
            },
        }
    }

    /// Asks for the account's state: proves the link, and shows whether an update was missed.
    async fn probe(&mut self) -> Result<(), PlatformError> {
        let enums::updates::State::State(state) =
            self.account.link.ask_at_once(&functions::updates::GetState {}).await?;
        self.heard = Instant::now();
        match self.boxes.session_state().pts {
            0 => {
                self.boxes = MessageBoxes::new();
                self.boxes.set_state(state);
            }
            pts if pts < state.pts => self.fetch_difference(),
            _ => {}
        }
        Ok(())
    }

    /// Makes the next step fetch the account's difference.
    fn fetch_difference(&mut self) {
        // The boxes answer "gap" and remember that it has to be fetched.
        let _gap = self.boxes.process_updates(UpdatesLike::ConnectionClosed);
    }

    /// Telegram says that it will not repeat what was missed: the reader has to ask for history.
    pub(super) async fn announce_gap(&mut self, gap: bool) {
        if gap {
            self.tell(PlatformEvent::Connected, None).await;
        }
    }

    /// Decides how to go on after an error.
    async fn cope(&mut self, error: PlatformError) -> Result<(), Ended> {
        if self.account.link.closed().is_cancelled() {
            return Err(Ended);
        }
        match error {
            PlatformError::Wait { code, wait } => {
                tracing::info!(telegram.error = code, telegram.wait_s = wait.as_secs(), "Telegram asks us to wait");
                self.pause(wait.min(WAIT_MAX)).await
            }
            PlatformError::Revoked { .. } | PlatformError::Banned { .. } => {
                self.tell(PlatformEvent::Gone(error), None).await;
                Err(Ended)
            }
            other => {
                tracing::info!(telegram.error = %other, "the link to Telegram is down; trying again");
                self.tell(PlatformEvent::Disconnected { detail: other.to_string() }, None).await;
                self.recover().await
            }
        }
    }

    /// Tries until Telegram answers, then announces the link and has the gap fetched.
    async fn recover(&mut self) -> Result<(), Ended> {
        let mut backoff = Backoff::default();
        loop {
            match self.probe().await {
                Ok(()) => break,
                Err(error @ (PlatformError::Revoked { .. } | PlatformError::Banned { .. })) => {
                    self.tell(PlatformEvent::Gone(error), None).await;
                    return Err(Ended);
                }
                Err(PlatformError::Wait { wait, .. }) => self.pause(wait.min(WAIT_MAX)).await?,
                Err(_) => self.pause(backoff.next()).await?,
            }
        }
        // The newest pool's updates; what an older one still held is part of the difference.
        while let Ok(feed) = self.feeds.try_recv() {
            self.feed = Some(feed);
        }
        self.fetch_difference();
        self.fresh = true;
        self.tell(PlatformEvent::Connected, None).await;
        Ok(())
    }

    async fn pause(&self, wait: Duration) -> Result<(), Ended> {
        tokio::select! {
            () = self.account.link.closed().cancelled() => Err(Ended),
            () = self.out.closed() => Err(Ended),
            () = sleep(wait) => Ok(()),
        }
    }

    pub(super) async fn tell(&self, event: PlatformEvent, cursors: Option<UpdatesState>) {
        // A reader that is gone is noticed by the next step.
        let _reader = self.out.send(Yielded { event, cursors }).await;
    }
}
