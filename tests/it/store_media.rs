//! The ledger's rules for attachments: what waits for them, and how long their bytes are kept.

use chrono::TimeDelta;
use domain::{Clock as _, Message, SourceMessageId};
use store::{
    deliveries::Claim,
    media::{chunks, links},
};

use crate::ledger::{SOURCE, message, scene, sealer};

#[tokio::test]
async fn attachments_hold_their_delivery_back_until_they_are_fetched_or_given_up() {
    let mut scene = scene(0).await;
    let photo = |id| {
        let source = domain::message::MediaSource::TelegramMessage { chat: SOURCE, message_id: id };
        domain::Media::new(domain::MediaKind::Photo, "a.png".into(), "image/png".into(), 3, source)
    };
    let with_photos = Message { media: vec![photo(11), photo(11)], ..message(11, scene.clock.now()) };
    assert_eq!(scene.ingest(&[with_photos]).await.media, 2);
    assert!(matches!(scene.claim().await, Claim::WaitingForMedia));
    let now = scene.clock.now();
    let pending = store::media::pending(&mut scene.database, sealer(), scene.reader, now, &[], 10).await.unwrap();
    assert_eq!(pending.len(), 2);
    let (first, due) = (pending[0].id, store::media::pending);
    assert_eq!(due(&mut scene.database, sealer(), scene.reader, now, &[first], 10).await.unwrap().len(), 1);
    // An interrupted fetch leaves a piece too many; the next one begins anew.
    for (place, stored) in [(0, 3), (1, 6)] {
        assert!(chunks::write(&mut scene.database, sealer(), first, place, b"pxx", stored).await.unwrap());
    }
    assert!(!chunks::complete(&mut scene.database, first, 3, None).await.unwrap(), "a piece too many");
    chunks::clear(&mut scene.database, first).await.unwrap();
    assert!(chunks::write(&mut scene.database, sealer(), first, 0, b"png", 3).await.unwrap());
    assert_eq!(chunks::kept_by_tenant(&mut scene.database, scene.reader).await.unwrap(), 3);
    assert!(chunks::complete(&mut scene.database, first, 3, None).await.unwrap());
    assert!(!chunks::complete(&mut scene.database, first, 3, None).await.unwrap(), "once is enough");
    assert!(
        !chunks::write(&mut scene.database, sealer(), first, 0, b"late", 4).await.unwrap(),
        "nobody waits for it any more"
    );
    store::media::fail(&mut scene.database, pending[1].id, "media_gone").await.unwrap();
    let row = scene.claim_rows().await.remove(0);
    let message_id: SourceMessageId = row.source_message_id;
    let stored = store::media::of_message(&mut scene.database, message_id).await.unwrap();
    assert_eq!((stored[0].size_bytes, stored[0].stored_bytes), (Some(3), 3));
    assert_eq!(chunks::read(&mut scene.database, sealer(), first, 0).await.unwrap().as_deref(), Some(&b"png"[..]));
    assert_eq!((stored[1].size_bytes, stored[1].reason.as_deref()), (None, Some("media_gone")));
    let now = scene.clock.now();
    assert_eq!(links::forget_unneeded(&mut scene.database, now, 10).await.unwrap(), 0, "a delivery needs them");
    scene.settle_sent(row.seq, 500).await;
    store::media::forget_settled(&mut scene.database, message_id).await.unwrap();
    let stored = store::media::of_message(&mut scene.database, message_id).await.unwrap();
    assert_eq!(stored[0].stored_bytes, 0, "nobody needs the bytes any more");
    assert!(chunks::read(&mut scene.database, sealer(), first, 0).await.unwrap().is_none());
}

#[tokio::test]
async fn bytes_behind_a_link_are_kept_until_it_ends() {
    let mut scene = scene(0).await;
    let source = domain::message::MediaSource::TelegramMessage { chat: SOURCE, message_id: 11 };
    let file = domain::Media::new(domain::MediaKind::Document, "a.zip".into(), "application/zip".into(), 3, source);
    let with_file = Message { media: vec![file], ..message(11, scene.clock.now()) };
    scene.ingest(&[with_file]).await;
    let now = scene.clock.now();
    let id = store::media::pending(&mut scene.database, sealer(), scene.reader, now, &[], 10).await.unwrap()[0].id;
    assert!(chunks::write(&mut scene.database, sealer(), id, 0, b"zip", 3).await.unwrap());
    let until = now + TimeDelta::days(1);
    assert!(chunks::complete(&mut scene.database, id, 3, Some(until)).await.unwrap());
    // While its delivery waits, a link that is half over is made good for longer.
    let renewed = until + TimeDelta::days(7);
    assert_eq!(links::renew(&mut scene.database, until, renewed, 10).await.unwrap(), 0, "not half over");
    assert_eq!(links::renew(&mut scene.database, renewed, renewed, 10).await.unwrap(), 1);
    let row = scene.claim_rows().await.remove(0);
    scene.settle_sent(row.seq, 500).await;
    store::media::forget_settled(&mut scene.database, row.source_message_id).await.unwrap();
    assert_eq!(
        links::renew(&mut scene.database, renewed + TimeDelta::days(9), renewed, 10).await.unwrap(),
        0,
        "nothing waits"
    );
    let linked = links::linked(&mut scene.database, sealer(), id).await.unwrap().unwrap();
    assert_eq!((linked.file_name.as_str(), linked.size_bytes, linked.kept), ("a.zip", 3, true));
    assert_eq!(links::forget_unneeded(&mut scene.database, until, 10).await.unwrap(), 0, "the link is good");
    assert_eq!(links::forget_unneeded(&mut scene.database, renewed, 10).await.unwrap(), 1);
    assert_eq!(links::forget_unneeded(&mut scene.database, renewed, 10).await.unwrap(), 0, "once is enough");
    let linked = links::linked(&mut scene.database, sealer(), id).await.unwrap().unwrap();
    assert!(!linked.kept && chunks::read(&mut scene.database, sealer(), id, 0).await.unwrap().is_none());
}
