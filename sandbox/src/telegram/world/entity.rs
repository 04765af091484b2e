//! Text formatting in a form that is readable in the journal and in the control API: the names of the Bot API.

use grammers_tl_types::{enums::InputUser, enums::MessageEntity as Tl, types};
use serde::{Deserialize, Serialize};

/// A formatted span; offsets and lengths are UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entity {
    #[serde(flatten)]
    pub(crate) kind: EntityKind,
    pub(crate) offset: i32,
    pub(crate) length: i32,
}

/// What a span is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum EntityKind {
    Mention,
    Hashtag,
    Cashtag,
    BotCommand,
    Url,
    Email,
    PhoneNumber,
    Bold,
    Italic,
    Underline,
    Strikethrough,
    Spoiler,
    Blockquote,
    ExpandableBlockquote,
    Code,
    Pre {
        #[serde(default)]
        language: String,
    },
    TextLink {
        url: String,
    },
    TextMention {
        user: i64,
    },
    CustomEmoji {
        custom_emoji_id: i64,
    },
}

impl Entity {
    /// Reads a span as a client sent it. Kinds that the sandbox does not know are dropped, as older servers do.
    pub(crate) fn from_tl(entity: &Tl, me: i64) -> Option<Self> {
        let kind = match entity {
            Tl::Mention(_) => EntityKind::Mention,
            Tl::Hashtag(_) => EntityKind::Hashtag,
            Tl::Cashtag(_) => EntityKind::Cashtag,
            Tl::BotCommand(_) => EntityKind::BotCommand,
            Tl::Url(_) => EntityKind::Url,
            Tl::Email(_) => EntityKind::Email,
            Tl::Phone(_) => EntityKind::PhoneNumber,
            Tl::Bold(_) => EntityKind::Bold,
            Tl::Italic(_) => EntityKind::Italic,
            Tl::Underline(_) => EntityKind::Underline,
            Tl::Strike(_) => EntityKind::Strikethrough,
            Tl::Spoiler(_) => EntityKind::Spoiler,
            Tl::Blockquote(quote) if quote.collapsed => EntityKind::ExpandableBlockquote,
            Tl::Blockquote(_) => EntityKind::Blockquote,
            Tl::Code(_) => EntityKind::Code,
            Tl::Pre(pre) => EntityKind::Pre { language: pre.language.clone() },
            Tl::TextUrl(link) => EntityKind::TextLink { url: link.url.clone() },
            Tl::MentionName(mention) => EntityKind::TextMention { user: mention.user_id },
            Tl::InputMessageEntityMentionName(mention) => EntityKind::TextMention {
                user: match &mention.user_id {
                    InputUser::UserSelf => me,
                    InputUser::User(user) => user.user_id,
                    InputUser::FromMessage(user) => user.user_id,
                    InputUser::Empty => return None,
                },
            },
            Tl::CustomEmoji(emoji) => EntityKind::CustomEmoji { custom_emoji_id: emoji.document_id },
            _ => return None,
        };
        Some(Self { kind, offset: entity.offset(), length: entity.length() })
    }

    /// The protocol's form.
    pub(crate) fn to_tl(&self) -> Tl {
        let (offset, length) = (self.offset, self.length);
        match &self.kind {
            EntityKind::Mention => types::MessageEntityMention { offset, length }.into(),
            EntityKind::Hashtag => types::MessageEntityHashtag { offset, length }.into(),
            EntityKind::Cashtag => types::MessageEntityCashtag { offset, length }.into(),
            EntityKind::BotCommand => types::MessageEntityBotCommand { offset, length }.into(),
            EntityKind::Url => types::MessageEntityUrl { offset, length }.into(),
            EntityKind::Email => types::MessageEntityEmail { offset, length }.into(),
            EntityKind::PhoneNumber => types::MessageEntityPhone { offset, length }.into(),
            EntityKind::Bold => types::MessageEntityBold { offset, length }.into(),
            EntityKind::Italic => types::MessageEntityItalic { offset, length }.into(),
            EntityKind::Underline => types::MessageEntityUnderline { offset, length }.into(),
            EntityKind::Strikethrough => types::MessageEntityStrike { offset, length }.into(),
            EntityKind::Spoiler => types::MessageEntitySpoiler { offset, length }.into(),
            EntityKind::Blockquote => types::MessageEntityBlockquote { collapsed: false, offset, length }.into(),
            EntityKind::ExpandableBlockquote => {
                types::MessageEntityBlockquote { collapsed: true, offset, length }.into()
            }
            EntityKind::Code => types::MessageEntityCode { offset, length }.into(),
            EntityKind::Pre { language } => {
                types::MessageEntityPre { offset, length, language: language.clone() }.into()
            }
            EntityKind::TextLink { url } => types::MessageEntityTextUrl { offset, length, url: url.clone() }.into(),
            EntityKind::TextMention { user } => {
                types::MessageEntityMentionName { offset, length, user_id: *user }.into()
            }
            EntityKind::CustomEmoji { custom_emoji_id } => {
                types::MessageEntityCustomEmoji { offset, length, document_id: *custom_emoji_id }.into()
            }
        }
    }
}
