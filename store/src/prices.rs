//! What plans cost whoever subscribes from now on, and for how long they may be tried out.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{
    Currency, Money, Plan, PlanId,
    billing::{Interval, Price},
};
use sqlx::PgConnection;

use crate::{StoreError, plans};

/// How a plan is sold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What it costs, by the month first; none for a plan that is not sold.
    pub prices: Vec<Price>,
    /// For so many days a tenant may try it out once; 0: not at all.
    pub trial_days: u16,
}

/// How every plan is sold.
pub async fn all(connection: &mut PgConnection) -> Result<HashMap<PlanId, Terms>, StoreError> {
    let trials = sqlx::query!("SELECT id, trial_days FROM plans").fetch_all(&mut *connection).await?;
    let mut terms: HashMap<PlanId, Terms> = trials
        .into_iter()
        .map(|row| (row.id, Terms { trial_days: days(row.trial_days), ..Terms::default() }))
        .collect();
    let prices = sqlx::query!(
        "SELECT plan_id, billing_interval, amount, currency FROM plan_prices ORDER BY plan_id, billing_interval"
    )
    .fetch_all(connection)
    .await?;
    for row in prices {
        let amount = money(row.amount, &row.currency)?;
        let price = Price { plan: row.plan_id, interval: row.billing_interval, amount };
        terms.entry(row.plan_id).or_default().prices.push(price);
    }
    Ok(terms)
}

/// How one plan is sold; nothing when there is no such plan.
pub async fn of(connection: &mut PgConnection, plan: PlanId) -> Result<Terms, StoreError> {
    Ok(all(connection).await?.remove(&plan).unwrap_or_default())
}

/// The plan with this code, when anybody may choose it, and what a period of it costs.
pub async fn offer(
    connection: &mut PgConnection,
    code: &str,
    interval: Interval,
) -> Result<Option<(Plan, Price)>, StoreError> {
    let Some(plan) = plans::find(connection, code).await?.filter(|plan| plan.is_public) else { return Ok(None) };
    let prices = of(connection, plan.id).await?.prices;
    Ok(prices.into_iter().find(|price| price.interval == interval).map(|price| (plan, price)))
}

/// Sells a plan like this from now on. Whoever subscribes to it already keeps the price that was agreed on.
pub async fn set(
    connection: &mut PgConnection,
    plan: PlanId,
    terms: &Terms,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("UPDATE plans SET trial_days = $2 WHERE id = $1", plan as PlanId, i32::from(terms.trial_days))
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM plan_prices WHERE plan_id = $1", plan as PlanId).execute(&mut *connection).await?;
    for price in &terms.prices {
        sqlx::query!(
            "INSERT INTO plan_prices (plan_id, billing_interval, amount, currency, updated_at)
             VALUES ($1, $2, $3, $4, $5)",
            plan as PlanId,
            price.interval as Interval,
            price.amount.minor,
            price.amount.currency.code(),
            now
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Money as its columns have it.
pub(crate) fn money(minor: i64, currency: &str) -> Result<Money, StoreError> {
    let currency: Currency = serde_json::from_value(serde_json::Value::String(currency.to_owned()))?;
    Ok(Money::new(minor, currency))
}

fn days(column: i32) -> u16 {
    u16::try_from(column).unwrap_or(0)
}
