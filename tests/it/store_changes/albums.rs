//! The ledger's rules for albums: what travels together, and what an edit or a deletion of one item does.

use chrono::TimeDelta;
use domain::{Clock as _, DeliveryState, Message, Operation};
use store::deliveries::{self, Claim};

use super::kinds;
use crate::ledger::{SOURCE, Scene, ids, message, scene, sealer};

fn item(scene: &Scene, id: i64, album: i64) -> Message {
    Message { album: Some(album), ..message(id, scene.clock.now()) }
}

#[tokio::test]
async fn the_items_of_an_album_travel_together_and_a_late_one_goes_alone() {
    let mut scene = scene(0).await;
    let items = [item(&scene, 11, 7), item(&scene, 12, 7)];
    scene.ingest(&items).await;
    assert!(matches!(scene.claim().await, Claim::NotDue(_)), "the album may have more items");
    scene.clock.advance(TimeDelta::milliseconds(400));
    let third = item(&scene, 13, 7);
    scene.ingest(&[third]).await;
    scene.clock.advance(TimeDelta::milliseconds(400));
    assert!(matches!(scene.claim().await, Claim::NotDue(_)), "the hold starts anew with each item");
    scene.clock.advance(TimeDelta::milliseconds(400));
    let rows = scene.claim_rows().await;
    assert_eq!((ids(&rows), rows[0].album), (vec![11], true));
    let together = deliveries::items(&mut scene.database, sealer(), scene.pair, 1).await.unwrap();
    assert_eq!(together.iter().map(|item| item.message.message_id).collect::<Vec<_>>(), [11, 12, 13]);
    let history = scene.history().await;
    let why = (history[2].reason_code.as_deref(), history[2].reason.as_deref(), history[2].root_seq);
    assert_eq!(why, (Some("album"), Some("it is part of an album and travels with delivery 1"), Some(1)));
    assert_eq!(kinds(&history[2]), ["joined"]);
    // Claimed: what comes now is late.
    let late = item(&scene, 14, 7);
    scene.ingest(&[late]).await;
    let history = scene.history().await;
    assert_eq!((history[3].state, history[3].root_seq), (DeliveryState::Pending, None));
}

#[tokio::test]
async fn an_album_has_at_most_ten_items() {
    let mut scene = scene(0).await;
    let items: Vec<Message> = (11..=22).map(|id| item(&scene, id, 7)).collect();
    scene.ingest(&items).await;
    let roots: Vec<_> = scene.history().await.iter().map(|one| one.root_seq).collect();
    assert_eq!(
        roots,
        [None, Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), None, Some(11)]
    );
}

#[tokio::test]
async fn items_of_a_waiting_album_are_edited_and_deleted_one_by_one() {
    let mut scene = scene(60).await;
    let items = [item(&scene, 11, 7), item(&scene, 12, 7), item(&scene, 13, 7)];
    scene.ingest(&items).await;
    scene.edit(12, "second").await;
    scene.delete(Some(SOURCE), &[11, 13]).await;
    let left = deliveries::items(&mut scene.database, sealer(), scene.pair, 1).await.unwrap();
    let left: Vec<_> = left.iter().map(|item| item.message.text.text.clone()).collect();
    assert_eq!(left, ["second"]);
    scene.delete(Some(SOURCE), &[12]).await;
    assert!(deliveries::items(&mut scene.database, sealer(), scene.pair, 1).await.unwrap().is_empty());
    assert_eq!(scene.history().await.len(), 3, "everything folded");
}

#[tokio::test]
async fn a_change_of_one_item_of_a_sent_album_is_a_delivery_of_the_album() {
    let mut scene = scene(0).await;
    let items = [item(&scene, 11, 7), item(&scene, 12, 7)];
    scene.ingest(&items).await;
    scene.clock.advance(TimeDelta::seconds(1));
    scene.send_all().await;
    scene.delete(Some(SOURCE), &[12]).await;
    let row = scene.claim_rows().await.remove(0);
    assert_eq!((row.operation, row.root_seq, row.album), (Operation::Delete, 1, true));
    let left = deliveries::items(&mut scene.database, sealer(), scene.pair, 1).await.unwrap();
    assert_eq!(left.iter().map(|item| item.message.message_id).collect::<Vec<_>>(), [11]);
    let pair = store::pairs::load(&mut scene.database, scene.pair).await.unwrap().unwrap();
    let answered = deliveries::counterpart(&mut scene.database, &pair, SOURCE, 12).await.unwrap();
    assert_eq!(answered.map(|found| found.message_id), Some(501), "an item is answered where its album stands");
}
