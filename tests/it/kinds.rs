//! Every kind of content from Telegram, as Discord shows it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    harness,
    world::{World, place},
};

/// A message at the source, and what must stand at the destination: a text, and how the name of a file begins and ends.
struct Case {
    message: Value,
    text: &'static str,
    file: Option<(&'static str, &'static str)>,
}

fn file(kind: &str, mime: &str, more: &Value, expected: (&'static str, &'static str)) -> Case {
    let mut attachment = json!({ "name": format!("{kind}.bin"), "mime": mime, "base64": STANDARD.encode(kind) });
    for (key, value) in more.as_object().into_iter().flatten() {
        attachment[key] = value.clone();
    }
    Case { message: json!({ kind: attachment }), text: "", file: Some(expected) }
}

fn extra(extra: &Value, text: &'static str) -> Case {
    Case { message: json!({ "extra": extra }), text, file: None }
}

fn cases() -> Vec<Case> {
    let sticker = json!({ "emoji": "🔥", "width": 512, "height": 512 });
    let animated = file("sticker", "application/x-tgsticker", &sticker, ("", ""));
    vec![
        file("photo", "image/jpeg", &json!({}), ("photo", ".jpg")),
        file("photo", "image/jpeg", &json!({ "spoiler": true }), ("SPOILER_photo", ".jpg")),
        file("document", "application/pdf", &json!({}), ("document", "")),
        file("video", "video/mp4", &json!({ "width": 640, "height": 360, "duration_s": 2.0 }), ("video", "")),
        file("round", "video/mp4", &json!({ "width": 240, "height": 240, "duration_s": 2.0 }), ("", ".mp4")),
        file("voice", "audio/ogg", &json!({ "duration_s": 2.0 }), ("voice", ".ogg")),
        file("audio", "audio/mpeg", &json!({ "duration_s": 2.0, "title": "Song" }), ("Song", ".bin")),
        file("animation", "video/mp4", &json!({ "width": 10, "height": 10, "duration_s": 1.0 }), ("animation", "")),
        file("sticker", "image/webp", &sticker, ("sticker", "")),
        Case { text: "\\[animated sticker: 🔥\\]", file: None, ..animated },
        extra(
            &json!({ "poll": { "question": "Which day?", "options": ["Monday", "*Tuesday*"], "multiple": true } }),
            "📊 Poll (several answers): **Which day?**\n☐ Monday\n☐ \\*Tuesday\\*",
        ),
        extra(
            &json!({ "location": { "latitude": 48.5, "longitude": 2.25, "title": "Place", "address": "Street 1" } }),
            "📍 **Place**\nStreet 1\n48.500000, 2.250000\n\
             https://www.openstreetmap.org/?mlat=48.500000&mlon=2.250000&zoom=16",
        ),
        extra(&json!({ "contact": { "first_name": "Cy", "last_name": "Doe", "phone": "100" } }), "👤 **Cy Doe**\n100"),
        extra(&json!({ "dice": { "emoji": "🎲", "value": 4 } }), "🎲 4"),
    ]
}

#[tokio::test]
async fn every_kind_of_content_stands_on_discord() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, source), place(&writer, &bot.channel)).await;
    let cases = cases();
    for case in &cases {
        let mut message = case.message.clone();
        message["from"] = person.user.into();
        message["text"] = "".into();
        world.controls.telegram.post(source, &message).await.unwrap_or_else(|error| panic!("{message}: {error}"));
    }
    let texts: Vec<&str> = cases.iter().map(|case| case.text).collect();
    world.discord_holds(&bot.channel, &texts).await;
    let found = world.controls.discord.messages(&bot.channel).await.unwrap();
    for (case, found) in cases.iter().zip(&found) {
        let files = found.rest["attachments"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = files.iter().filter_map(|file| file["filename"].as_str()).collect();
        match case.file {
            None => assert!(names.is_empty(), "{}: {names:?}", case.message),
            Some((start, end)) => {
                let [name] = names[..] else { panic!("{}: {names:?}", case.message) };
                assert!(name.starts_with(start) && name.ends_with(end), "{}: {name}", case.message);
            }
        }
    }
}
