//! Reading markdown: the walk over the source, rule by rule in Discord's order.

use super::{
    JOINT, Mentions,
    blocks::{Block, block},
    builder::Builder,
    code,
    emphasis::emphasis,
    special::{Special, special},
};
use crate::text::{
    Pinged, RichText, Style,
    urls::{looks_like_url, match_url},
};

/// The deepest nesting that is read as markup; what is deeper stays as written. Real text has three or four.
const DEPTH_MAX: usize = 16;
/// Discord shows this emoticon as it is typed, backslash included.
const SHRUG: &str = "¯\\_(ツ)_/¯";

/// Reads Discord's markdown as Discord shows it. Markers without an end stay in the text.
///
/// Custom emoji become `:name:`, mentions the names that `mentions` knows, timestamps UTC. Bare addresses are left to
/// the destination, which makes links of them by itself.
#[must_use]
pub fn parse(markdown: &str, mentions: &Mentions) -> RichText {
    let mut reader = Reader { mentions, out: Builder::default() };
    reader.read(markdown, Place { line_starts: true, ..Place::default() });
    reader.out.finish()
}

/// Where in the markup a source stands.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Blocks are recognised at the start of lines: true outside of inline markup.
    line_starts: bool,
    in_quote: bool,
    in_link: bool,
    depth: usize,
}

impl Place {
    const fn inside(self) -> Self {
        Self { line_starts: false, depth: self.depth + 1, ..self }
    }
}

struct Reader<'m> {
    mentions: &'m Mentions,
    out: Builder,
}

impl Reader<'_> {
    fn read(&mut self, source: &str, place: Place) {
        let mut at = 0;
        let mut at_line_start = true;
        let mut after_markup = false;
        while let Some(c) = source[at..].chars().next() {
            let rest = &source[at..];
            if at_line_start
                && place.line_starts
                && let Some(length) = self.read_block(rest, place)
            {
                at += length;
                (at_line_start, after_markup) = (false, true);
                continue;
            }
            if let Some(length) = self.read_markup(rest, c, place) {
                at += length;
                (at_line_start, after_markup) = (false, true);
                continue;
            }
            let (shown, length) = literal(rest, c, after_markup);
            self.out.push(shown);
            at += length;
            (at_line_start, after_markup) = (c == '\n', false);
        }
    }

    fn read_block(&mut self, rest: &str, place: Place) -> Option<usize> {
        let mark = self.out.mark();
        match block(rest, !place.in_quote)? {
            Block::Quote(content, length) => {
                self.read(&content, Place { in_quote: true, ..place });
                self.out.close(mark, Style::Quote);
                Some(length)
            }
            Block::Heading(text, length) => {
                self.read(text, place.inside());
                self.out.close(mark, Style::Bold);
                Some(length)
            }
            Block::Subtext(text, length) => {
                self.read(text, place.inside());
                Some(length)
            }
        }
    }

    /// Reads markup that begins with `c`; the length read, or `None` when there is none.
    fn read_markup(&mut self, rest: &str, c: char, place: Place) -> Option<usize> {
        if place.depth >= DEPTH_MAX {
            return None;
        }
        match c {
            '`' => self.read_code(rest),
            '*' | '_' | '~' | '|' => {
                let found = emphasis(rest)?;
                let mark = self.out.mark();
                self.read(without_end_joint(found.content, c), place.inside());
                self.out.close(mark, found.style);
                Some(found.length)
            }
            '[' if !place.in_link => self.read_link(rest, place),
            '<' => {
                let (shown, length) = special(rest, self.mentions)?;
                let mark = self.out.mark();
                match shown {
                    Special::Text(text) => self.out.push(&text),
                    Special::Mention(name, pinged) => {
                        self.out.push(&name);
                        self.out.close(mark, Style::Mention { user_id: None, pinged });
                    }
                }
                Some(length)
            }
            '@' if self.mentions.everyone() => self.read_everyone(rest),
            'h' => {
                let length = match_url(rest)?;
                self.out.push(&rest[..length]);
                Some(length)
            }
            _ => None,
        }
    }

    /// A word that pinged all members.
    fn read_everyone(&mut self, rest: &str) -> Option<usize> {
        let words = [("@everyone", Pinged::Everyone), ("@here", Pinged::Here)];
        let (word, pinged) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
        let mark = self.out.mark();
        self.out.push(word);
        self.out.close(mark, Style::Mention { user_id: None, pinged: Some(pinged) });
        Some(word.len())
    }

    fn read_code(&mut self, rest: &str) -> Option<usize> {
        if let Some(fence) = code::fence(rest) {
            self.out.block(&code::without_joints(fence.code), fence.language);
            return Some(fence.length);
        }
        let (content, length) = code::inline_code(rest)?;
        let mark = self.out.mark();
        self.out.push(content);
        self.out.close(mark, Style::Code);
        Some(length)
    }

    fn read_link(&mut self, rest: &str, place: Place) -> Option<usize> {
        let (label, url, length) = masked_link(rest)?;
        let mark = self.out.mark();
        self.read(label, Place { in_link: true, ..place.inside() });
        self.out.close(mark, Style::Link { url: url.to_owned() });
        Some(length)
    }
}

/// What a character without a meaning shows, and the length of its source.
fn literal(rest: &str, c: char, after_markup: bool) -> (&str, usize) {
    let next = rest[c.len_utf8()..].chars().next();
    match c {
        '¯' if rest.starts_with(SHRUG) => (SHRUG, SHRUG.len()),
        '\\' => match next.filter(|next| !next.is_ascii_alphanumeric() && !next.is_whitespace()) {
            Some(next) => {
                let (shown, length) = one(&rest[1..], next);
                (shown, 1 + length)
            }
            None => one(rest, c),
        },
        JOINT if after_markup && matches!(next, Some('*' | '_' | '~' | '|' | '`' | '[')) => ("", c.len_utf8()),
        _ => one(rest, c),
    }
}

/// A character as it is, without the joint that the renderer puts between an `@` and its word.
fn one(rest: &str, c: char) -> (&str, usize) {
    let (shown, after) = rest.split_at(c.len_utf8());
    let joint = after.strip_prefix(JOINT).filter(|after| c == '@' && is_everyone(after));
    (shown, rest.len() - joint.unwrap_or(after).len())
}

/// True when `text` begins with a word that pings a whole channel behind an `@`.
pub(super) fn is_everyone(text: &str) -> bool {
    text.starts_with("everyone") || text.starts_with("here")
}

/// Takes the joint away that keeps a marker's own character at the end of the content from closing it early.
fn without_end_joint(content: &str, marker: char) -> &str {
    content.strip_suffix(JOINT).filter(|rest| rest.ends_with(marker)).unwrap_or(content)
}

/// `[label](url "title")` at the start of `source`: label, URL, length. Discord refuses labels that look like an
/// address, so that nobody is led elsewhere than it says.
fn masked_link(source: &str) -> Option<(&str, &str, usize)> {
    let label_end = closing_bracket(source)?;
    let label = &source[1..label_end];
    let target = source[label_end + 1..].strip_prefix('(')?;
    let target_start = label_end + 2;
    let mut depth = 0_usize;
    let end = target.char_indices().find_map(|(at, c)| match c {
        '(' => {
            depth += 1;
            None
        }
        ')' if depth == 0 => Some(at),
        ')' => {
            depth -= 1;
            None
        }
        _ => None,
    })?;
    let inside = target[..end].trim();
    let (url, title) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let quoted = |mark: char| title.len() >= 2 && title.starts_with(mark) && title.ends_with(mark);
    let title_fits = title.is_empty() || quoted('"') || quoted('\'');
    let url = url.strip_prefix('<').and_then(|url| url.strip_suffix('>')).unwrap_or(url);
    let fits = title_fits && match_url(url).is_some() && !label.trim().is_empty() && !looks_like_url(label);
    fits.then_some((label, url, target_start + end + 1))
}

/// The `]` that belongs to the `[` at the start, escaped brackets counting too.
fn closing_bracket(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    source.char_indices().find_map(|(at, c)| match c {
        '[' => {
            depth += 1;
            None
        }
        ']' => {
            depth -= 1;
            (depth == 0).then_some(at)
        }
        _ => None,
    })
}
