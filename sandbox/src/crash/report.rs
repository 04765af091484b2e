//! The end of a run: figures, and what was wrong with where to look.

use std::{fmt, time::Duration};

use serde_json::Value;

use super::{
    check::{Fault, Offence, Verdict},
    killer::Kills,
    stage::Stage,
};
use crate::{chaos, scene::nearest_rank, stack::Stack};

/// So many offences are described; all are counted.
const SHOWN_MAX: usize = 40;

/// Of so many of them Causeway is asked what it knows.
const ASKED_MAX: usize = 8;

/// How much of a text is shown, in characters.
const TEXT_CHARS: usize = 60;

/// Half of the accounts are to be hosted again sooner than this after a start of the worker: somebody who reads along
/// shall take a crash for a pause.
const REHOSTED_WITHIN: Duration = Duration::from_secs(5);

/// Of fewer starts the median shows chance alone: one of them may have met platforms that were down.
const STARTS_MIN: usize = 3;

/// Everything that a run has shown.
pub struct Outcome {
    seed: u64,
    kills: Kills,
    faults: usize,
    verdict: Verdict,
    messages: usize,
    edits: usize,
    deletes: usize,
    recovered: Vec<Duration>,
    offences: Vec<String>,
}

impl Outcome {
    /// Collects it.
    ///
    /// # Errors
    /// When the API does not tell what it knows of an offence.
    pub async fn new(
        stack: &Stack,
        stage: &Stage,
        (seed, faults): (u64, usize),
        kills: Kills,
        verdict: Verdict,
    ) -> anyhow::Result<Self> {
        let entries = || stage.pairs.iter().flat_map(|lane| lane.ledger.entries().into_values());
        let mut offences = Vec::new();
        for (index, offence) in verdict.offences.iter().take(SHOWN_MAX).enumerate() {
            offences.push(describe(stage, offence, index < ASKED_MAX).await?);
        }
        if !offences.is_empty() {
            offences.push(format!("the API of the stopped stack was {}", stack.urls().api));
        }
        Ok(Self {
            seed,
            faults,
            kills,
            messages: stage.written(),
            edits: entries().map(|entry| entry.edits).sum(),
            deletes: entries().filter(|entry| entry.deleted).count(),
            recovered: sorted(stage.pairs.iter().flat_map(|lane| lane.ledger.recovered()).collect()),
            verdict,
            offences,
        })
    }

    /// After kills of the worker the accounts took too long to be hosted again.
    fn is_slow(&self) -> bool {
        let median = nearest_rank(&self.rehosted(), 50);
        self.kills.starts.len() >= STARTS_MIN && median.is_some_and(|median| median >= REHOSTED_WITHIN)
    }

    /// How long each account took after each start of the worker, ascending.
    fn rehosted(&self) -> Vec<Duration> {
        sorted(self.kills.starts.iter().flat_map(|start| start.accounts.iter().copied()).collect())
    }
}

impl chaos::Outcome for Outcome {
    /// Nothing was wrong, and the accounts came back in time.
    fn is_clean(&self) -> bool {
        self.verdict.is_clean() && !self.is_slow()
    }
}

/// One offence, and what Causeway says of the message.
async fn describe(stage: &Stage, offence: &Offence, ask: bool) -> anyhow::Result<String> {
    let Some(lane) = stage.pairs.get(offence.pair) else { return Ok(String::new()) };
    let pair = &lane.route.pair.id;
    let text: String = offence.text.chars().take(TEXT_CHARS).collect();
    let mut line = format!("{:<12} {} {pair} \"{}\"", offence.fault, lane.route.direction, text.replace('\n', " "));
    let Some(entry) = offence.number.and_then(|number| lane.ledger.entry(number)) else { return Ok(line) };
    line += &format!(
        "\n    at its source: id {}, {} edits{}: \"{}\"",
        entry.id,
        entry.edits,
        if entry.deleted { ", deleted" } else { "" },
        entry.text.chars().take(TEXT_CHARS).collect::<String>().replace('\n', " ")
    );
    if ask {
        match delivery(stage, pair, &entry.id).await? {
            Some(delivery) => line += &format!("\n    Causeway says: {delivery}"),
            None => line += "\n    Causeway has no delivery of it",
        }
    }
    Ok(line)
}

/// What the API knows of a source message: its newest delivery, found page by page.
async fn delivery(stage: &Stage, pair: &str, source: &str) -> anyhow::Result<Option<Value>> {
    let mut before = String::new();
    loop {
        let page: Value = stage.api.http().get(&format!("/pairs/{pair}/messages?limit=200{before}")).await?;
        let messages = page.get("messages").and_then(Value::as_array);
        let ours = |delivery: &&Value| delivery.get("source_message_id").and_then(Value::as_str) == Some(source);
        if let Some(found) = messages.into_iter().flatten().find(ours) {
            return Ok(Some(found.clone()));
        }
        let Some(next) = page.get("next").and_then(Value::as_i64) else { return Ok(None) };
        before = format!("&before={next}");
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for offence in &self.offences {
            writeln!(f, "crash: {offence}")?;
        }
        let count = |fault| self.verdict.count(fault);
        let starts = &self.kills.starts;
        let rehosted = self.rehosted();
        if self.is_slow() {
            writeln!(
                f,
                "crash: after {} starts of the worker the accounts were hosted again in {:.1} s at the median, not in \
                 under {:.0} s",
                starts.len(),
                percentile(&rehosted, 50),
                REHOSTED_WITHIN.as_secs_f64()
            )?;
        }
        let all_online = sorted(starts.iter().map(|start| start.all_online).collect());
        writeln!(
            f,
            "crash: edits={} deletes={} faults={} stale={} undeleted={} misanswered={} foreign={}",
            self.edits,
            self.deletes,
            self.faults,
            count(Fault::Stale),
            count(Fault::Undeleted),
            count(Fault::Misanswered),
            count(Fault::Foreign)
        )?;
        writeln!(
            f,
            "crash: worker_starts={} rehosted_p50_s={:.1} rehosted_max_s={:.1} all_online_p50_s={:.1} \
             recovered_p50_s={:.1}",
            starts.len(),
            percentile(&rehosted, 50),
            percentile(&rehosted, 100),
            percentile(&all_online, 50),
            percentile(&self.recovered, 50)
        )?;
        writeln!(f, "crash: seed={}", self.seed)?;
        write!(
            f,
            "crash: kills={} messages={} lost={} duplicated={} out_of_order={} recovered_p99_s={:.1}",
            self.kills.count,
            self.messages,
            count(Fault::Lost),
            count(Fault::Duplicated),
            count(Fault::OutOfOrder),
            percentile(&self.recovered, 99)
        )
    }
}

fn sorted(mut times: Vec<Duration>) -> Vec<Duration> {
    times.sort_unstable();
    times
}

/// In seconds; 0 when nothing was measured.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    nearest_rank(sorted, percent).as_ref().map_or(0.0, Duration::as_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chaos::Outcome as _, crash::killer::Rehosted};

    fn seconds(from: u64, to: u64) -> Vec<Duration> {
        (from..=to).map(Duration::from_secs).collect()
    }

    /// A run without offences, with one start of the worker for each of `from`: its three accounts were hosted again
    /// after so many seconds, one more, and two more.
    fn outcome(from: impl IntoIterator<Item = u64>) -> Outcome {
        let start = |from| Rehosted { accounts: seconds(from, from + 2), all_online: Duration::from_secs(from + 4) };
        let starts: Vec<Rehosted> = from.into_iter().map(start).collect();
        Outcome {
            seed: 7,
            kills: Kills { count: starts.len(), starts },
            faults: 2,
            verdict: Verdict::default(),
            messages: 2_000,
            edits: 5,
            deletes: 4,
            recovered: seconds(1, 100),
            offences: Vec::new(),
        }
    }

    #[test]
    fn the_last_line_has_its_shape() {
        let outcome = outcome(1..=3);
        let text = outcome.to_string();
        let lines: Vec<&str> = text.lines().rev().collect();
        assert_eq!(lines[0], "crash: kills=3 messages=2000 lost=0 duplicated=0 out_of_order=0 recovered_p99_s=99.0");
        assert_eq!(lines[1], "crash: seed=7");
        let rehosted = "crash: worker_starts=3 rehosted_p50_s=3.0 rehosted_max_s=5.0 all_online_p50_s=6.0";
        assert_eq!(lines[2], format!("{rehosted} recovered_p50_s=50.0"));
        assert_eq!(lines.len(), 4);
        assert!(outcome.is_clean());
    }

    #[test]
    fn accounts_that_come_back_too_late_make_a_run_unclean() {
        let slow = outcome([4, 4, 4]);
        assert!(!slow.is_clean(), "five seconds at the median are not under five");
        let text = slow.to_string();
        let said = "crash: after 3 starts of the worker the accounts were hosted again in 5.0 s at the median";
        assert!(text.starts_with(said), "{text}");
        assert!(outcome([1, 1, 30]).is_clean(), "one slow start is not the median");
        assert!(outcome([30, 30]).is_clean(), "two starts show nothing");
        assert!(outcome([]).is_clean());
    }
}
