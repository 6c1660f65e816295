//! Requests whose answers broke off, of a protocol that takes nothing up: whoever wants the answer asks again. Pure.

use mcpr_model::OperationLink;
use std::collections::VecDeque;

/// Most requests that are remembered; of more the oldest is not known again.
const MAX_BROKEN: usize = 256;

/// What may be asked again, the oldest first.
#[derive(Debug, Default)]
pub(super) struct BrokenRequests(VecDeque<(usize, OperationLink)>);

impl BrokenRequests {
    /// Remembers a request to a server, where it can be known again.
    pub(super) fn extend(&mut self, server: usize, again: Option<OperationLink>) {
        self.0.extend(again.map(|again| (server, again)));
        if self.0.len() > MAX_BROKEN {
            self.0.pop_front();
        }
    }

    /// Whether a request to a server is one that broke off, which is not asked for a third time then.
    pub(super) fn take(&mut self, server: usize, again: OperationLink) -> bool {
        let found = self.0.iter().position(|it| *it == (server, again));
        found.is_some_and(|at| self.0.remove(at).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_again_once_and_at_its_own_server() {
        let mut broken = BrokenRequests::default();
        let call = |arguments: &str| OperationLink::of_again("tools/call", "t", arguments);
        broken.extend(0, Some(call("{}")));
        broken.extend(0, None);
        assert!(!broken.take(1, call("{}")));
        assert!(!broken.take(0, call("[]")));
        assert!(broken.take(0, call("{}")));
        assert!(!broken.take(0, call("{}")), "it was asked again already");
        for at in 0..=MAX_BROKEN {
            broken.extend(0, Some(call(&at.to_string())));
        }
        assert!(!broken.take(0, call("0")), "too many came since");
        assert!(broken.take(0, call("1")));
    }
}
