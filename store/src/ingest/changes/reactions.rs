//! What a change does to each delivery of its message: it folds into one that waits, withdraws it, or follows it.

use domain::{
    DeliveryState, Operation,
    change::{Change, Known, Reaction, react},
};
use sqlx::PgConnection;

use super::{
    affected::Row,
    folds::{Folds, apply_folds, fold},
    withdrawals::{Withdrawals, apply_withdrawals, withdraw},
};
use crate::{
    StoreError,
    ingest::{
        Ingest,
        ledger::{self, NewDelivery, Revision, Root, Skip},
    },
};

pub(super) async fn apply(
    connection: &mut PgConnection,
    ingest: &mut Ingest<'_>,
    changes: &[(&Revision<'_>, Change, bool)],
    rows: &[Row],
) -> Result<(), StoreError> {
    let (mut folds, mut withdrawals) = (Folds::default(), Withdrawals::default());
    let (mut new, mut roused, mut media) = (Vec::new(), Vec::new(), Vec::new());
    for (revision, change, new_media) in changes {
        let key = (revision.message.chat, revision.message.message_id);
        let own: Vec<&Row> = rows.iter().filter(|row| (row.chat, row.message_id) == key).collect();
        let mut wanted = false;
        for group in own.chunk_by(|one, two| one.pair == two.pair) {
            let known: Vec<Known> = group.iter().map(|row| row.known).collect();
            // A dead letter has its attachments fetched when it is tried again.
            let is_dead = |known: &Known| known.operation == Operation::Post && known.state == DeliveryState::Dead;
            let needs_media = *new_media && !group.iter().any(|row| row.native || is_dead(&row.known));
            for reaction in react(*change, &known) {
                wanted |= needs_media && !matches!(reaction, Reaction::Ignore { .. });
                match reaction {
                    Reaction::Fold { seq } => fold(&mut folds, group, seq, revision, *change, needs_media),
                    Reaction::Withdraw { seq } => {
                        withdraw(&mut withdrawals, group, seq);
                        roused.extend(group.first().map(|row| (row.pair, row.elsewhere)));
                    }
                    Reaction::Append { root_seq } => {
                        new.extend(appended(ingest, group, root_seq, (revision, *change, needs_media), None));
                    }
                    Reaction::Ignore { root_seq } => {
                        let skip = Skip::new("original_not_sent", "the message itself was not carried");
                        new.extend(appended(ingest, group, root_seq, (revision, *change, false), Some(skip)));
                    }
                }
            }
        }
        if wanted {
            media.push((revision.id, revision.message.media.len()));
        }
    }
    apply_folds(connection, &folds, ingest).await?;
    apply_withdrawals(connection, &withdrawals, ingest).await?;
    ingest.done.media += ledger::insert_media(connection, ingest.clock, ingest.reader.account, &media).await?;
    ledger::append(connection, &new, &roused, ingest.now, &mut ingest.done).await
}

fn appended(
    ingest: &Ingest<'_>,
    group: &[&Row],
    root_seq: i64,
    (revision, change, new_media): (&Revision<'_>, Change, bool),
    skip: Option<Skip>,
) -> Option<NewDelivery> {
    let first = group.first()?;
    Some(NewDelivery {
        pair: first.pair,
        message: revision.id,
        operation: match change {
            Change::Edit => Operation::Edit,
            Change::Delete => Operation::Delete,
        },
        skip,
        waits: None,
        root: Root::Seq(root_seq),
        album: first.album,
        // Attachments that stand at the destination already are not needed again.
        has_media: new_media && !revision.message.media.is_empty(),
        due_at: ingest.now,
        elsewhere: first.elsewhere,
    })
}
