//! Lines of a file of users: `email,hash[,verified]`, with or without quotation marks (RFC 4180).

/// The longest line that is looked at, in bytes.
const LINE_BYTES_MAX: usize = 4_096;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is empty, a comment, or the heading.
    Nothing,
    /// Somebody.
    User {
        /// Their address.
        email: String,
        /// What their password is checked against.
        hash: String,
        /// They have proven that the address is theirs.
        verified: bool,
    },
    /// It cannot be read; why, without what it says.
    Wrong(&'static str),
}

/// Reads one line. An argon2 hash has commas of its own: without quotation marks, everything between the first comma and
/// a last field that says yes or no is the hash.
pub(super) fn parse(line: &str) -> Line {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    if line.len() > LINE_BYTES_MAX {
        return Line::Wrong("the line is too long");
    }
    let Some((email, rest)) = field(line) else { return Line::Wrong("a quotation mark does not end") };
    if email.eq_ignore_ascii_case("email") {
        return Line::Nothing;
    }
    let Some(rest) = rest else { return Line::Wrong("there is no hash") };
    let (hash, flag) = if rest.starts_with('"') {
        let Some((hash, flag)) = field(rest) else { return Line::Wrong("a quotation mark does not end") };
        (hash, flag.map_or("", str::trim).to_owned())
    } else {
        match rest.rsplit_once(',') {
            Some((hash, flag)) if is_verified(flag.trim()).is_some() => {
                (hash.trim().to_owned(), flag.trim().to_owned())
            }
            _ => (rest.trim().to_owned(), String::new()),
        }
    };
    match is_verified(&flag) {
        Some(verified) => Line::User { email, hash, verified },
        None => Line::Wrong("the third field is `verified` or `unverified`"),
    }
}

/// The first field, without its quotation marks, and what follows the comma behind it. `None` when a mark does not end.
fn field(line: &str) -> Option<(String, Option<&str>)> {
    let Some(quoted) = line.strip_prefix('"') else {
        return Some(match line.split_once(',') {
            Some((field, rest)) => (field.trim().to_owned(), Some(rest.trim_start())),
            None => (line.trim().to_owned(), None),
        });
    };
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('"')?;
        text.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                text.push('"');
                rest = more;
            }
            None => return Some((text, after.trim_start().strip_prefix(',').map(str::trim_start))),
        }
    }
}

/// What a third field means; nothing means no.
fn is_verified(flag: &str) -> Option<bool> {
    match flag.to_ascii_lowercase().as_str() {
        "verified" | "true" | "yes" | "1" => Some(true),
        "" | "unverified" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2b$10$abcdefghijklmnopqrstuv";
    const ARGON2: &str = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA";

    fn user(email: &str, hash: &str, verified: bool) -> Line {
        Line::User { email: email.into(), hash: hash.into(), verified }
    }

    #[test]
    fn lines_are_read_with_and_without_quotation_marks() {
        for (line, expected) in [
            (format!("a@b.co,{BCRYPT}"), user("a@b.co", BCRYPT, false)),
            (format!("a@b.co,{BCRYPT},verified"), user("a@b.co", BCRYPT, true)),
            (format!("a@b.co , {BCRYPT} , no"), user("a@b.co", BCRYPT, false)),
            (format!("a@b.co,{ARGON2}"), user("a@b.co", ARGON2, false)),
            (format!("a@b.co,{ARGON2},true"), user("a@b.co", ARGON2, true)),
            (format!("a@b.co,{ARGON2},"), user("a@b.co", ARGON2, false)),
            (format!("\"a@b.co\",\"{ARGON2}\",1"), user("a@b.co", ARGON2, true)),
            (format!("\"a\"\"b@c.de\",\"{ARGON2}\""), user("a\"b@c.de", ARGON2, false)),
            ("email,password_hash,verified".into(), Line::Nothing),
            ("\u{feff}Email,Hash".into(), Line::Nothing),
            ("  ".into(), Line::Nothing),
            ("# a comment".into(), Line::Nothing),
        ] {
            assert_eq!(parse(&line), expected, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_repeated() {
        for line in
            ["a@b.co", "\"a@b.co,x", "a@b.co,\"x", "a@b.co,\"x\",perhaps", &format!("a@b.co,{}", "x".repeat(5_000))]
        {
            assert!(matches!(parse(line), Line::Wrong(_)), "{line}");
        }
    }
}
