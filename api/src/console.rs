//! What the operator does at the console: makes staff, and brings users along from elsewhere.

use std::{
    fmt,
    io::{BufRead, Write},
};

use anyhow::Context as _;
use domain::{Clock as _, Email, Role, SystemClock, UserId};
use serde_json::json;
use store::{PgPool, StoreError, audit::Act};

use crate::{config::Config, password};

mod csv;

use csv::Line;

/// Gives the user with this address a role, and says so. The audit log has it as the operator's act.
///
/// # Errors
/// When there is no such user, the database cannot be reached, or `out` not be written to.
pub async fn set_role(config: &Config, email: &str, role: Role, out: &mut impl Write) -> anyhow::Result<()> {
    let email = Email::parse(email).context("this is not an e-mail address")?;
    let pool = store::connect(&config.database_url)?;
    let changed = change_role(&pool, &email, role).await;
    pool.close().await;
    let (user, former) = changed?.context("there is no user with this address")?;
    match former == role {
        true => writeln!(out, "{user} is {role} already")?,
        false => writeln!(out, "{user} was {former} and is {role} now")?,
    }
    Ok(())
}

async fn change_role(pool: &PgPool, email: &Email, role: Role) -> Result<Option<(UserId, Role)>, StoreError> {
    let mut transaction = pool.begin().await?;
    let Some(user) = store::users::find_by_email(&mut transaction, email).await? else { return Ok(None) };
    let Some(former) = store::users::set_role(&mut transaction, user.id, role).await? else { return Ok(None) };
    if former != role {
        let subject = user.id.to_string();
        let act = Act {
            action: "user.role",
            subject: Some(&subject),
            user: Some(user.id),
            before: Some(json!({ "role": former })),
            after: Some(json!({ "role": role })),
            ..Act::default()
        };
        store::audit::record(&mut transaction, &act, SystemClock.now()).await?;
    }
    transaction.commit().await?;
    Ok(Some((user.id, former)))
}

/// What became of a file of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Users that were made.
    pub made: usize,
    /// Addresses that belong to a user already: nothing was changed.
    pub known: usize,
    /// Lines that could not be taken.
    pub refused: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "imported {}, there already {}, refused {}", self.made, self.known, self.refused)
    }
}

/// Makes users of the lines `email,hash[,verified]` of `source`, and writes what became of each. A hash is argon2's in PHC
/// form or bcrypt's. It can be stopped at any time and started again: whoever is a user already stays as they are.
///
/// # Errors
/// When `source` cannot be read, the database not be reached, or `out` not be written to.
pub async fn import_users(config: &Config, source: impl BufRead, out: &mut impl Write) -> anyhow::Result<Report> {
    let pool = store::connect(&config.database_url)?;
    let report = import_lines(&pool, source, out).await;
    pool.close().await;
    report
}

async fn import_lines(pool: &PgPool, source: impl BufRead, out: &mut impl Write) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for (number, line) in (1_usize..).zip(source.lines()) {
        let line = line.with_context(|| format!("line {number} cannot be read"))?;
        match csv::parse(&line) {
            Line::Nothing => continue,
            Line::Wrong(reason) => {
                report.refused += 1;
                writeln!(out, "line {number}: refused: {reason}")?;
            }
            Line::User { email, hash, verified } => match import_one(pool, &email, &hash, verified).await {
                Ok(Imported::Made(user)) => {
                    report.made += 1;
                    writeln!(out, "line {number}: imported as {user}")?;
                }
                Ok(Imported::Known) => {
                    report.known += 1;
                    writeln!(out, "line {number}: there already")?;
                }
                Ok(Imported::Refused(reason)) => {
                    report.refused += 1;
                    writeln!(out, "line {number}: refused: {reason}")?;
                }
                Err(error) => return Err(error).with_context(|| format!("line {number} could not be imported")),
            },
        }
    }
    writeln!(out, "{report}")?;
    Ok(report)
}

enum Imported {
    Made(UserId),
    Known,
    Refused(&'static str),
}

async fn import_one(pool: &PgPool, email: &str, hash: &str, verified: bool) -> Result<Imported, StoreError> {
    let Ok(email) = Email::parse(email) else { return Ok(Imported::Refused("this is not an e-mail address")) };
    if let Err(reason) = password::foreign::check(hash) {
        return Ok(Imported::Refused(reason));
    }
    let (id, now) = (UserId::new(&SystemClock), SystemClock.now());
    let mut transaction = pool.begin().await?;
    match store::users::insert(&mut transaction, id, &email, hash, now).await {
        Ok(_) => (),
        Err(StoreError::Conflict { constraint }) if constraint == "users_email_key" => return Ok(Imported::Known),
        Err(error) => return Err(error),
    }
    if verified {
        store::users::set_email_verified(&mut transaction, id, now).await?;
    }
    let subject = id.to_string();
    let act = Act {
        action: "user.import",
        subject: Some(&subject),
        user: Some(id),
        after: Some(json!({ "email_verified": verified })),
        ..Act::default()
    };
    store::audit::record(&mut transaction, &act, now).await?;
    transaction.commit().await?;
    Ok(Imported::Made(id))
}
