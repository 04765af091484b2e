use chrono::DateTime;
use proptest::prelude::*;

use super::{Limits, PartPlan, PartText, human_size, render};
use crate::{
    account::Platform::{self, Discord, Telegram},
    chat::ChatId,
    message::{Author, Media, MediaKind, MediaSource, Message},
    pair::CopyMode::{self, Copy, Forward},
    text::{RichText, Style},
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
        author: Some(Author { id: 2, name: "Ada".to_owned(), bot: false, avatar: None }),
        chat_title: Some("News".to_owned()),
        text,
        media: media.collect(),
        ..Message::new(chat, 5, DateTime::UNIX_EPOCH)
    }
}

/// The parts in short: `text`, `notice: text`, `media 0,1: caption`, `forward`.
fn plan(message: &Message, destination: Platform, mode: CopyMode, native: bool) -> Vec<String> {
    let parts = render(message, destination, mode, native, Limits::of(destination));
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
    assert_eq!(parts, [words.trim(), "media 0: ", "media 1: "]);
}

#[test]
fn telegram_has_the_caption_on_the_first_attachment() {
    let album = message(RichText::plain("a"), &[1, 1]);
    assert_eq!(plan(&album, Telegram, Copy, false), ["media 0: a", "media 1: "]);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

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
        prop_assert_eq!(seen, fitting);
        prop_assert_eq!(said.matches("too large to carry").count(), sizes.iter().filter(|size| **size > limits.media_bytes_max).count());
        prop_assert_eq!(said.matches("word").count(), words);
    }
}
