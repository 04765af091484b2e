//! What Discord recognises at the start of a line only: quotes, headings, subtext.

/// A block at the start of a line.
pub(super) enum Block<'s> {
    /// `> `: the lines without their markers. Length in bytes, without the last line's end.
    Quote(String, usize),
    /// `# ` to `### `: the heading's text.
    Heading(&'s str, usize),
    /// `-# `: small text.
    Subtext(&'s str, usize),
}

/// The block that `source` begins with; quotes only when `quotes` (they do not nest).
pub(super) fn block(source: &str, quotes: bool) -> Option<Block<'_>> {
    if quotes && let Some((content, length)) = quote(source) {
        return Some(Block::Quote(content, length));
    }
    let line = source.lines().next()?;
    let small = line.strip_prefix("-# ").map(|text| Block::Subtext(text, line.len()));
    let heading = || {
        let text = line.trim_start_matches('#');
        let level = line.len() - text.len();
        let text = text.strip_prefix(' ').filter(|_| (1..=3).contains(&level))?.trim_start_matches(' ');
        Some(Block::Heading(text, line.len()))
    };
    small.or_else(heading).filter(|block| match block {
        Block::Heading(text, _) | Block::Subtext(text, _) => !text.trim().is_empty(),
        Block::Quote(..) => true,
    })
}

/// The quoted lines at the start of `source` and their length.
fn quote(source: &str) -> Option<(String, usize)> {
    if let Some(rest) = source.trim_start_matches(' ').strip_prefix(">>> ") {
        return Some((rest.to_owned(), source.len()));
    }
    let mut content = String::new();
    let mut length = 0;
    for line in source.split('\n') {
        let Some(quoted) = line.trim_start_matches(' ').strip_prefix("> ") else { break };
        if length > 0 {
            content.push('\n');
            length += 1;
        }
        content.push_str(quoted);
        length += line.len();
    }
    (length > 0).then_some((content, length))
}
