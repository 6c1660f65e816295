//! How requests hang together as one operation: a call that comes back for more input, a task and its polls.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// What one request leaves open and another one takes up: a hash of what both of them hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OperationLink(i64);

/// What a link is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkOrigin {
    State,
    Questions,
    Task,
    Again,
}

impl OperationLink {
    /// The lowest bit says that only its own operation has it.
    const EXACT: i64 = 1;

    /// Of a state that the client hands back as it was given.
    #[must_use]
    pub fn of_state(state: &str) -> Self {
        Self::of(LinkOrigin::State, &[state])
    }

    /// Of what was asked, where there is no state: method, target, and the names of the questions. Other
    /// operations may have the same.
    #[must_use]
    pub fn of_questions(method: &str, target: &str, names: &[&str]) -> Self {
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        let texts: Vec<&str> = [method, target].into_iter().chain(sorted).collect();
        Self::of(LinkOrigin::Questions, &texts)
    }

    /// Of a task.
    #[must_use]
    pub fn of_task(id: &str) -> Self {
        Self::of(LinkOrigin::Task, &[id])
    }

    /// Of a request that broke off, as whoever makes it again says it: others may ask the same.
    #[must_use]
    pub fn of_again(method: &str, target: &str, arguments: &str) -> Self {
        Self::of(LinkOrigin::Again, &[method, target, arguments])
    }

    fn of(origin: LinkOrigin, texts: &[&str]) -> Self {
        let (seed, exact) = match origin {
            LinkOrigin::State => (b's', Self::EXACT),
            LinkOrigin::Questions => (b'q', 0),
            LinkOrigin::Task => (b't', Self::EXACT),
            LinkOrigin::Again => (b'a', 0),
        };
        let mut hash = Xxh3::new();
        hash.update(&[seed]);
        for text in texts {
            // With its length, so that two texts are never taken for one.
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        Self(hash.digest().cast_signed() & !Self::EXACT | exact)
    }

    /// Whether no other operation has it.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.0 & Self::EXACT == Self::EXACT
    }

    /// As it is stored.
    #[must_use]
    pub const fn code(self) -> i64 {
        self.0
    }

    /// The link that was stored.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        Self(code)
    }
}

/// What a request's answer says of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OperationStage {
    /// It is the last one, as far as it is known: nothing is left open.
    Complete,
    /// The server wants to know more, and the client will ask again.
    InputRequired,
    /// A task goes on.
    Working,
    /// A task has ended well.
    Completed,
    /// A task has failed.
    Failed,
    /// A task was cancelled.
    Cancelled,
    /// The answer broke off, and the client may ask the same again.
    Broken,
}

impl OperationStage {
    /// Every stage, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::InputRequired,
        Self::Working,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Broken,
    ];

    /// The number that stands for it in every store, for ever.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Complete => 0,
            Self::InputRequired => 1,
            Self::Working => 2,
            Self::Completed => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
            Self::Broken => 6,
        }
    }

    /// The stage that a stored number stands for; `None` where this version knows none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.code() == code)
    }

    /// The word used in every output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::InputRequired => "input_required",
            Self::Working => "working",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Broken => "broken",
        }
    }

    /// The stage that goes by a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

/// The place of a request in an operation of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OperationPart {
    /// What it takes up.
    pub follows: Option<OperationLink>,
    /// What it leaves open.
    pub leaves: Option<OperationLink>,
    /// What its answer says.
    pub stage: OperationStage,
}

impl OperationPart {
    /// A request that takes something up, as long as nothing more is known of it.
    #[must_use]
    pub const fn following(link: OperationLink) -> Self {
        Self {
            follows: Some(link),
            leaves: None,
            stage: OperationStage::Complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_whether_it_may_be_another_operations() {
        let state = OperationLink::of_state("s");
        let task = OperationLink::of_task("s");
        assert!(state.is_exact() && task.is_exact());
        assert_ne!(state, task);
        let asked = OperationLink::of_questions("tools/call", "t", &["b", "a"]);
        let same = OperationLink::of_questions("tools/call", "t", &["a", "b"]);
        assert_eq!(asked, same, "the order of the questions means nothing");
        assert!(!asked.is_exact());
        assert_ne!(
            asked,
            OperationLink::of_questions("tools/call", "ta", &["b"])
        );
        assert_eq!(OperationLink::from_code(asked.code()), asked);
    }

    /// A number that changes here changes the meaning of every store that is out there.
    #[test]
    fn stored_stages_never_change() {
        for (code, stage) in (0..).zip(OperationStage::ALL) {
            assert_eq!(stage.code(), code);
            assert_eq!(OperationStage::from_code(code), Some(stage));
            assert_eq!(OperationStage::from_name(stage.as_str()), Some(stage));
        }
        assert_eq!(OperationStage::from_code(7), None);
    }
}
