//! Faults that a test or a person asked for, and when they strike.

use serde::{Deserialize, Serialize};

use crate::faults::Tally;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A mail is refused with `code`.
    Refuse,
    /// The answer comes after `ms`.
    Delay,
    /// The mail is kept, and the connection ends without an answer.
    LoseAnswer,
    /// Connections are closed before the first word.
    RefuseConnections,
}

/// Where in the conversation it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// When a recipient is named.
    Rcpt,
    /// When the whole mail has come.
    Data,
}

/// A fault as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Given by the server.
    #[serde(default)]
    pub id: u64,
    /// What goes wrong.
    pub kind: Kind,
    /// Where; `rcpt` for a refusal unless told, `data` for all else.
    pub stage: Option<Stage>,
    /// Only mails to an address that contains this.
    pub recipient: Option<String>,
    /// The code of a refusal; 451 unless told.
    pub code: Option<u16>,
    /// The words of a refusal.
    pub text: Option<String>,
    /// How long a delay is; 1000 unless told.
    pub ms: Option<u64>,
    /// How many times it strikes; 1 unless told, 0 for always until it is removed.
    pub times: Option<u64>,
    /// How often it has struck.
    #[serde(default)]
    pub struck: u64,
}

/// What a fault does to a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer no.
    Refuse {
        /// The three digits.
        code: u16,
        /// The words.
        text: String,
    },
    /// Wait, in milliseconds.
    Delay(u64),
    /// Keep the mail and say nothing.
    LoseAnswer,
}

/// The faults in force.
pub(crate) type Faults = crate::faults::Faults<Fault>;

impl crate::faults::Fault for Fault {
    fn tally(&mut self) -> Tally<'_> {
        Tally { id: &mut self.id, struck: &mut self.struck, times: self.times.unwrap_or(1) }
    }
}

impl Faults {
    /// What happens to a mail to `recipients` here.
    pub(crate) fn strike_mail(&mut self, stage: Stage, recipients: &[String]) -> Vec<Effect> {
        let struck = self.strike(|fault| fault.stage() == Some(stage) && fault.means(recipients));
        struck.iter().filter_map(Fault::effect).collect()
    }

    /// True when a new connection is to be closed.
    pub(crate) fn refuses_connection(&mut self) -> bool {
        !self.strike(|fault| fault.kind == Kind::RefuseConnections).is_empty()
    }
}

impl Fault {
    fn means(&self, recipients: &[String]) -> bool {
        self.recipient.as_ref().is_none_or(|part| {
            let part = part.to_ascii_lowercase();
            recipients.iter().any(|address| address.contains(&part))
        })
    }

    fn stage(&self) -> Option<Stage> {
        match self.kind {
            Kind::Refuse => Some(self.stage.unwrap_or(Stage::Rcpt)),
            Kind::Delay => Some(self.stage.unwrap_or(Stage::Data)),
            Kind::LoseAnswer => Some(Stage::Data),
            Kind::RefuseConnections => None,
        }
    }

    fn effect(&self) -> Option<Effect> {
        match self.kind {
            Kind::Refuse => {
                let code = self.code.unwrap_or(451);
                let text = self.text.clone().unwrap_or_else(|| format!("{}.0.0 As you wish", code / 100));
                Some(Effect::Refuse { code, text })
            }
            Kind::Delay => Some(Effect::Delay(self.ms.unwrap_or(1_000))),
            Kind::LoseAnswer => Some(Effect::LoseAnswer),
            Kind::RefuseConnections => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(body: serde_json::Value) -> Fault {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_fault_strikes_its_mails_so_often_as_it_was_asked_to() {
        let mut faults = Faults::default();
        faults.add(fault(json!({ "kind": "refuse", "recipient": "Bob@", "code": 550, "times": 2 })));
        let (bob, eve) = (["bob@b.co".to_owned()], ["eve@b.co".to_owned()]);
        assert!(faults.strike_mail(Stage::Rcpt, &eve).is_empty() && faults.strike_mail(Stage::Data, &bob).is_empty());
        let refused = Effect::Refuse { code: 550, text: "5.0.0 As you wish".into() };
        assert_eq!(faults.strike_mail(Stage::Rcpt, &bob), std::slice::from_ref(&refused));
        assert_eq!(faults.strike_mail(Stage::Rcpt, &bob), [refused]);
        assert!(faults.strike_mail(Stage::Rcpt, &bob).is_empty() && faults.active().is_empty());
    }

    #[test]
    fn one_without_an_end_strikes_until_it_is_removed() {
        let mut faults = Faults::default();
        let id = faults.add(fault(json!({ "kind": "refuse_connections", "times": 0 })));
        faults.add(fault(json!({ "kind": "delay", "ms": 5 })));
        assert!(faults.refuses_connection() && faults.refuses_connection());
        faults.remove(Some(id));
        assert!(!faults.refuses_connection());
        assert_eq!(faults.strike_mail(Stage::Data, &[]), [Effect::Delay(5)]);
        assert!(serde_json::from_value::<Fault>(json!({ "kind": "refuse", "cod": 1 })).is_err());
    }
}
