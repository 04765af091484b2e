//! What was measured, as a table for people and as JSON for machines.

use std::{fmt, path::Path};

use serde_json::{Value, json};

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
}

impl Target {
    /// True when `value` is what it should be.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, value) = match self {
            Self::AtLeast(value) => ('≥', value),
            Self::AtMost(value) => ('≤', value),
        };
        f.pad(&format!("{sign} {value}"))
    }
}

/// One measured value.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What, for people; the key in JSON.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it should be, where the project has set itself something.
    pub target: Option<Target>,
    /// The runs behind a median.
    pub runs: Vec<f64>,
}

impl Figure {
    /// A value without a target.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, target: None, runs: Vec::new() }
    }

    /// The median of several runs.
    #[must_use]
    pub fn median(name: impl Into<String>, runs: Vec<f64>, unit: &'static str) -> Self {
        Self { value: median(&runs), runs, ..Self::new(name, 0.0, unit) }
    }

    /// With a target.
    #[must_use]
    pub fn target(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    fn to_json(&self) -> Value {
        let mut figure = json!({ "value": rounded(self.value), "unit": self.unit });
        if let Some(target) = self.target {
            figure["target"] = json!(target.to_string());
            figure["met"] = json!(target.is_met(self.value));
        }
        if !self.runs.is_empty() {
            figure["runs"] = self.runs.iter().copied().map(rounded).collect();
        }
        figure
    }
}

/// The figures of one scenario.
#[derive(Clone, Debug)]
pub struct Section {
    /// The scenario.
    pub name: String,
    /// Which of its forms: `bounded` or `full`.
    pub form: &'static str,
    /// What it measured.
    pub figures: Vec<Figure>,
    /// The machine's load average when it began, in processes: above zero, others took part.
    pub load_before: f64,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default)]
pub struct Report(pub Vec<Section>);

impl Report {
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
        let scenarios: serde_json::Map<String, Value> = self
            .0
            .iter()
            .map(|section| {
                let figures: serde_json::Map<String, Value> =
                    section.figures.iter().map(|figure| (figure.name.clone(), figure.to_json())).collect();
                let value = json!({ "form": section.form, "load_before": section.load_before, "figures": figures });
                (section.name.clone(), value)
            })
            .collect();
        json!({
            "scenarios": scenarios,
            "machine": {
                "optimised": !cfg!(debug_assertions),
                "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            },
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<58}{:>12} {:<12}{:>12}", "figure", "value", "unit", "target")?;
        for section in &self.0 {
            writeln!(f, "{} ({} form, load before {:.2})", section.name, section.form, section.load_before)?;
            for figure in &section.figures {
                write!(f, "  {:<56}{:>12} {:<12}", figure.name, shown(figure.value), figure.unit)?;
                match figure.target {
                    Some(target) if target.is_met(figure.value) => writeln!(f, "{target:>12} met")?,
                    Some(target) => writeln!(f, "{target:>12} MISSED")?,
                    None => writeln!(f)?,
                }
            }
        }
        Ok(())
    }
}

fn shown(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The value in the middle.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.get(middle.wrapping_sub(1))) {
        (Some(upper), Some(lower)) if values.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(upper), _) => *upper,
        (None, _) => f64::NAN,
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_and_targets_are_judged() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
        let figure = Figure::median("rate", vec![300.0, 100.0, 200.0], "msg/s").target(Target::AtLeast(150.0));
        let missed = Figure::new("p99", 12.34, "ms").target(Target::AtMost(12.0));
        let section =
            Section { name: "backlog".into(), form: "bounded", figures: vec![figure, missed], load_before: 0.5 };
        let report = Report(vec![section]);
        let json = report.to_json();
        let at = |pointer: &str| json.pointer(pointer).cloned();
        assert_eq!(at("/scenarios/backlog/figures/rate/value"), Some(json!(200.0)));
        assert_eq!(at("/scenarios/backlog/figures/rate/met"), Some(json!(true)));
        assert_eq!(at("/scenarios/backlog/figures/p99/met"), Some(json!(false)));
        assert!(report.to_string().contains("MISSED"));
    }
}
