//! Sealing anew: values under an old key, or still in clear, come under the first key, while everything else runs.
//!
//! Rows are locked for the moment in which they are changed, and rows that somebody else has locked are left for the
//! next round, so no writer waits long and none is overtaken. What is done stands in the rows themselves: a run that
//! was interrupted is simply started again, and two at a time do no harm.
//!
//! The names of tables and columns come from [`super::columns`], so these are the only statements of the crate that are
//! not checked at compile time; a test runs them on every column.

use std::fmt;

use secrecy::zeroize::Zeroizing;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use super::{Sealer, columns::SealedColumn};
use crate::StoreError;

/// The values of one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Values in clear.
    pub clear: i64,
    /// Sealed values by the id of their key.
    pub sealed: Vec<(String, i64)>,
}

impl Survey {
    /// Values that the first key has not sealed.
    #[must_use]
    pub fn left(&self, sealer: &Sealer) -> i64 {
        let old = self.sealed.iter().filter(|(id, _)| id != sealer.first_id());
        self.clear + old.map(|(_, count)| count).sum::<i64>()
    }
}

/// Counts by key, such as `3 under k1, 1 in clear`.
impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = self.sealed.iter().map(|(id, count)| format!("{count} under {id}"));
        let clear = (self.clear > 0).then(|| format!("{} in clear", self.clear));
        let all: Vec<String> = sealed.chain(clear).collect();
        f.write_str(if all.is_empty() { "none" } else { "" })?;
        f.write_str(&all.join(", "))
    }
}

/// Counts the values of a column by their keys. Reads the whole table.
pub async fn survey(pool: &PgPool, column: &SealedColumn) -> Result<Survey, StoreError> {
    let SealedColumn { table, column: name, .. } = column;
    let is_clear = column.clear.map_or("false", |clear| clear.when);
    let sql = format!(
        "SELECT CASE WHEN {is_clear} THEN NULL
                     ELSE encode(substring({name} FROM 2 FOR get_byte(substring({name} FROM 1 FOR 1), 0)), 'escape')
                     END AS key, count(*) AS count
         FROM {table} WHERE ({is_clear}) OR length({name}) > 0 GROUP BY 1 ORDER BY 1"
    );
    let mut survey = Survey::default();
    for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await? {
        let count: i64 = row.try_get("count")?;
        match row.try_get::<Option<String>, _>("key")? {
            Some(key) => survey.sealed.push((key, count)),
            None => survey.clear = count,
        }
    }
    Ok(survey)
}

/// What one transaction has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Values that were sealed anew.
    pub resealed: usize,
    /// Values that do not open: damaged, of another row, or under a key that is not in the list. They are left alone.
    pub unopened: usize,
    /// The key of the last row that was looked at; `None`: there are no more.
    pub last: Option<Vec<String>>,
}

/// Seals the next values of a column anew, in the order of its table's primary key, from the row after `after` on.
pub async fn batch(
    pool: &PgPool,
    sealer: &Sealer,
    column: &SealedColumn,
    after: Option<&[String]>,
) -> Result<Batch, StoreError> {
    let mut transaction = pool.begin().await?;
    let mark = sealer.mark()?;
    let sql = select(column, after.is_some());
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(i32::try_from(mark.len()).unwrap_or(i32::MAX)).bind(&mark);
    for value in after.unwrap_or_default() {
        query = query.bind(value.clone());
    }
    let rows = query.fetch_all(&mut *transaction).await?;
    let (mut done, mut keys, mut values) = (Batch::default(), vec![Vec::new(); column.key.len()], Vec::new());
    for row in &rows {
        let key: Vec<String> = row.try_get("key")?;
        let place = column.place_of(&key);
        let plain = match row.try_get::<Option<Vec<u8>>, _>("clear")? {
            Some(clear) => Ok(clear),
            None => sealer.open_bytes(&place, &row.try_get::<Vec<u8>, _>("sealed")?),
        };
        match plain.map(Zeroizing::new) {
            Ok(plain) => {
                values.push((place, plain));
                keys.iter_mut().zip(&key).for_each(|(column, value)| column.push(value.clone()));
            }
            Err(_) => done.unopened += 1,
        }
        done.last = Some(key);
    }
    let sealed = sealer.seal_all(&values)?;
    if !sealed.is_empty() {
        let mut query = sqlx::query(AssertSqlSafe(update(column)));
        for key in keys {
            query = query.bind(key);
        }
        done.resealed = sealed.len();
        query.bind(sealed).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(done)
}

/// Seals all values of a column anew that need it, and tells `progress` how many so far. Returns what was done; rows
/// that somebody had locked, or has written since under an old key, are left.
pub async fn column(
    pool: &PgPool,
    sealer: &Sealer,
    column: &SealedColumn,
    mut progress: impl FnMut(&Batch),
) -> Result<Batch, StoreError> {
    let mut all = Batch::default();
    loop {
        let done = batch(pool, sealer, column, all.last.as_deref()).await?;
        if done.last.is_none() {
            return Ok(Batch { last: None, ..all });
        }
        all.resealed += done.resealed;
        all.unopened += done.unopened;
        all.last = done.last;
        progress(&all);
    }
}

/// Rows that need it, after the one whose key is `$3`…, locked; those that are locked already are passed by.
fn select(column: &SealedColumn, from: bool) -> String {
    let SealedColumn { table, column: name, key, rows_at_once, .. } = column;
    let (is_clear, clear) = column.clear.map_or(("false", "NULL::bytea"), |clear| (clear.when, clear.value));
    let names: Vec<&str> = key.iter().map(|(name, _)| *name).collect();
    let texts: Vec<String> = key.iter().map(|(name, _)| format!("{name}::text")).collect();
    let after = if from {
        let given = key.iter().zip(3..).map(|((_, kind), number)| format!("${number}::text::{kind}"));
        format!("AND ({}) > ({})", names.join(", "), given.collect::<Vec<_>>().join(", "))
    } else {
        String::new()
    };
    format!(
        "SELECT ARRAY[{texts}] AS key, CASE WHEN {is_clear} THEN {clear} END AS clear,
                CASE WHEN {is_clear} THEN NULL ELSE {name} END AS sealed
         FROM {table}
         WHERE (({is_clear}) OR (length({name}) > 0 AND substring({name} FROM 1 FOR $1) <> $2)) {after}
         ORDER BY {names} LIMIT {rows_at_once} FOR NO KEY UPDATE SKIP LOCKED",
        texts = texts.join(", "),
        names = names.join(", "),
    )
}

/// Writes the values `$n`, after the arrays of the key's columns.
fn update(column: &SealedColumn) -> String {
    let SealedColumn { table, column: name, key, .. } = column;
    let set = column.clear.map_or(String::new(), |clear| format!(", {}", clear.set));
    let arrays: Vec<String> = (1..=key.len()).map(|number| format!("${number}::text[]")).collect();
    let aliases: Vec<String> = (1..=key.len()).map(|number| format!("k{number}")).collect();
    let same: Vec<String> =
        key.iter().zip(&aliases).map(|((name, kind), alias)| format!("t.{name} = n.{alias}::{kind}")).collect();
    format!(
        "UPDATE {table} t SET {name} = n.value{set}
         FROM unnest({arrays}, ${last}::bytea[]) AS n({aliases}, value) WHERE {same}",
        arrays = arrays.join(", "),
        last = key.len() + 1,
        aliases = aliases.join(", "),
        same = same.join(" AND "),
    )
}
