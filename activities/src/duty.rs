//! What this worker was told to do: carry on, give its accounts away, or hold still.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Accounts given away at once: few, so that a mistake is seen before all are gone, and the others are asked gently.
const LEAVING_AT_ONCE: usize = 4;

/// What this worker was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Take no more accounts, and give away those that there are.
    pub draining: bool,
    /// Also when nobody takes them.
    pub forced: bool,
    /// Carry nothing: what comes in is recorded and waits.
    pub still: bool,
}

/// The orders of this worker, as they change.
#[derive(Debug)]
pub struct Duty {
    orders: watch::Sender<Orders>,
    turns: Arc<Semaphore>,
}

impl Default for Duty {
    fn default() -> Self {
        Self { orders: watch::Sender::new(Orders::default()), turns: Arc::new(Semaphore::new(LEAVING_AT_ONCE)) }
    }
}

/// Leave to give an account away. As long as it is held, at most three others do.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held until the account has arrived")] OwnedSemaphorePermit);

impl Duty {
    /// What holds now.
    #[must_use]
    pub fn orders(&self) -> Orders {
        *self.orders.borrow()
    }

    /// Passes on what was told; returns what held before.
    pub fn set(&self, orders: Orders) -> Orders {
        self.orders.send_replace(orders)
    }

    /// Resolves when an account that is hosted here is to be given away.
    pub async fn leave(&self) -> Turn {
        loop {
            self.until(|orders| orders.draining).await;
            // Never closed.
            let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return std::future::pending().await };
            if self.orders().draining {
                return Turn(turn);
            }
        }
    }

    async fn until(&self, wanted: impl Fn(&Orders) -> bool) {
        // Nobody drops the sender while there is a `&self`.
        if self.orders.subscribe().wait_for(|orders| wanted(orders)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const DRAIN: Orders = Orders { draining: true, forced: false, still: false };

    #[tokio::test]
    async fn accounts_leave_some_at_a_time_and_only_while_that_is_wanted() {
        let duty = Duty::default();
        assert!(duty.leave().now_or_never().is_none());
        assert_eq!(duty.set(DRAIN), Orders::default());
        let mut turns = Vec::new();
        for _ in 0..LEAVING_AT_ONCE {
            turns.push(duty.leave().now_or_never().expect("there is a turn"));
        }
        assert!(duty.leave().now_or_never().is_none());
        turns.pop();
        assert!(duty.leave().now_or_never().is_some());
        duty.set(Orders::default());
        assert!(duty.leave().now_or_never().is_none());
    }
}
