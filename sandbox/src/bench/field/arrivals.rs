//! What comes to the destinations, waited for and checked.

use std::time::{Duration, Instant};

use super::Field;
use crate::{
    arrivals::Page,
    bench::{
        Bench,
        trips::{Trip, Trips},
    },
    client::Http,
    scene::Route,
};

/// How long nothing may arrive before the rest counts as lost.
const STALL_PATIENCE: Duration = Duration::from_secs(120);
/// How often a sandbox is asked what is new. Asking takes processor time from what is measured.
const LOOK_PERIOD: Duration = Duration::from_millis(25);

impl Field {
    /// Forgets what has come so far: the next reading of arrivals begins now.
    ///
    /// # Errors
    /// When a sandbox does not answer.
    pub async fn forget_arrivals(&mut self) -> anyhow::Result<()> {
        self.telegram_next = page(self.controls.telegram.http(), u64::MAX).await?.next;
        self.discord_next = page(self.controls.discord.http(), u64::MAX).await?.next;
        Ok(())
    }

    /// Waits until `count` messages of `routes` have come to their destinations since [`Self::forget_arrivals`].
    ///
    /// # Errors
    /// When a message is lost, doubled or out of order: such a measurement would mean nothing.
    pub async fn arrived(&mut self, bench: &Bench<'_>, routes: &[Route], count: usize) -> anyhow::Result<Vec<Trip>> {
        let mut trips = Trips::new(routes);
        let mut changed = Instant::now();
        loop {
            let before = trips.came();
            self.look(&mut trips).await?;
            if trips.came() > before {
                changed = Instant::now();
            }
            bench.progress.waiting(&format!("{} of {count} arrived", trips.came()));
            if trips.came() >= count {
                // A sandbox that was asked first may have heard of a message since.
                self.look(&mut trips).await?;
                return trips.checked();
            }
            anyhow::ensure!(
                changed.elapsed() < STALL_PATIENCE,
                "{} of {count} messages arrived, and then nothing for {} s",
                trips.came(),
                STALL_PATIENCE.as_secs()
            );
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    }

    /// Notes what has come since the last look.
    async fn look(&mut self, trips: &mut Trips) -> anyhow::Result<()> {
        let telegram = page(self.controls.telegram.http(), self.telegram_next).await?;
        let discord = page(self.controls.discord.http(), self.discord_next).await?;
        (self.telegram_next, self.discord_next) = (telegram.next, discord.next);
        telegram.arrivals.iter().chain(&discord.arrivals).for_each(|arrival| trips.note(arrival));
        Ok(())
    }
}

async fn page(http: &Http, from: u64) -> anyhow::Result<Page> {
    Ok(http.get(&format!("/arrivals?from={from}")).await?)
}
