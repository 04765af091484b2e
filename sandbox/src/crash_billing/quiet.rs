//! Waiting until nothing happens any more.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    check::{self, Expected, Truth, Verdict},
    stage::Stage,
};
use crate::stack::{Progress, span};

/// How often everything is read and compared.
const CHECK_PERIOD: Duration = Duration::from_secs(2);

/// After everything is as it should be: time for a second charge or a late change to show up.
const SETTLE: Duration = Duration::from_secs(6);

/// How long nothing may change before what is missing counts as lost. A provider that has failed is asked again after five
/// minutes at the latest.
const STALL_PATIENCE: Duration = Duration::from_secs(330);

/// Tells how far it is, for ever; to be dropped.
pub async fn tell(stage: &Stage, progress: Progress) -> Infallible {
    loop {
        let [renewals, refunds, chargebacks, coupons] = stage.tally.others();
        progress.waiting(&format!(
            "{} checkouts, {renewals} renewals, {refunds} refunds, {chargebacks} chargebacks, {coupons} coupons",
            stage.tally.checkouts()
        ));
        sleep(CHECK_PERIOD).await;
    }
}

/// Waits until the product knows all that the providers have in their books and has nothing left to do, or nothing
/// changes any more, and compares.
///
/// # Errors
/// When books or database cannot be read.
pub async fn settle(stage: &Stage, expected: &[Expected], progress: Progress) -> anyhow::Result<Verdict> {
    let started = Instant::now();
    let (mut last, mut changed) = ((Verdict::default(), Vec::new()), Instant::now());
    loop {
        let open = stage.database.open().await?;
        let truth = Truth::new(&stage.paypal.books().await?, &stage.nowpayments.books().await?);
        let rows = stage.database.rows().await?;
        let now = (check::compare(&truth, &rows, expected), open);
        if now != last {
            (last, changed) = (now, Instant::now());
        }
        let (verdict, open) = &last;
        let quiet = changed.elapsed();
        let is_good = verdict.is_clean() && open.is_empty();
        if (is_good && quiet > SETTLE) || quiet > STALL_PATIENCE {
            progress.done(started, &format!("nothing has changed for {}", span(quiet)));
            for row in open {
                progress.line(&format!("  ✗ still to be done: {} {}", row.count, row.what));
            }
            let mut verdict = verdict.clone();
            verdict.0.extend(stage.tally.offences());
            return Ok(verdict);
        }
        progress.waiting(&format!("{} offences, still to be done: {open:?}", verdict.0.len()));
        sleep(CHECK_PERIOD).await;
    }
}
