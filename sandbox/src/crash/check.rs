//! The comparison: what stands at each destination with what its source's writer did.

use std::{collections::BTreeMap, fmt};

use super::{ledger::Entry, schedule::number_of, stage::Stage};
use crate::scene::{Direction, Standing};

/// What is wrong with a message at its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It should stand there and does not.
    Lost,
    /// It stands there more than once.
    Duplicated,
    /// It stands after one that was written later.
    OutOfOrder,
    /// Its text is not the last one.
    Stale,
    /// It was deleted and stands there.
    Undeleted,
    /// It does not answer the copy of the message that the original answers.
    Misanswered,
    /// Nobody has written it.
    Foreign,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::OutOfOrder => "out of order",
            Self::Stale => "stale",
            Self::Undeleted => "undeleted",
            Self::Misanswered => "misanswered",
            Self::Foreign => "foreign",
        })
    }
}

/// One message with something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offence {
    /// What.
    pub fault: Fault,
    /// The pair's index.
    pub pair: usize,
    /// The message's number; `None` for a foreign one.
    pub number: Option<usize>,
    /// What stands there.
    pub text: String,
}

/// Everything that is wrong, and how much stands at the destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Pair by pair.
    pub offences: Vec<Offence>,
    standing: usize,
}

impl Verdict {
    /// Nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.offences.is_empty()
    }

    /// How many offences there are of one kind.
    #[must_use]
    pub fn count(&self, fault: Fault) -> usize {
        self.offences.iter().filter(|offence| offence.fault == fault).count()
    }
}

/// Reads every destination and compares it.
///
/// # Errors
/// When a destination cannot be read.
pub async fn compare(stage: &Stage) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    for (index, lane) in stage.pairs.iter().enumerate() {
        let standing = lane.route.destination.standing(&stage.controls, None).await?;
        verdict.standing += standing.len();
        verdict.offences.extend(offences((index, lane.route.direction), &lane.ledger.entries(), standing));
    }
    Ok(verdict)
}

/// The first copy of a message at its destination, with what follows it when it had to be split.
struct Copy {
    id: String,
    text: String,
    reply_to: Option<String>,
    parts: usize,
}

/// What is wrong at one destination.
fn offences(
    (pair, direction): (usize, Direction),
    entries: &BTreeMap<usize, Entry>,
    standing: Vec<Standing>,
) -> Vec<Offence> {
    let (copies, mut found) = copies((pair, direction), standing);
    let mut offend = |fault, number, text: &str| found.push(Offence { fault, pair, number, text: text.to_owned() });
    for (number, copy) in &copies {
        match entries.get(number) {
            None => offend(Fault::Foreign, Some(*number), &copy.text),
            Some(entry) if entry.deleted => offend(Fault::Undeleted, Some(*number), &copy.text),
            Some(entry) => {
                if !copy.says(&entry.text) {
                    offend(Fault::Stale, Some(*number), &copy.text);
                }
                if !answers(entry, copy, entries, &copies) {
                    offend(Fault::Misanswered, Some(*number), &copy.text);
                }
            }
        }
    }
    for (number, entry) in entries.iter().filter(|(number, entry)| !entry.deleted && !copies.contains_key(number)) {
        offend(Fault::Lost, Some(*number), &entry.text);
    }
    found
}

/// The first copies at a destination, and what is wrong with their number and order.
fn copies((pair, direction): (usize, Direction), standing: Vec<Standing>) -> (BTreeMap<usize, Copy>, Vec<Offence>) {
    let mut found = Vec::new();
    let mut offend = |fault, number, text: &str| found.push(Offence { fault, pair, number, text: text.to_owned() });
    let mut copies: BTreeMap<usize, Copy> = BTreeMap::new();
    let (mut current, mut newest) = (None, None);
    for Standing { id, text, reply_to } in standing {
        match (number_of(direction, pair, &text), current) {
            (Some(number), _) => {
                current = Some(number);
                if copies.contains_key(&number) {
                    offend(Fault::Duplicated, Some(number), &text);
                    continue;
                }
                if newest.is_some_and(|newest| number < newest) {
                    offend(Fault::OutOfOrder, Some(number), &text);
                }
                newest = newest.max(Some(number));
                copies.insert(number, Copy { id, text, reply_to, parts: 1 });
            }
            // The rest of a message that was too long for one.
            (None, Some(number)) => {
                if let Some(copy) = copies.get_mut(&number) {
                    copy.text = format!("{} {text}", copy.text);
                    copy.parts += 1;
                }
            }
            (None, None) => offend(Fault::Foreign, None, &text),
        }
    }
    (copies, found)
}

/// Whether the copy answers what the original answers. When that was deleted, either is right: the answer may have been
/// delivered before or after.
fn answers(entry: &Entry, copy: &Copy, entries: &BTreeMap<usize, Entry>, copies: &BTreeMap<usize, Copy>) -> bool {
    match entry.reply_to {
        None => copy.reply_to.is_none(),
        Some(to) if entries.get(&to).is_none_or(|target| target.deleted) => true,
        Some(to) => copies.get(&to).map(|target| &target.id) == copy.reply_to.as_ref(),
    }
}

impl Copy {
    /// Whether it has this text. Where a long one was split, a line break may have gone.
    fn says(&self, text: &str) -> bool {
        if self.parts == 1 { self.text == text } else { self.text.split_whitespace().eq(text.split_whitespace()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTION: Direction = Direction::TelegramToDiscord;

    fn text(number: usize, revision: usize) -> String {
        format!("TD000n{number:06} v{revision} river")
    }

    fn entry(number: usize, revision: usize) -> (usize, Entry) {
        let (id, text) = (format!("s{number}"), text(number, revision));
        (number, Entry { id, text, reply_to: None, deleted: false, edits: revision })
    }

    fn copy(id: usize, text: String) -> Standing {
        Standing { id: format!("d{id}"), text, reply_to: None }
    }

    fn faults(
        entries: impl IntoIterator<Item = (usize, Entry)>,
        standing: Vec<Standing>,
    ) -> Vec<(Fault, Option<usize>)> {
        let offences = offences((0, DIRECTION), &entries.into_iter().collect(), standing);
        offences.into_iter().map(|offence| (offence.fault, offence.number)).collect()
    }

    #[test]
    fn what_is_right_is_clean() {
        let (mut answer, mut gone) = (entry(2, 0), entry(1, 0));
        answer.1.reply_to = Some(0);
        gone.1.deleted = true;
        let answering = Standing { reply_to: Some("d0".into()), ..copy(2, text(2, 0)) };
        assert_eq!(faults([entry(0, 3), gone, answer], vec![copy(0, text(0, 3)), answering]), []);
    }

    #[test]
    fn each_fault_is_found() {
        let mut gone = entry(5, 0);
        gone.1.deleted = true;
        let mut answer = entry(6, 0);
        answer.1.reply_to = Some(0);
        let entries = [entry(0, 0), entry(1, 1), entry(2, 0), entry(3, 0), entry(4, 0), gone, answer];
        let standing = vec![
            copy(9, "who wrote this".into()),
            copy(0, text(0, 0)),
            copy(1, text(1, 0)),
            copy(3, text(3, 0)),
            copy(2, text(2, 0)),
            copy(4, text(2, 0)),
            copy(5, text(5, 0)),
            copy(6, text(6, 0)),
            copy(7, text(7, 0)),
        ];
        let expected = [
            (Fault::Foreign, None),
            (Fault::OutOfOrder, Some(2)),
            (Fault::Duplicated, Some(2)),
            (Fault::Stale, Some(1)),
            (Fault::Undeleted, Some(5)),
            (Fault::Misanswered, Some(6)),
            (Fault::Foreign, Some(7)),
            (Fault::Lost, Some(4)),
        ];
        assert_eq!(faults(entries, standing), expected);
    }

    #[test]
    fn a_split_message_is_put_together_again() {
        let mut long = entry(0, 0);
        long.1.text = format!("{}\nkettle paper", text(0, 0));
        let parts = |second: &str| vec![copy(0, text(0, 0)), copy(1, second.into()), copy(2, text(1, 0))];
        assert_eq!(faults([long.clone(), entry(1, 0)], parts("kettle paper")), []);
        assert_eq!(faults([long, entry(1, 0)], parts("kettle")), [(Fault::Stale, Some(0))]);
    }
}
