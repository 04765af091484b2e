//! The figures as a table for people and as JSON for machines.

use std::{fmt, path::Path};

use serde_json::{Value, json};

use crate::scene::Latency;

/// One run of one direction, in messages per second.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Through Causeway, until it stands at the destination.
    pub durable: f64,
    /// The bare loop, where there is one.
    pub ceiling: Option<f64>,
}

/// Resident memory after the load.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Of the worker.
    pub worker_mb: f64,
    /// Of the API.
    pub api_mb: f64,
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Results {
    /// Pairs per direction.
    pub pairs: usize,
    /// Messages per pair and run.
    pub messages_per_pair: usize,
    /// The runs from Telegram to Discord.
    pub telegram_to_discord: Vec<Rate>,
    /// The runs from Discord to Telegram.
    pub discord_to_telegram: Vec<Rate>,
    /// Single messages through idle pairs.
    pub idle: Latency,
    /// Memory of our two processes.
    pub memory: Memory,
    /// The machine's load average of a minute before the stack was started: above zero, others took part.
    pub load_before: f64,
}

impl Results {
    /// Writes the JSON form.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(file, serde_json::to_string_pretty(&self.to_json())? + "\n")?;
        Ok(())
    }

    fn to_json(&self) -> Value {
        json!({
            "telegram_to_discord": direction(&self.telegram_to_discord),
            "discord_to_telegram": direction(&self.discord_to_telegram),
            "idle_latency_ms": { "p50": rounded(self.idle.p50_ms), "p99": rounded(self.idle.p99_ms) },
            "memory_mb": { "worker": rounded(self.memory.worker_mb), "api": rounded(self.memory.api_mb) },
            "setup": {
                "pairs": self.pairs,
                "messages_per_pair": self.messages_per_pair,
                "runs": self.telegram_to_discord.len(),
                "optimised": !cfg!(debug_assertions),
                "load_before": self.load_before,
                "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            },
        })
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} pairs, {} messages each, medians of {}",
            self.pairs,
            self.messages_per_pair,
            self.telegram_to_discord.len()
        )?;
        writeln!(f, "{:<24}{:>14}{:>14}{:>9}", "direction", "durable msg/s", "ceiling msg/s", "ratio")?;
        for (name, rates) in
            [("Telegram → Discord", &self.telegram_to_discord), ("Discord → Telegram", &self.discord_to_telegram)]
        {
            let (durable, ceiling) = medians(rates);
            let ceiling_text = ceiling.map_or("-".to_owned(), |rate| format!("{rate:.0}"));
            let ratio = ceiling.map_or("-".to_owned(), |ceiling| format!("{:.2}", durable / ceiling));
            writeln!(f, "{name:<24}{durable:>14.0}{ceiling_text:>14}{ratio:>9}")?;
        }
        writeln!(f, "idle latency            p50 {:.1} ms, p99 {:.1} ms", self.idle.p50_ms, self.idle.p99_ms)?;
        writeln!(
            f,
            "resident memory         worker {:.0} MB, API {:.0} MB",
            self.memory.worker_mb, self.memory.api_mb
        )?;
        write!(f, "load before the start   {:.2}", self.load_before)
    }
}

fn direction(rates: &[Rate]) -> Value {
    let (durable, ceiling) = medians(rates);
    let mut figures = json!({
        "durable_msgs_per_s": rounded(durable),
        "durable_runs": rates.iter().map(|rate| rounded(rate.durable)).collect::<Vec<_>>(),
    });
    if let Some(ceiling) = ceiling {
        figures["ceiling_msgs_per_s"] = json!(rounded(ceiling));
        figures["ceiling_runs"] = rates.iter().filter_map(|rate| rate.ceiling).map(rounded).collect();
        figures["ratio"] = json!((durable / ceiling * 1_000.0).round() / 1_000.0);
    }
    figures
}

fn medians(rates: &[Rate]) -> (f64, Option<f64>) {
    let ceilings: Vec<f64> = rates.iter().filter_map(|rate| rate.ceiling).collect();
    let durable = median(rates.iter().map(|rate| rate.durable).collect()).unwrap_or(f64::NAN);
    (durable, median(ceilings))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*values.get(middle - 1)?, upper)) }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_and_the_keys_are_stable() {
        let rate = |durable, ceiling| Rate { durable, ceiling: Some(ceiling) };
        let results = Results {
            pairs: 20,
            messages_per_pair: 100,
            telegram_to_discord: vec![rate(300.0, 1_000.0), rate(100.0, 900.0), rate(200.0, 800.0)],
            discord_to_telegram: vec![Rate { durable: 10.0, ceiling: None }, Rate { durable: 20.0, ceiling: None }],
            idle: Latency { p50_ms: 12.34, p99_ms: 56.78 },
            memory: Memory { worker_mb: 100.0, api_mb: 50.0 },
            load_before: 0.5,
        };
        let json = results.to_json();
        for (pointer, value) in [
            ("/telegram_to_discord/durable_msgs_per_s", 200.0),
            ("/telegram_to_discord/ceiling_msgs_per_s", 900.0),
            ("/telegram_to_discord/ratio", 0.222),
            ("/discord_to_telegram/durable_msgs_per_s", 15.0),
            ("/idle_latency_ms/p50", 12.3),
            ("/idle_latency_ms/p99", 56.8),
            ("/memory_mb/worker", 100.0),
            ("/memory_mb/api", 50.0),
        ] {
            assert_eq!(json.pointer(pointer).and_then(Value::as_f64), Some(value), "{pointer}");
        }
        assert!(json.pointer("/discord_to_telegram/ratio").is_none());
        assert!(results.to_string().contains("0.22"));
    }
}
