//! What can be explained, and how it is named.

use ledger_core::block::Round;
use std::fmt;
use std::str::FromStr;

/// Fewest digits by which a transaction can be named.
const DIGITS_MIN: usize = 4;
/// Ways to name something, for whoever named nothing.
const FORMS: &str = "the first digits of a transaction, `operation:17`, `entry:120` of the log, `commit:41`, `slot:88/2` \
                     (round 88, leader 2)";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A transaction, by the first digits of its identity.
    Transaction(String),
    /// A client's operation, by its number.
    Operation(u64),
    /// A transaction, by its place in the audit log.
    Entry(u64),
    /// A commit, by its index.
    Commit(u64),
    /// A leader slot, by round and leader.
    Slot(Round, u16),
}

/// A name of nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names nothing that can be explained\n  = give {FORMS}")]
pub struct NoSubject(String);

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        let none = || NoSubject(text.replace(char::is_control, " "));
        let number = |digits: &str| digits.parse().map_err(|_| none());
        match text.split_once(':') {
            Some(("operation", rest)) => number(rest).map(Self::Operation),
            Some(("entry", rest)) => number(rest).map(Self::Entry),
            Some(("commit", rest)) => number(rest).map(Self::Commit),
            Some(("slot", rest)) => {
                let (round, leader) = rest.split_once('/').ok_or_else(none)?;
                let leader = leader.trim_start_matches('r').parse().map_err(|_| none())?;
                Ok(Self::Slot(Round(number(round)?), leader))
            }
            Some(("transaction", rest)) => Self::digits(rest).ok_or_else(none),
            Some(_) => Err(none()),
            None => Self::digits(text).ok_or_else(none),
        }
    }
}

impl Subject {
    fn digits(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let good =
            (DIGITS_MIN..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then_some(Self::Transaction(text))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transaction(digits) => write!(f, "transaction:{digits}"),
            Self::Operation(number) => write!(f, "operation:{number}"),
            Self::Entry(index) => write!(f, "entry:{index}"),
            Self::Commit(index) => write!(f, "commit:{index}"),
            Self::Slot(round, leader) => write!(f, "slot:{}/{leader}", round.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let subject = |text: &str| text.parse::<Subject>();
        for (text, name) in [
            ("3FA0", "transaction:3fa0"),
            ("transaction:3fa01", "transaction:3fa01"),
            ("operation:17", "operation:17"),
            ("entry:0", "entry:0"),
            ("commit:9", "commit:9"),
            ("slot:88/r2", "slot:88/2"),
        ] {
            assert_eq!(subject(text).map(|it| it.to_string()), Ok(name.to_owned()));
        }
        for text in ["", "3fa", "xyzw", "slot:88", "slot:88/x", "commit:", "commit:-1", "what:7"] {
            let error = subject(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` names nothing")), "{error}");
            assert!(error.contains("`commit:41`"), "{error}");
        }
    }
}
