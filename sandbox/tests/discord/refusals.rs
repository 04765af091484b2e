//! What Discord refuses, with its status and code.

use serde_json::json;
use serenity::all::{ChannelId, CreateAttachment, CreateMessage, EditMessage, MessageId, WebhookId};

use crate::world::{World, refused};

#[tokio::test]
async fn what_does_not_exist_is_unknown() {
    let world = World::new().await;
    let http = world.http();
    assert_eq!(refused(ChannelId::new(1).say(&http, "x").await), (404, 10003));
    assert_eq!(refused(world.general.message(&http, MessageId::new(1)).await), (404, 10008));
    assert_eq!(refused(world.general.delete_message(&http, MessageId::new(1)).await), (404, 10008));
    assert_eq!(refused(http.get_webhook(WebhookId::new(1)).await), (404, 10015));
    assert_eq!(refused(http.get_webhook_with_token(WebhookId::new(1), "x").await), (404, 10015));
    let mut forged = world.bot.clone();
    forged.token.push('x');
    assert_eq!(refused(world.http_of(&forged).get_current_user().await), (401, 0));
}

#[tokio::test]
async fn a_channel_can_be_closed_for_writing_or_for_seeing() {
    let world = World::new().await;
    let http = world.http();
    let deny = async |names: &[&str]| {
        let path = format!("/channels/{}/permissions", world.general);
        world.control("PUT", &path, json!({ "bot": world.bot.id, "deny": names })).await;
    };
    deny(&["SEND_MESSAGES"]).await;
    assert_eq!(refused(world.general.say(&http, "x").await), (403, 50013));
    let channel = http.get_channel(world.general).await.unwrap().guild().unwrap();
    assert!(channel.permission_overwrites[0].deny.send_messages());
    deny(&["ATTACH_FILES"]).await;
    world.general.say(&http, "text is fine").await.unwrap();
    let files = [CreateAttachment::bytes(*b"x", "x.bin")];
    assert_eq!(refused(world.general.send_files(&http, files, CreateMessage::new()).await), (403, 50013));
    deny(&["VIEW_CHANNEL"]).await;
    assert_eq!(refused(world.general.say(&http, "x").await), (403, 50001));
    assert_eq!(refused(http.get_channel(world.general).await), (403, 50001));
    deny(&[]).await;
    world.general.say(&http, "open again").await.unwrap();
}

#[tokio::test]
async fn the_form_is_checked() {
    let world = World::new().await;
    let http = world.http();
    // serenity counts for itself, so these go out as they are.
    let send = async |body: serde_json::Value| {
        let result = http.send_message(world.general, Vec::new(), &body).await;
        refused(result)
    };
    assert_eq!(send(json!({ "content": " " })).await, (400, 50006));
    assert_eq!(send(json!({ "content": "x".repeat(2001) })).await, (400, 50035));
    assert_eq!(send(json!({ "content": "x", "nonce": "n".repeat(26) })).await, (400, 50035));
    let reply = json!({ "content": "x", "message_reference": { "message_id": "1" } });
    assert_eq!(send(reply).await, (400, 50035));
    world.control("PUT", "/limits", json!({ "attachment_max_bytes": 1000 })).await;
    let files = vec![CreateAttachment::bytes(vec![0; 1001], "x.bin")];
    assert_eq!(refused(http.send_message(world.general, files, &json!({})).await), (413, 40005));
    let fits = vec![CreateAttachment::bytes(vec![0; 1000], "x.bin")];
    http.send_message(world.general, fits, &json!({ "content": "\u{1f600}".repeat(2000) })).await.unwrap();
}

#[tokio::test]
async fn others_messages_can_be_deleted_with_permission_but_never_edited() {
    let world = World::new().await;
    let http = world.http();
    let id: MessageId = world.say(world.general, "mine").await.parse().unwrap();
    let edit = EditMessage::new().content("yours");
    assert_eq!(refused(world.general.edit_message(&http, id, edit).await), (403, 50005));
    let path = format!("/channels/{}/permissions", world.general);
    world.control("PUT", &path, json!({ "bot": world.bot.id, "deny": ["MANAGE_MESSAGES"] })).await;
    assert_eq!(refused(world.general.delete_message(&http, id).await), (403, 50013));
    world.control("PUT", &path, json!({ "bot": world.bot.id })).await;
    world.general.delete_message(&http, id).await.unwrap();
}
