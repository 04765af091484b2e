//! The bot as this process knows it.

use std::sync::{Mutex, PoisonError};

use crate::telegram::BotToken;

/// How the bot is doing in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BotState {
    /// No token is set, or another worker hosts it.
    #[default]
    Elsewhere,
    /// It is hosted here and not connected.
    Connecting,
    /// It is hosted here and at work.
    Online,
    /// Telegram refuses the token; nobody tries again before a worker is started anew.
    Refused {
        /// Telegram's word, in lower case.
        code: String,
    },
}

/// The bot's token and its state.
#[derive(Debug, Default)]
pub struct BotDesk {
    token: Option<BotToken>,
    /// The state, and the epoch of the hosting that has said so.
    state: Mutex<(i64, BotState)>,
}

impl BotDesk {
    /// The desk of a worker with this token, or of one without.
    #[must_use]
    pub fn new(token: Option<BotToken>) -> Self {
        Self { token, state: Mutex::default() }
    }

    /// The token, when this worker may host the bot.
    #[must_use]
    pub const fn token(&self) -> Option<&BotToken> {
        self.token.as_ref()
    }

    /// How the bot is doing.
    #[must_use]
    pub fn state(&self) -> BotState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// For the health answer: `off`, `elsewhere`, `connecting`, `online`, or `refused: <code>`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.state() {
            BotState::Elsewhere if self.token.is_none() => "off".to_owned(),
            BotState::Elsewhere => "elsewhere".to_owned(),
            BotState::Connecting => "connecting".to_owned(),
            BotState::Online => "online".to_owned(),
            BotState::Refused { code } => format!("refused: {code}"),
        }
    }

    /// The word of the hosting of this epoch. False when a younger one has spoken already: then nothing changes.
    pub(super) fn set(&self, epoch: i64, state: BotState) -> bool {
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newest = epoch >= known.0;
        if is_newest {
            *known = (epoch, state);
        }
        is_newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_health_answer_tells_the_states_apart() {
        assert_eq!(BotDesk::default().describe(), "off");
        let desk = BotDesk::new(BotToken::parse("5:secret").ok());
        assert_eq!(desk.describe(), "elsewhere");
        desk.set(3, BotState::Refused { code: "access_token_invalid".into() });
        assert_eq!(desk.describe(), "refused: access_token_invalid");
        assert!(desk.set(4, BotState::Online));
        assert!(!desk.set(3, BotState::Elsewhere), "a hosting that was overtaken has no say");
        assert_eq!(desk.describe(), "online");
    }
}
