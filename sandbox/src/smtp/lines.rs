//! Reading lines of which no client can make us keep too much.

use std::io::Result;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// One line as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Without what ended it; cut when it was too long.
    pub bytes: Vec<u8>,
    /// It was longer than allowed.
    pub too_long: bool,
    /// A carriage return or a line feed stood alone in it: mail servers that read such text differently can be tricked.
    pub bare: bool,
}

/// The next line of at most `bytes_max`, with its end counted; `None` when the client is gone, also within a line.
///
/// # Errors
/// When the connection breaks.
pub async fn read_line(from: &mut (impl AsyncBufRead + Unpin), bytes_max: usize) -> Result<Option<Line>> {
    let (mut bytes, mut too_long) = (Vec::new(), false);
    loop {
        let buffer = from.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(buffer.len(), |at| at + 1);
        let room = bytes_max.saturating_sub(bytes.len());
        too_long |= taken > room;
        bytes.extend(buffer.iter().take(taken.min(room)));
        from.consume(taken);
        if end.is_some() {
            return Ok(Some(finished(bytes, too_long)));
        }
    }
}

fn finished(mut bytes: Vec<u8>, too_long: bool) -> Line {
    if too_long {
        return Line { bytes, too_long, bare: false };
    }
    bytes.pop();
    let ended = bytes.pop_if(|byte| *byte == b'\r').is_some();
    let bare = !ended || bytes.contains(&b'\r');
    Line { bytes, too_long, bare }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8], bytes_max: usize) -> Vec<(String, bool, bool)> {
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut bytes, bytes_max).await.unwrap() {
            lines.push((String::from_utf8(line.bytes).unwrap(), line.too_long, line.bare));
        }
        lines
    }

    fn good(text: &str) -> (String, bool, bool) {
        (text.to_owned(), false, false)
    }

    #[tokio::test]
    async fn lines_end_with_both_and_a_cut_one_is_none() {
        assert_eq!(read(b"NOOP\r\n\r\nQUIT\r\nRS", 100).await, [good("NOOP"), good(""), good("QUIT")]);
    }

    #[tokio::test]
    async fn what_ends_with_one_of_them_is_noticed() {
        let bare = |text: &str| (text.to_owned(), false, true);
        assert_eq!(read(b"a\nb\rc\r\nd\r\n", 100).await, [bare("a"), bare("b\rc"), good("d")]);
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let lines = read(b"0123456789\r\n01234567\r\n", 10).await;
        assert_eq!(lines, [("0123456789".to_owned(), true, false), good("01234567")]);
    }
}
