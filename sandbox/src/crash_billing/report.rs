//! The end of a run: figures, and what was wrong.

use std::fmt;

use super::{
    check::{Fault, Verdict},
    stage::Tally,
};
use crate::chaos;

/// So many offences are described; all are counted.
const SHOWN_MAX: usize = 60;

/// Everything that a run has shown.
#[derive(Debug)]
pub struct Outcome {
    seed: u64,
    kills: usize,
    checkouts: usize,
    others: [usize; 4],
    verdict: Verdict,
}

impl Outcome {
    /// Collects it.
    #[must_use]
    pub fn new(seed: u64, kills: usize, tally: &Tally, verdict: Verdict) -> Self {
        Self { seed, kills, checkouts: tally.checkouts(), others: tally.others(), verdict }
    }
}

impl chaos::Outcome for Outcome {
    fn is_clean(&self) -> bool {
        self.verdict.is_clean()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for offence in self.verdict.0.iter().take(SHOWN_MAX) {
            writeln!(f, "crash-billing: {:<14} {}", offence.fault, offence.text)?;
        }
        let [renewals, refunds, chargebacks, coupons] = self.others;
        writeln!(
            f,
            "crash-billing: renewals={renewals} refunds={refunds} chargebacks={chargebacks} coupons={coupons} seed={}",
            self.seed
        )?;
        let count = |fault| self.verdict.count(fault);
        write!(
            f,
            "crash-billing: checkouts={} kills={} double_charged={} lost={} ledger_imbalance={} plans_wrong={}",
            self.checkouts,
            self.kills,
            count(Fault::DoubleCharged),
            count(Fault::Lost),
            count(Fault::LedgerImbalance),
            count(Fault::PlanWrong)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chaos::Outcome as _, crash_billing::check::Offence};

    #[test]
    fn the_last_line_has_its_shape() {
        let tally = Tally::default();
        tally.checkout();
        let clean = Outcome::new(7, 3, &tally, Verdict::default());
        let last = "crash-billing: checkouts=1 kills=3 double_charged=0 lost=0 ledger_imbalance=0 plans_wrong=0";
        assert_eq!(clean.to_string().lines().last(), Some(last));
        assert!(clean.is_clean());
        let lost = Verdict(vec![Offence { fault: Fault::Lost, text: "10 came".into() }]);
        let wrong = Outcome::new(7, 3, &tally, lost);
        assert!(!wrong.is_clean() && wrong.to_string().contains("lost=1"));
    }
}
