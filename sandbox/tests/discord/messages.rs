//! Writing, reading, changing and deleting, with files, replies and nonces.

use serenity::all::{
    CreateAttachment, CreateMessage, EditAttachments, EditMessage, Event, GetMessages, MessageFlags, MessageId, Nonce,
};
use sha2::{Digest, Sha256};

use crate::world::World;

#[tokio::test]
async fn a_message_is_sent_heard_edited_and_deleted() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    let http = world.http();
    let sent = world.general.say(&http, "first").await.unwrap();
    let heard = live.message().await;
    assert_eq!((heard.id, heard.content.as_str(), heard.author.id), (sent.id, "first", sent.author.id));
    assert_eq!(heard.guild_id.map(|guild| guild.to_string()), Some(world.guild.clone()));
    assert!(heard.member.is_some());

    world.general.edit_message(&http, sent.id, EditMessage::new().content("second")).await.unwrap();
    let edited = live.next("edit", |event| if let Event::MessageUpdate(it) = event { Some(it) } else { None }).await;
    assert_eq!((edited.id, edited.content.as_deref()), (sent.id, Some("second")));
    assert!(edited.edited_timestamp.is_some());
    assert_eq!(world.general.message(&http, sent.id).await.unwrap().content, "second");

    world.general.delete_message(&http, sent.id).await.unwrap();
    let gone = live.next("delete", |event| if let Event::MessageDelete(it) = event { Some(it) } else { None }).await;
    assert_eq!((gone.message_id, gone.channel_id), (sent.id, world.general));
    assert!(world.standing(world.general).await.is_empty());
}

#[tokio::test]
async fn people_write_edit_and_delete_through_the_control_api() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    let id = world.say(world.general, "hello <@1>").await;
    assert_eq!(live.message().await.content, "hello <@1>");
    let path = format!("/channels/{}/messages/{id}", world.general);
    world.control("PATCH", &path, serde_json::json!({ "content": "changed" })).await;
    let edited = live.next("edit", |event| if let Event::MessageUpdate(it) = event { Some(it) } else { None }).await;
    assert_eq!(edited.content.as_deref(), Some("changed"));
    world.control("DELETE", &path, serde_json::Value::Null).await;
    live.next("delete", |event| matches!(event, Event::MessageDelete(_)).then_some(())).await;
}

#[tokio::test]
async fn pages_are_newest_first_whatever_bounds_them() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(world.say(world.general, &number.to_string()).await.parse::<MessageId>().unwrap());
    }
    let http = world.http();
    let page = async |get: GetMessages| {
        let messages = world.general.messages(&http, get).await.unwrap();
        messages.into_iter().map(|message| message.content).collect::<Vec<_>>()
    };
    assert_eq!(page(GetMessages::new().limit(3)).await, ["6", "5", "4"]);
    assert_eq!(page(GetMessages::new().before(ids[3]).limit(2)).await, ["2", "1"]);
    // `after` takes the oldest that follow: this is how a gap is read forward.
    assert_eq!(page(GetMessages::new().after(ids[1]).limit(3)).await, ["4", "3", "2"]);
    assert_eq!(page(GetMessages::new().after(ids[6])).await, [] as [&str; 0]);
    assert_eq!(page(GetMessages::new().around(ids[3]).limit(3)).await, ["4", "3", "2"]);
}

#[tokio::test]
async fn an_enforced_nonce_makes_one_message_of_two_sends() {
    let world = World::new().await;
    let http = world.http();
    let send = async |content: &str, enforce: bool| {
        let message = CreateMessage::new().content(content).nonce(Nonce::String("key-1".to_owned()));
        world.general.send_message(&http, message.enforce_nonce(enforce)).await.unwrap()
    };
    let first = send("once", true).await;
    assert!(matches!(&first.nonce, Some(Nonce::String(text)) if text == "key-1"));
    assert!(world.general.message(&http, first.id).await.unwrap().nonce.is_none(), "Discord does not keep nonces");
    let again = send("once more", true).await;
    assert_eq!((again.id, again.content.as_str()), (first.id, "once"));
    assert_ne!(send("not enforced", false).await.id, first.id);
    assert_eq!(world.standing(world.general).await.len(), 2);
}

#[tokio::test]
async fn files_are_sent_found_by_address_and_dropped_by_an_edit() {
    let world = World::new().await;
    let http = world.http();
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let files = [
        CreateAttachment::bytes(bytes.clone(), "big file.bin").description("numbers"),
        CreateAttachment::bytes(*b"hello", "note.txt"),
    ];
    let sent = world.general.send_files(&http, files, CreateMessage::new().content("two")).await.unwrap();
    assert_eq!(sent.attachments.len(), 2);
    let (big, note) = (&sent.attachments[0], &sent.attachments[1]);
    assert_eq!((big.filename.as_str(), big.description.as_deref()), ("big_file.bin", Some("numbers")));
    assert_eq!((note.size, note.content_type.as_deref()), (5, Some("text/plain")));
    let fetched = world.client().get(&big.url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(fetched, bytes);
    let unsigned = big.url.split('?').next().unwrap();
    assert_eq!(world.client().get(unsigned).send().await.unwrap().status(), 404);

    let standing = world.standing(world.general).await;
    assert_eq!(standing[0]["attachments"][0]["sha256"], hex::encode(Sha256::digest(&bytes)));

    let keep = EditAttachments::new().keep(note.id).add(CreateAttachment::bytes(*b"new", "new.txt"));
    let edited = world.general.edit_message(&http, sent.id, EditMessage::new().attachments(keep)).await.unwrap();
    let names: Vec<&str> = edited.attachments.iter().map(|file| file.filename.as_str()).collect();
    assert_eq!((edited.content.as_str(), names), ("two", vec!["note.txt", "new.txt"]));
}

#[tokio::test]
async fn a_reply_shows_what_it_answers_until_that_is_gone() {
    let world = World::new().await;
    let http = world.http();
    let target: MessageId = world.say(world.general, "question").await.parse().unwrap();
    let draft = CreateMessage::new().content("answer").flags(MessageFlags::SUPPRESS_NOTIFICATIONS);
    let sent = world.general.send_message(&http, draft.reference_message((world.general, target))).await.unwrap();
    assert_eq!(sent.referenced_message.as_ref().map(|it| it.content.as_str()), Some("question"));
    assert_eq!(sent.message_reference.as_ref().and_then(|it| it.message_id), Some(target));
    assert_eq!(sent.flags, Some(MessageFlags::SUPPRESS_NOTIFICATIONS));
    let path = format!("/channels/{}/messages/{target}", world.general);
    world.control("DELETE", &path, serde_json::Value::Null).await;
    let later = world.general.message(&http, sent.id).await.unwrap();
    assert!(later.referenced_message.is_none());
    assert_eq!(later.message_reference.and_then(|it| it.message_id), Some(target));
}
