//! How a message looks at its destination: steps over the text, then template, header and footer.

use std::{borrow::Cow, fmt};

use super::{
    Rules,
    links::{SourceChat, message_link},
    template::Values,
};
use crate::{
    account::Platform,
    message::{Embed, Extra, Message},
    text::RichText,
};

/// One step over a text. Steps change text with its formatting and know nothing of the message around it.
pub trait TextStep: fmt::Debug + Send + Sync {
    /// The option that it comes from, for the list of what was done.
    fn name(&self) -> &str;

    /// The text afterwards.
    fn apply(&self, text: RichText) -> RichText;
}

impl Rules {
    /// True when [`Self::transform`] may change a message.
    #[must_use]
    pub fn transforms(&self) -> bool {
        let framed = self.header.is_some() || self.footer.is_some() || self.template.is_some();
        framed || !self.steps.is_empty() || !self.options.link_previews
    }

    /// The message as the pair wants it to look, before it is rendered for the destination. `known` is what is known of
    /// the source chat, for links.
    #[must_use]
    pub fn transform<'m>(&self, message: &'m Message, platform: Platform, known: &SourceChat) -> Cow<'m, Message> {
        if !self.transforms() {
            return Cow::Borrowed(message);
        }
        let mut changed = message.clone();
        changed.text = self.walk(changed.text);
        changed.quote = changed.quote.map(|quote| self.walk(quote)).filter(|quote| !quote.is_blank());
        if self.options.strip_links || !self.options.link_previews {
            changed.extras.retain(|extra| !matches!(extra, Extra::Embed(embed) if embed.preview));
        }
        changed.extras.iter_mut().for_each(|extra| self.walk_extra(extra));
        let link = message_link(platform, message.chat, message.message_id, known);
        let author = message.author.as_ref();
        let values = Values {
            text: &changed.text,
            author: author.map(|author| author.name.as_str()),
            author_id: author.map(|author| author.id),
            chat: message.chat_title.as_deref(),
            chat_id: message.chat.get(),
            topic: message.thread_title.as_deref(),
            link: link.as_deref(),
            platform: match platform {
                Platform::Telegram => "Telegram",
                Platform::Discord => "Discord",
            },
            sent_at: message.sent_at,
            zone: self.zone,
        };
        changed.text = self.framed(&values);
        Cow::Owned(changed)
    }

    /// The text after all steps.
    fn walk(&self, text: RichText) -> RichText {
        self.steps.iter().fold(text, |text, step| step.apply(text))
    }

    fn walk_words(&self, words: &mut String) {
        *words = self.walk(RichText::plain(std::mem::take(words))).text;
    }

    /// Polls and boxes are text as well; places and contacts are facts.
    fn walk_extra(&self, extra: &mut Extra) {
        match extra {
            Extra::Poll(poll) => {
                self.walk_words(&mut poll.question);
                poll.options.iter_mut().for_each(|option| self.walk_words(option));
            }
            Extra::Embed(embed) => self.walk_embed(embed),
            Extra::Location(_) | Extra::Contact(_) | Extra::Dice { .. } => {}
        }
    }

    fn walk_embed(&self, embed: &mut Embed) {
        for words in [&mut embed.title, &mut embed.author, &mut embed.footer].into_iter().flatten() {
            self.walk_words(words);
        }
        if self.options.strip_links {
            embed.url = None;
        }
        embed.description = self.walk(std::mem::take(&mut embed.description));
        for field in &mut embed.fields {
            self.walk_words(&mut field.name);
            field.value = self.walk(std::mem::take(&mut field.value));
        }
    }

    fn framed(&self, values: &Values<'_>) -> RichText {
        let body = match &self.template {
            Some(template) => template.fill(values),
            None => values.text.clone(),
        };
        let [header, footer] = [&self.header, &self.footer].map(|part| {
            let filled = part.as_ref().map(|part| part.fill(values));
            filled.filter(|filled| !filled.is_blank()).unwrap_or_default()
        });
        RichText::join([&header, &body, &footer], "\n")
    }
}
