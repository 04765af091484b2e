//! What people write to the bot.

/// The commands as the bot's menu shows them, in its order.
pub const MENU: [(&str, &str); 8] = [
    ("status", "How your accounts and pairs are doing"),
    ("pairs", "Your pairs with their numbers"),
    ("pause", "Pause a pair: /pause 2, or /pause all"),
    ("resume", "Resume a pair: /resume 2, or /resume all"),
    ("usage", "What you have used of your plan"),
    ("link", "How to link your account"),
    ("help", "What I can do"),
    ("start", "Begin"),
];

/// Which pairs a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// The one with this number in the list, counted from 1.
    Number(usize),
    /// None was named.
    Unnamed,
    /// What was named is neither a number nor `all`.
    Unreadable,
}

/// A message to the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A first word, with what the deep link said.
    Start(Option<String>),
    /// How do I link my account?
    Link,
    /// How is everything?
    Status,
    /// Which pairs are there?
    Pairs,
    /// Stop carrying.
    Pause(Which),
    /// Carry on.
    Resume(Which),
    /// How much have I used?
    Usage,
    /// What can you do?
    Help,
    /// Anything else.
    Unknown,
}

impl Command {
    /// Reads a message to the bot of this username. Case does not matter, and `/help@bot` is `/help` where the name is
    /// ours.
    #[must_use]
    pub fn parse(text: &str, username: &str) -> Self {
        let mut words = text.split_whitespace();
        let Some(word) = words.next().and_then(|word| word.strip_prefix('/')) else { return Self::Unknown };
        let (name, addressee) = word.split_once('@').map_or((word, None), |(name, bot)| (name, Some(bot)));
        if addressee.is_some_and(|bot| !bot.eq_ignore_ascii_case(username)) {
            return Self::Unknown;
        }
        let argument = words.next();
        match name.to_ascii_lowercase().as_str() {
            "start" => Self::Start(argument.map(str::to_owned)),
            "link" => Self::Link,
            "status" => Self::Status,
            "pairs" => Self::Pairs,
            "pause" => Self::Pause(Which::parse(argument)),
            "resume" => Self::Resume(Which::parse(argument)),
            "usage" => Self::Usage,
            "help" => Self::Help,
            _ => Self::Unknown,
        }
    }
}

impl Which {
    fn parse(argument: Option<&str>) -> Self {
        let Some(argument) = argument else { return Self::Unnamed };
        if argument.eq_ignore_ascii_case("all") {
            return Self::All;
        }
        let number = argument.trim_start_matches('#').trim_end_matches('.').parse().ok();
        number.filter(|number| *number > 0).map_or(Self::Unreadable, Self::Number)
    }
}
