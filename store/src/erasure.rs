//! Users who leave: they are marked first, then everything of theirs stops, then their rows go, batch by batch, and the
//! user last.

use chrono::{DateTime, Utc};
use domain::{PairId, UserId, proof::Purpose};
use sqlx::PgConnection;

use crate::{StoreError, payments, proofs, sessions};

/// Rows deleted by one statement: some tens of milliseconds.
const ROWS_AT_ONCE: i64 = 2_000;
/// Pieces of files deleted by one statement: up to 512 KiB each.
const PIECES_AT_ONCE: i64 = 100;

/// Marks the tenant as leaving: nobody signs in as them any more, whoever is signed in is out, and no pair carries
/// anything. The first time decides by whom and why. False when there is no such tenant. To be called in a transaction.
pub async fn begin(
    connection: &mut PgConnection,
    user: UserId,
    by: Option<UserId>,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE users SET leaving_by = CASE WHEN leaving_at IS NULL THEN $2 ELSE leaving_by END,
                leaving_reason = CASE WHEN leaving_at IS NULL THEN $3 ELSE leaving_reason END,
                leaving_at = coalesce(leaving_at, $4)
         WHERE id = $1",
        user as UserId,
        by as Option<UserId>,
        reason,
        now
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sessions::revoke_all(connection, user, None, "user_deleted", now).await?;
    crate::api_keys::revoke_all(connection, user, now).await?;
    proofs::discard(connection, user, &Purpose::ALL).await?;
    end_pairs(connection, user, now, 0).await?;
    payments::leave(connection, user, now).await?;
    Ok(true)
}

/// A tenant who leaves.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Who.
    pub user: UserId,
    /// Who wanted it; `None`: the operator.
    pub by: Option<UserId>,
    /// Why, as they said.
    pub reason: Option<String>,
    /// Where the farewell goes to.
    pub email: String,
}

/// The tenant, if they are leaving, locked until the transaction ends.
pub async fn lock(connection: &mut PgConnection, user: UserId) -> Result<Option<Leaving>, StoreError> {
    let leaving = sqlx::query_as!(
        Leaving,
        r#"SELECT id AS user, leaving_by AS "by: UserId", leaving_reason AS reason, email FROM users
           WHERE id = $1 AND leaving_at IS NOT NULL FOR UPDATE"#,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(leaving)
}

/// Tenants who have been leaving since before `before`, the longest first: for the sweep.
pub async fn left_behind(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Leaving>, StoreError> {
    let leaving = sqlx::query_as!(
        Leaving,
        r#"SELECT id AS user, leaving_by AS "by: UserId", leaving_reason AS reason, email FROM users
           WHERE leaving_at < $1 ORDER BY leaving_at, id LIMIT $2"#,
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(leaving)
}

/// Takes every account of the tenant from its host, which sees it within seconds.
pub async fn revoke_leases(connection: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET host = NULL, host_task_token = NULL, lease_epoch = lease_epoch + 1
         WHERE user_id = $1 AND host IS NOT NULL",
        user as UserId
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the tenant's pairs; returns those whose workflow is not known to have ended.
pub async fn end_pairs(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PairId>, StoreError> {
    sqlx::query!(
        "UPDATE pairs SET deleted_at = $2, updated_at = $2 WHERE user_id = $1 AND deleted_at IS NULL",
        user as UserId,
        now
    )
    .execute(&mut *connection)
    .await?;
    let pairs = sqlx::query_scalar!(
        "SELECT id FROM pairs WHERE user_id = $1 AND workflow_started ORDER BY id LIMIT $2",
        user as UserId,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}

/// How many reconciliations of the tenant's pairs are under way.
pub async fn running_reconciliations(connection: &mut PgConnection, user: UserId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM reconciliations r JOIN pairs p ON p.id = r.pair_id
           WHERE p.user_id = $1 AND r.state = 'running'"#,
        user as UserId
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// Deletes some rows with `$sql`; returns how many from the enclosing function, if there were any.
macro_rules! delete {
    ($connection:ident, $user:ident, $sql:literal) => {
        delete!($connection, $user, ROWS_AT_ONCE, $sql)
    };
    ($connection:ident, $user:ident, $limit:expr, $sql:literal) => {
        let done = sqlx::query!($sql, $user as UserId, $limit).execute(&mut *$connection).await?;
        if done.rows_affected() > 0 {
            return Ok(done.rows_affected());
        }
    };
}

/// Deletes some of the tenant's rows, children before parents, and returns how many; 0 when only the user is left, and
/// what goes with it. Rows that somebody still writes are met again by the next call.
pub async fn delete_some(connection: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    let deleted = delete_some_carried(connection, user).await?;
    if deleted > 0 {
        return Ok(deleted);
    }
    let deleted = delete_some_of_pairs(connection, user).await?;
    if deleted > 0 {
        return Ok(deleted);
    }
    let deleted = delete_some_of_accounts(connection, user).await?;
    if deleted > 0 {
        return Ok(deleted);
    }
    payments::forget_some(connection, user).await
}

/// What pairs have carried.
async fn delete_some_carried(connection: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    delete!(
        connection,
        user,
        "DELETE FROM carried_content WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM carried_content x JOIN pairs p ON p.id = x.pair_id WHERE p.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM delivery_events WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM delivery_events x JOIN pairs p ON p.id = x.pair_id WHERE p.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM destination_messages WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM destination_messages x JOIN pairs p ON p.id = x.pair_id WHERE p.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM deliveries WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM deliveries x JOIN pairs p ON p.id = x.pair_id WHERE p.user_id = $1 LIMIT $2))"
    );
    Ok(0)
}

/// The pairs, and what hangs on them alone.
async fn delete_some_of_pairs(connection: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    delete!(
        connection,
        user,
        "DELETE FROM pair_threads WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM pair_threads x JOIN pairs p ON p.id = x.pair_id WHERE p.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM reconciliations WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM reconciliations x JOIN pairs p ON p.id = x.pair_id WHERE p.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM error_logs WHERE ctid = ANY(ARRAY(SELECT ctid FROM error_logs WHERE user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM pairs WHERE ctid = ANY(ARRAY(SELECT ctid FROM pairs WHERE user_id = $1 LIMIT $2))"
    );
    Ok(0)
}

/// The accounts, and what they have read and fetched.
async fn delete_some_of_accounts(connection: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    delete!(
        connection,
        user,
        PIECES_AT_ONCE,
        "DELETE FROM media_chunks WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM media_chunks x JOIN media m ON m.id = x.media_id JOIN accounts a ON a.id = m.account_id
             WHERE a.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM media WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM media x JOIN accounts a ON a.id = x.account_id WHERE a.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        PIECES_AT_ONCE,
        "DELETE FROM avatars WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM avatars x JOIN accounts a ON a.id = x.account_id WHERE a.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM source_messages WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM source_messages x JOIN accounts a ON a.id = x.account_id WHERE a.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM chats WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM chats x JOIN accounts a ON a.id = x.account_id WHERE a.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM pace_budgets WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM pace_budgets x JOIN accounts a ON a.id = x.account_id WHERE a.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM pace_egress WHERE ctid = ANY(ARRAY(
             SELECT x.ctid FROM pace_egress x JOIN accounts a ON a.id = x.subject WHERE a.user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM accounts WHERE ctid = ANY(ARRAY(SELECT ctid FROM accounts WHERE user_id = $1 LIMIT $2))"
    );
    delete!(
        connection,
        user,
        "DELETE FROM notifications WHERE ctid = ANY(ARRAY(SELECT ctid FROM notifications WHERE user_id = $1 LIMIT $2))"
    );
    Ok(0)
}

/// Deletes the tenant, with what goes with the row: sessions, keys, tokens, preferences. A row that [`delete_some`] has
/// not met is a [`StoreError::Database`], after which it is to be called again.
pub async fn delete_user(connection: &mut PgConnection, user: UserId) -> Result<bool, StoreError> {
    let done = sqlx::query!("DELETE FROM users WHERE id = $1", user as UserId).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets messages to addresses that are no user's, such as farewells, once nothing more happens to them: their address
/// is all that is left of somebody. Returns how many.
pub async fn forget_addresses(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM notifications n
         WHERE n.user_id IS NULL AND n.address IS NOT NULL AND n.created_at < $1 AND NOT EXISTS (
             SELECT FROM notification_sends s WHERE s.notification_id = n.id AND s.state IN ('pending', 'sending'))",
        before
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
