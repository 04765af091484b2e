use chrono::DateTime;
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    Held, Limits, Link, Missing, PartPlan, PartText, Target, at_destination, notices::human_size, render, render_held,
};
use crate::{
    account::Platform::{self, Discord, Telegram},
    chat::ChatId,
    message::{Author, Media, MediaKind, MediaSource, Message},
    pair::CopyMode::{self, Copy, Forward},
    text::{
        RichText, Span, Style,
        discord::{Mentions, parse},
    },
};

const MIB: u64 = 1024 * 1024;

fn message(text: RichText, sizes: &[u64]) -> Message {
    let chat = ChatId::new(1);
    let media = sizes.iter().enumerate().map(|(index, size_bytes)| {
        let source = MediaSource::TelegramMessage { chat, message_id: 5 };
        Media::new(
            MediaKind::Document,
            format!("f{index}.bin"),
            "application/octet-stream".to_owned(),
            *size_bytes,
            source,
        )
    });
    Message {
        author: Some(Author { id: 2, name: "Ada".to_owned(), username: None, bot: false, avatar: None }),
        chat_title: Some("News".to_owned()),
        text,
        media: media.collect(),
        ..Message::new(chat, 5, DateTime::UNIX_EPOCH)
    }
}

/// The parts in short: `text`, `notice: text`, `media 0,1: caption`, `forward`.
fn plan(message: &Message, destination: Platform, mode: CopyMode, native: bool) -> Vec<String> {
    short(&render(message, destination, mode, native, Limits::of(destination)))
}

fn short(parts: &[PartPlan]) -> Vec<String> {
    let short = parts.iter().map(|part| match part {
        PartPlan::Text(text) => text.as_str().to_owned(),
        PartPlan::Notice(text) => format!("notice: {}", text.as_str()),
        PartPlan::Media { indices, caption } => {
            let places: Vec<String> = indices.iter().map(ToString::to_string).collect();
            format!("media {}: {}", places.join(","), caption.as_str())
        }
        PartPlan::Forward => "forward".to_owned(),
    });
    short.collect()
}

#[test]
fn text_is_converted_for_the_destination() {
    let bold = message(RichText::styled("a_b", Style::Bold), &[]);
    assert_eq!(plan(&bold, Discord, Copy, false), ["**a\\_b**"]);
    let parts = render(&bold, Telegram, Copy, false, Limits::TELEGRAM);
    assert_eq!(parts, [PartPlan::Text(PartText::Telegram(RichText::styled("a_b", Style::Bold)))]);
}

#[test]
fn an_empty_message_has_no_parts() {
    for mode in [Copy, Forward] {
        assert!(plan(&message(RichText::plain(" \n"), &[]), Discord, mode, false).is_empty());
        assert!(plan(&message(RichText::default(), &[]), Telegram, mode, true).is_empty());
        let mut joined = message(RichText::default(), &[]);
        joined.unsupported = Some("service".to_owned());
        assert!(plan(&joined, Discord, mode, false).is_empty());
        assert!(plan(&joined, Telegram, mode, true).is_empty());
    }
}

#[test]
fn discord_takes_ten_attachments_with_a_caption() {
    let album = message(RichText::plain("a"), &[1; 12]);
    assert_eq!(plan(&album, Discord, Copy, false), ["media 0,1,2,3,4,5,6,7,8,9: a", "media 10,11: "]);
    let heavy = message(RichText::default(), &[9 * MIB, 9 * MIB, 9 * MIB]);
    assert_eq!(plan(&heavy, Discord, Copy, false), ["media 0,1: ", "media 2: "]);
}

#[test]
fn a_long_text_does_not_become_a_caption() {
    let words = "word ".repeat(500);
    let parts = plan(&message(RichText::plain(words.trim()), &[1]), Discord, Copy, false);
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[0], "media 0: ");
    assert!(parts[1].len() > 1900 && parts[2].ends_with("word"));
    let parts = plan(&message(RichText::plain(words.trim()), &[1, 1]), Telegram, Copy, false);
    assert_eq!(parts, [words.trim(), "media 0,1: "]);
}

#[test]
fn telegram_has_the_caption_on_the_first_attachment() {
    let album = message(RichText::plain("a"), &[1, 1]);
    assert_eq!(plan(&album, Telegram, Copy, false), ["media 0,1: a"]);
    let longest = message(RichText::plain("a".repeat(1024)), &[1]);
    assert_eq!(plan(&longest, Telegram, Copy, false).len(), 1);
    let longer = message(RichText::plain("a".repeat(1025)), &[1]);
    assert_eq!(plan(&longer, Telegram, Copy, false).len(), 2);
}

#[test]
fn what_is_too_large_leaves_a_notice() {
    let mixed = message(RichText::plain("a"), &[1, 10 * MIB + 1, 10 * MIB]);
    assert_eq!(
        plan(&mixed, Discord, Copy, false),
        ["media 0,2: a", "notice: \\[f1.bin, 10.0 MiB: too large to carry\\]"]
    );
    let large = message(RichText::default(), &[2001 * MIB]);
    assert_eq!(plan(&large, Telegram, Copy, false), ["notice: [f0.bin, 1.9 GiB: too large to carry]"]);
    let large = message(RichText::plain("a"), &[2001 * MIB, 2002 * MIB]);
    let notice = "notice: [f0.bin, 1.9 GiB: too large to carry]\n[f1.bin, 1.9 GiB: too large to carry]";
    assert_eq!(plan(&large, Telegram, Copy, false), ["a", notice]);
}

#[test]
fn what_is_not_carried_yet_leaves_a_notice() {
    let mut poll = message(RichText::default(), &[]);
    poll.unsupported = Some("poll".to_owned());
    assert_eq!(plan(&poll, Telegram, Copy, false), ["notice: [poll: not carried yet]"]);
    assert_eq!(plan(&poll, Telegram, Forward, false), ["notice: Forwarded from Ada in News\n[poll: not carried yet]"]);
    assert_eq!(plan(&poll, Telegram, Forward, true), ["forward"]);
}

#[test]
fn a_forward_is_native_on_telegram_and_attributed_elsewhere() {
    let text = message(RichText::plain("a"), &[1]);
    assert_eq!(plan(&text, Telegram, Forward, true), ["forward"]);
    assert_eq!(plan(&text, Telegram, Forward, false), ["media 0: Forwarded from Ada in News\na"]);
    assert_eq!(plan(&text, Discord, Forward, true), ["media 0: _Forwarded from **Ada** in **News**_\na"]);
    assert_eq!(plan(&text, Telegram, Copy, true), ["media 0: a"]);
    assert_eq!(
        plan(&message(RichText::default(), &[1]), Telegram, Forward, false),
        ["media 0: Forwarded from Ada in News"]
    );
}

#[test]
fn sizes_are_readable() {
    for (bytes, shown) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 * MIB, "10.0 MiB")] {
        assert_eq!(human_size(bytes), shown);
    }
    assert!(human_size(u64::MAX).ends_with("TiB"));
}

fn media(kind: MediaKind, mime: &str) -> Media {
    let source = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 5 };
    Media::new(kind, "f".to_owned(), mime.to_owned(), 1, source)
}

#[test]
fn telegram_albums_are_of_one_family() {
    let mixed = [
        media(MediaKind::Photo, "image/jpeg"),
        media(MediaKind::Document, "application/pdf"),
        media(MediaKind::Video, "video/mp4"),
        media(MediaKind::Audio, "audio/mpeg"),
        media(MediaKind::Voice, "audio/ogg"),
        media(MediaKind::Voice, "audio/ogg"),
        media(MediaKind::Document, "text/plain"),
        media(MediaKind::Animation, "video/mp4"),
        media(MediaKind::Audio, "audio/flac"),
    ];
    let message = Message { media: mixed.to_vec(), ..message(RichText::plain("a"), &[]) };
    let sends = ["media 0,2: a", "media 1,6: ", "media 3,8: ", "media 4: ", "media 5: ", "media 7: "];
    assert_eq!(plan(&message, Telegram, Copy, false), sends);
    assert_eq!(plan(&message, Discord, Copy, false), ["media 0,1,2,3,4,5,6,7,8: a"]);
}

#[test]
fn stickers_and_round_videos_have_no_caption_on_telegram() {
    for (kind, mime) in [(MediaKind::Sticker, "image/webp"), (MediaKind::VideoNote, "video/mp4")] {
        let message = Message { media: vec![media(kind, mime)], ..message(RichText::plain("a"), &[]) };
        assert_eq!(plan(&message, Telegram, Copy, false), ["a", "media 0: "]);
        assert_eq!(plan(&message, Discord, Copy, false), ["media 0: a"]);
    }
}

#[test]
fn what_is_held_decides_between_file_link_and_notice() {
    let message = message(RichText::plain("a"), &[1, 2, 3, 4]);
    let until = DateTime::from_timestamp(1_796_000_000, 0).unwrap();
    let link = Link { url: "https://c.example/media/1?s=2".to_owned(), until };
    let held = [
        Held::Here { size_bytes: 30 * MIB, link: Some(link.clone()) },
        Held::Here { size_bytes: 5, link: Some(link) },
        Held::Missing(Missing::Unfetched),
        Held::Missing(Missing::TooLarge),
    ];
    let target = |destination| Target {
        destination,
        mode: Copy,
        native_forward: false,
        pings: None,
        limits: Limits::of(destination),
    };
    let notice = "notice: 📎 [f0.bin](https://c.example/media/1?s=2), 30.0 MiB (until 2026-11-30)\n\
                  \\[f2.bin: could not be fetched\\]\n\\[f3.bin, 4 B: too large to carry\\]";
    assert_eq!(short(&render_held(&message, &held, &target(Discord))), ["media 1: a", notice]);
    let notice = "notice: [f2.bin: could not be fetched]\n[f3.bin, 4 B: too large to carry]";
    assert_eq!(short(&render_held(&message, &held, &target(Telegram))), ["media 0,1: a", notice]);
}

#[test]
fn music_is_named_by_performer_and_title_where_only_a_name_is_shown() {
    let source = || message(RichText::default(), &[5]).media.remove(0).source;
    let audio = |name: &str, title: Option<&str>, performer: Option<&str>| Media {
        title: title.map(str::to_owned),
        performer: performer.map(str::to_owned),
        ..Media::new(MediaKind::Audio, name.to_owned(), "audio/mpeg".to_owned(), 5, source())
    };
    for (name, title, performer, shown) in [
        ("track01.mp3", Some("Song"), Some("Singer"), "Singer - Song.mp3"),
        ("track01.mp3", Some("Song"), None, "Song.mp3"),
        ("track01", None, Some("Singer"), "Singer"),
        ("a. long ending", Some("Song"), Some(" "), "Song"),
        ("track01.mp3", None, None, "track01.mp3"),
    ] {
        let media = audio(name, title, performer);
        assert_eq!(at_destination(&media, 5, Discord).file_name, shown);
        assert_eq!(
            at_destination(&media, 5, Telegram).file_name,
            name,
            "Telegram shows title and performer themselves"
        );
    }
    let large = audio("track01.mp3", Some("Song"), Some("Singer"));
    let large = Message { media: vec![large], ..message(RichText::default(), &[]) };
    let held = [Held::Missing(Missing::Unfetched)];
    let target =
        Target { destination: Discord, mode: Copy, native_forward: false, pings: None, limits: Limits::DISCORD };
    let found = short(&render_held(&large, &held, &target));
    assert_eq!(found, ["notice: \\[Singer - Song.mp3: could not be fetched\\]"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_attachment_is_carried_once_or_named(
        sizes in prop::collection::vec(0..30 * MIB, 0..25),
        words in 0_usize..1500,
        discord in any::<bool>(),
        forward in any::<bool>(),
    ) {
        let destination = if discord { Discord } else { Telegram };
        let mode = if forward { Forward } else { Copy };
        let limits = Limits { media_bytes_max: 10 * MIB, ..Limits::of(destination) };
        let message = message(RichText::plain("word ".repeat(words)), &sizes);
        let parts = render(&message, destination, mode, false, limits);
        let mut seen = Vec::new();
        let mut said = String::new();
        for part in &parts {
            let (text, max) = match part {
                PartPlan::Media { indices, caption } => {
                    prop_assert!(!indices.is_empty() && indices.len() <= limits.attachments_max);
                    prop_assert!(indices.iter().map(|index| sizes[*index]).sum::<u64>() <= limits.message_bytes_max);
                    seen.extend(indices.iter().copied());
                    (caption, limits.caption_utf16_max)
                }
                PartPlan::Text(text) | PartPlan::Notice(text) => {
                    prop_assert!(!text.is_empty());
                    (text, limits.text_utf16_max)
                }
                PartPlan::Forward => unreachable!("not native"),
            };
            prop_assert!(text.as_str().encode_utf16().count() <= max);
            said.push_str(text.as_str());
        }
        let fitting: Vec<usize> = (0..sizes.len()).filter(|index| sizes[*index] <= limits.media_bytes_max).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, fitting);
        prop_assert_eq!(said.matches("too large to carry").count(), sizes.iter().filter(|size| **size > limits.media_bytes_max).count());
        prop_assert_eq!(said.matches("word").count(), words);
    }

    #[test]
    fn every_letter_arrives_and_no_grapheme_is_cut(
        pieces in prop::collection::vec(prop::sample::select(vec!["word", " ", "\n", "😀", "👨‍👩‍👧", "שלום", "e\u{301}", "*", "_x_", "`", "🇩🇪", "|", "\\"]), 0..900),
        spans in prop::collection::vec((0_usize..4000, 0_usize..4000, 0_usize..7), 0..12),
        discord in any::<bool>(),
    ) {
        let styles = [Style::Bold, Style::Italic, Style::Underline, Style::Strikethrough, Style::Spoiler, Style::Code, Style::Quote];
        // Also within a grapheme, which must stay whole all the same.
        let spans = spans.into_iter().map(|(offset, length, style)| Span { offset, length, style: styles[style].clone() });
        let source = message(RichText { text: pieces.concat(), spans: spans.collect() }, &[]);
        let destination = if discord { Discord } else { Telegram };
        // Whole graphemes of each part: one that was cut between two parts would be two. Marks without width stand where
        // markdown would run together, and no reader sees them.
        let graphemes = |text: &str| -> Vec<String> {
            let visible = text.replace('\u{200b}', "");
            visible.graphemes(true).filter(|one| !one.trim().is_empty()).map(str::to_owned).collect()
        };
        let mut shown = Vec::new();
        for part in render(&source, destination, Copy, false, Limits::of(destination)) {
            let PartPlan::Text(text) = part else { panic!("{part:?}") };
            prop_assert!(text.as_str().encode_utf16().count() <= Limits::of(destination).text_utf16_max);
            shown.extend(graphemes(&match text {
                PartText::Telegram(text) => text.text,
                PartText::Discord(markdown) => parse(&markdown, &Mentions::default()).text,
            }));
        }
        prop_assert_eq!(shown, graphemes(&source.text.text));
    }
}
