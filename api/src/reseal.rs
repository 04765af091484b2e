//! `causeway-api reseal`: brings every sealed value under the first key, while worker and API run.

use std::{io::Write, time::Duration};

use anyhow::Context as _;
use store::{
    PgPool,
    seal::{
        Sealer,
        columns::{SEALED, SealedColumn},
        reseal,
    },
};

use crate::config::Config;

/// Rows that somebody had locked are looked for again so often.
const ROUNDS_MAX: usize = 5;
/// Writers let go of a row within milliseconds.
const ROUND_PAUSE: Duration = Duration::from_secs(1);
/// Progress is told each time so many more values are sealed.
const TOLD_EVERY: usize = 10_000;

/// What to do with sealed values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Seal anew what is in clear or under another key than the first.
    Reseal,
    /// Only say how many values there are under which key.
    Check,
}

/// Does `task` for all sealed columns and writes what it does, one line each. True when every value is under the first
/// key afterwards. It can be stopped at any time and started again.
///
/// # Errors
/// When the database cannot be reached, or `out` not be written to.
pub async fn run(config: &Config, task: Task, out: &mut impl Write) -> anyhow::Result<bool> {
    let pool = store::connect(&config.database_url)?;
    let left = sealed(&pool, &config.sealer, task, out).await;
    pool.close().await;
    Ok(left? == 0)
}

async fn sealed(pool: &PgPool, sealer: &Sealer, task: Task, out: &mut impl Write) -> anyhow::Result<i64> {
    let mut left = 0;
    for column in SEALED {
        left += one(pool, sealer, column, task, out)
            .await
            .with_context(|| format!("{}.{} could not be sealed", column.table, column.column))?;
    }
    match left {
        0 => writeln!(out, "Every value is sealed under {}.", sealer.first_id())?,
        left => writeln!(out, "{left} values are not sealed under {}.", sealer.first_id())?,
    }
    Ok(left)
}

/// One column. Returns how many values are left under other keys, or in clear.
async fn one(
    pool: &PgPool,
    sealer: &Sealer,
    column: &SealedColumn,
    task: Task,
    out: &mut impl Write,
) -> anyhow::Result<i64> {
    let name = format!("{}.{}", column.table, column.column);
    let mut survey = reseal::survey(pool, column).await?;
    let mut rounds = if task == Task::Reseal { ROUNDS_MAX } else { 0 };
    while survey.left(sealer) > 0 && rounds > 0 {
        let mut told = 0;
        let done = reseal::column(pool, sealer, column, |so_far| {
            if so_far.resealed - told >= TOLD_EVERY {
                told = so_far.resealed;
                // Whoever reads along may have gone; the work goes on.
                let _told = writeln!(out, "{name}: {told} sealed anew so far");
            }
        });
        let done = done.await?;
        writeln!(out, "{name}: {} sealed anew", done.resealed)?;
        if done.unopened > 0 {
            writeln!(out, "{name}: {} do not open with any of the keys", done.unopened)?;
            rounds = 1;
        }
        survey = reseal::survey(pool, column).await?;
        rounds -= 1;
        if survey.left(sealer) > 0 && rounds > 0 {
            tokio::time::sleep(ROUND_PAUSE).await;
        }
    }
    writeln!(out, "{name}: {survey}")?;
    Ok(survey.left(sealer))
}
