//! Guilds, channels of every kind, threads, forum posts and webhooks.

use serde_json::json;
use serenity::all::{
    ChannelId, ChannelType, CreateAttachment, CreateForumPost, CreateMessage, CreateThread, CreateWebhook, Event,
    ExecuteWebhook, GuildId, MessageId, MessageType,
};

use crate::world::{World, refused, text};

#[tokio::test]
async fn a_bot_sees_itself_its_guilds_and_their_channels() {
    let world = World::new().await;
    let http = world.http();
    let guild: GuildId = world.guild.parse().unwrap();
    let me = http.get_current_user().await.unwrap();
    assert_eq!((me.id.to_string(), me.bot), (world.bot.id.clone(), true));
    let application = http.get_current_application_info().await.unwrap();
    assert_eq!(application.id.to_string(), world.bot.id);
    let other = world.control("POST", "/guilds", json!({ "name": "Elsewhere" })).await;
    let guilds = http.get_guilds(None, None).await.unwrap();
    assert_eq!(guilds.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Harbour"]);
    assert_eq!(refused(http.get_guild(text(&other["id"]).parse().unwrap()).await), (404, 10004));

    let path = format!("/guilds/{guild}/channels");
    for kind in ["announcement", "forum"] {
        world.control("POST", &path, json!({ "name": kind, "kind": kind })).await;
    }
    let kinds: Vec<ChannelType> = http.get_channels(guild).await.unwrap().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [ChannelType::Text, ChannelType::News, ChannelType::Forum]);
    let full = http.get_guild(guild).await.unwrap();
    let member = http.get_member(guild, me.id).await.unwrap();
    let role = &full.roles[&member.roles[0]];
    assert!(role.managed && role.permissions.send_messages() && role.permissions.manage_webhooks());
}

#[tokio::test]
async fn a_new_guild_and_a_new_channel_are_announced() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    world.control("POST", "/guilds", json!({ "name": "Second", "bots": [world.bot.id] })).await;
    let named = |event| if let Event::GuildCreate(event) = event { Some(event.guild) } else { None };
    let guild = live.next("guild", named).await;
    assert_eq!((guild.name.as_str(), guild.channels.len(), guild.member_count), ("Second", 1, 2));
    world.control("POST", &format!("/guilds/{}/channels", guild.id), json!({ "name": "new" })).await;
    let made = live.next("channel", |event| if let Event::ChannelCreate(it) = event { Some(it) } else { None }).await;
    assert_eq!(made.channel.name, "new");
}

#[tokio::test]
async fn threads_are_opened_listed_written_in_and_archived() {
    let world = World::new().await;
    let http = world.http();
    let guild: GuildId = world.guild.parse().unwrap();
    let mut live = world.connect().await;
    live.ready().await;
    let thread = world.general.create_thread(&http, CreateThread::new("aside").kind(ChannelType::PublicThread)).await;
    let thread = thread.unwrap();
    let heard = live.next("thread", |event| if let Event::ThreadCreate(it) = event { Some(it) } else { None }).await;
    assert_eq!((heard.thread.id, heard.thread.parent_id), (thread.id, Some(world.general)));
    let note = live.message().await;
    assert_eq!((note.kind, note.content.as_str()), (MessageType::ThreadCreated, "aside"));
    thread.id.say(&http, "inside").await.unwrap();
    assert_eq!(live.message().await.channel_id, thread.id);
    let active = http.get_guild_active_threads(guild).await.unwrap().threads;
    assert_eq!(active.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["aside"]);
    http.edit_thread(thread.id, &json!({ "archived": true }), None).await.unwrap();
    assert!(http.get_guild_active_threads(guild).await.unwrap().threads.is_empty());
    thread.id.say(&http, "awake").await.unwrap();
    assert_eq!(http.get_guild_active_threads(guild).await.unwrap().threads.len(), 1);
}

#[tokio::test]
async fn a_forum_holds_posts_and_no_text_of_its_own() {
    let world = World::new().await;
    let http = world.http();
    let path = format!("/guilds/{}/channels", world.guild);
    let made = world.control("POST", &path, json!({ "name": "ideas", "kind": "forum" })).await;
    let forum: ChannelId = text(&made["id"]).parse().unwrap();
    assert_eq!(refused(forum.say(&http, "x").await), (400, 50008));
    let first = CreateMessage::new().content("first").add_file(CreateAttachment::bytes(*b"plan", "plan.txt"));
    let post = forum.create_forum_post(&http, CreateForumPost::new("topic", first)).await.unwrap();
    assert_eq!((post.parent_id, post.kind), (Some(forum), ChannelType::PublicThread));
    let standing = world.standing(post.id).await;
    assert_eq!(standing[0]["id"], post.id.to_string(), "a post and its first message have one id");
    assert_eq!(
        (&standing[0]["content"], &standing[0]["attachments"][0]["filename"]),
        (&json!("first"), &json!("plan.txt"))
    );
    let by_person = json!({ "name": "another", "kind": "thread", "parent": forum });
    let post: ChannelId = text(&world.control("POST", &path, by_person).await["id"]).parse().unwrap();
    post.say(&http, "joined").await.unwrap();
}

#[tokio::test]
async fn a_thread_on_a_message_has_its_id_and_shows_it() {
    let world = World::new().await;
    let http = world.http();
    let target: MessageId = world.say(world.general, "question").await.parse().unwrap();
    let mut live = world.connect().await;
    live.ready().await;
    let thread = world.general.create_thread_from_message(&http, target, CreateThread::new("answers")).await.unwrap();
    assert_eq!((thread.id.get(), thread.parent_id), (target.get(), Some(world.general)));
    let starter = live.message().await;
    assert_eq!((starter.channel_id, starter.kind), (thread.id, MessageType::ThreadStarterMessage));
    assert_eq!(starter.referenced_message.map(|it| it.content), Some("question".to_owned()));
    let again = world.general.create_thread_from_message(&http, target, CreateThread::new("more")).await;
    assert_eq!(refused(again), (400, 160_004));
}

#[tokio::test]
async fn a_webhook_opens_a_post_in_a_forum_and_writes_into_it() {
    let world = World::new().await;
    let http = world.http();
    let path = format!("/guilds/{}/channels", world.guild);
    let made = world.control("POST", &path, json!({ "name": "ideas", "kind": "forum" })).await;
    let forum: ChannelId = text(&made["id"]).parse().unwrap();
    let webhook = forum.create_webhook(&http, CreateWebhook::new("relay")).await.unwrap();
    let homeless = webhook.execute(&http, true, ExecuteWebhook::new().content("x")).await;
    assert_eq!(refused(homeless), (400, 220_001));
    let map = json!({ "content": "first", "thread_name": "topic" });
    let address = webhook.url().unwrap();
    let token = address.rsplit('/').next().unwrap();
    let first = http.execute_webhook(webhook.id, None, token, true, Vec::new(), &map).await.unwrap().unwrap();
    assert_eq!(first.id.get(), first.channel_id.get());
    let more = ExecuteWebhook::new().content("second").in_thread(first.channel_id);
    let second = webhook.execute(&http, true, more).await.unwrap().unwrap();
    assert_eq!(second.channel_id, first.channel_id);
    webhook.delete_message(&http, Some(first.channel_id), second.id).await.unwrap();
    assert_eq!(world.standing(first.channel_id).await.len(), 1);
}

#[tokio::test]
async fn a_webhook_writes_under_a_name_of_its_choice_until_it_is_deleted() {
    let world = World::new().await;
    let http = world.http();
    let mut live = world.connect().await;
    live.ready().await;
    let webhook = world.general.create_webhook(&http, CreateWebhook::new("relay")).await.unwrap();
    assert_eq!(world.general.webhooks(&http).await.unwrap().len(), 1);
    let draft =
        ExecuteWebhook::new().content("ahoy").username("Alice (Telegram)").avatar_url("https://a.example/a.png");
    let sent = webhook.execute(&http, true, draft).await.unwrap().unwrap();
    assert_eq!((sent.author.name.as_str(), sent.webhook_id), ("Alice (Telegram)", Some(webhook.id)));
    let heard = live.message().await;
    assert_eq!((heard.id, heard.content.as_str()), (sent.id, "ahoy"));
    let taken = ExecuteWebhook::new().content("x").username("Discord Team");
    assert_eq!(refused(webhook.execute(&http, true, taken).await), (400, 50035));
    let shown = world.standing(world.general).await;
    assert_eq!(shown[0]["webhook_avatar"], "https://a.example/a.png");
    let file = ExecuteWebhook::new().add_file(CreateAttachment::bytes(*b"x", "x.txt"));
    assert!(webhook.execute(&http, false, file).await.unwrap().is_none());
    assert_eq!(live.message().await.attachments.len(), 1);
    webhook.delete_message(&http, None, sent.id).await.unwrap();
    world.control("DELETE", &format!("/webhooks/{}", webhook.id), json!(null)).await;
    assert_eq!(refused(webhook.execute(&http, true, ExecuteWebhook::new().content("x")).await), (404, 10015));
}
