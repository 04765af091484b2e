//! What clients say, and what is said to them.

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// Its lines, at least one.
    pub lines: Vec<String>,
}

impl Reply {
    /// An answer of one line.
    #[must_use]
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, lines: vec![text.into()] }
    }

    /// The answer as it is sent.
    #[must_use]
    pub fn wire(&self) -> String {
        let last = self.lines.len().saturating_sub(1);
        let line =
            |(at, text): (usize, &String)| format!("{}{}{text}\r\n", self.code, if at == last { ' ' } else { '-' });
        self.lines.iter().enumerate().map(line).collect()
    }
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `HELO`: the client knows no extensions.
    Helo,
    /// `EHLO`: the client asks for extensions.
    Ehlo,
    /// `MAIL FROM`: a mail begins.
    Mail {
        /// Who sends it; empty for a mail about a mail.
        from: String,
        /// How long it will be, when the client says so.
        size_bytes: Option<usize>,
    },
    /// `RCPT TO`: it goes to this address too.
    Rcpt(String),
    /// `DATA`: its text follows.
    Data,
    /// `RSET`: the mail is forgotten.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
    /// `AUTH`, with what the client says at once.
    Auth {
        /// In capitals.
        mechanism: String,
        /// In base64.
        initial: Option<String>,
    },
}

impl Command {
    /// Understands one line.
    ///
    /// # Errors
    /// The answer to a line that is not a command, or not one that is known.
    pub fn parse(line: &str) -> Result<Self, Reply> {
        let (verb, rest) = line.split_once(' ').map_or((line, ""), |(verb, rest)| (verb, rest.trim()));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" if !rest.is_empty() => Ok(Self::Helo),
            "EHLO" if !rest.is_empty() => Ok(Self::Ehlo),
            "HELO" | "EHLO" => Err(Reply::new(501, "5.5.4 Say who you are")),
            "MAIL" => mail(rest),
            "RCPT" => {
                let (address, parameters) = path(rest, "TO:").ok_or_else(syntax)?;
                match (address.contains('@'), parameters.is_empty()) {
                    (true, true) => Ok(Self::Rcpt(address)),
                    (true, false) => Err(Reply::new(555, "5.5.4 Unknown parameter")),
                    (false, _) => Err(Reply::new(553, "5.1.3 Not an address")),
                }
            }
            "DATA" if rest.is_empty() => Ok(Self::Data),
            "RSET" if rest.is_empty() => Ok(Self::Rset),
            "NOOP" => Ok(Self::Noop),
            "QUIT" if rest.is_empty() => Ok(Self::Quit),
            "AUTH" => {
                let (mechanism, initial) = rest.split_once(' ').map_or((rest, None), |(name, rest)| (name, Some(rest)));
                Ok(Self::Auth {
                    mechanism: mechanism.to_ascii_uppercase(),
                    initial: initial.map(|text| text.trim().to_owned()),
                })
            }
            "DATA" | "RSET" | "QUIT" => Err(syntax()),
            "VRFY" | "EXPN" | "HELP" | "STARTTLS" => Err(Reply::new(502, "5.5.1 Not served here")),
            _ => Err(Reply::new(500, "5.5.2 Unknown command")),
        }
    }
}

fn syntax() -> Reply {
    Reply::new(501, "5.5.4 Wrong syntax")
}

fn mail(rest: &str) -> Result<Command, Reply> {
    let (from, parameters) = path(rest, "FROM:").ok_or_else(syntax)?;
    let mut size_bytes = None;
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("SIZE", bytes) => size_bytes = Some(bytes.parse().map_err(|_| syntax())?),
            ("BODY", "7BIT" | "8BITMIME") => (),
            _ => return Err(Reply::new(555, "5.5.4 Unknown parameter")),
        }
    }
    Ok(Command::Mail { from, size_bytes })
}

/// `FROM:<address> parameters`: the address in lower case, without its angle brackets.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = tail.trim_start().strip_prefix('<')?.split_once('>')?;
    Some((address.to_ascii_lowercase(), parameters.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood_in_any_case() {
        let auth = |initial: Option<&str>| Command::Auth {
            mechanism: "PLAIN".to_owned(),
            initial: initial.map(str::to_owned),
        };
        let mail = |from: &str, size_bytes| Command::Mail { from: from.to_owned(), size_bytes };
        let cases = [
            ("ehlo me", Command::Ehlo),
            ("HELO me", Command::Helo),
            ("MAIL FROM:<A@b.co>", mail("a@b.co", None)),
            ("mail from:<> size=12 body=8bitmime", mail("", Some(12))),
            ("RCPT TO: <c@d.co>", Command::Rcpt("c@d.co".to_owned())),
            ("DATA", Command::Data),
            ("rset", Command::Rset),
            ("NOOP whatever", Command::Noop),
            ("QUIT", Command::Quit),
            ("AUTH plain", auth(None)),
            ("AUTH PLAIN AGEAYg==", auth(Some("AGEAYg=="))),
        ];
        for (line, command) in cases {
            assert_eq!(Command::parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_own_code() {
        let cases = [
            ("", 500),
            ("HELLO", 500),
            ("EHLO", 501),
            ("MAIL a@b.co", 501),
            ("MAIL FROM:a@b.co", 501),
            ("MAIL FROM:<a@b.co> SIZE=x", 501),
            ("MAIL FROM:<a@b.co> SMTPUTF8", 555),
            ("RCPT TO:<nobody>", 553),
            ("RCPT TO:<a@b.co> NOTIFY=NEVER", 555),
            ("RCPT FROM:<a@b.co>", 501),
            ("DATA now", 501),
            ("VRFY a", 502),
            ("STARTTLS", 502),
        ];
        for (line, code) in cases {
            assert_eq!(Command::parse(line).unwrap_err().code, code, "{line}");
        }
    }

    #[test]
    fn an_answer_of_several_lines_marks_all_but_the_last() {
        let reply = Reply { code: 250, lines: vec!["sink".into(), "PIPELINING".into(), "8BITMIME".into()] };
        assert_eq!(reply.wire(), "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
        assert_eq!(Reply::new(221, "bye").wire(), "221 bye\r\n");
    }
}
