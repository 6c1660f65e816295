//! What distinguishes the eras of the protocol, and methods that are not calls.

/// The first protocol version without sessions: each request says all there is to know.
const STATELESS: &str = "2026-07-28";

/// Whether a protocol version is one without sessions.
#[must_use]
pub fn is_stateless(version: &str) -> bool {
    // Versions are dates, which sort as texts do. What is not a date says nothing of an era.
    version.starts_with("20") && version >= STATELESS
}

/// Whether a method opens a stream of notifications, for hours: that is not a call, and nobody waits for its answer.
#[must_use]
pub fn opens_stream(method: &str) -> bool {
    method == "subscriptions/listen"
}

/// Whether a method asks about a task: such a request belongs to the call that began the task.
#[must_use]
pub fn is_poll(method: &str) -> bool {
    method.starts_with("tasks/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_era_is_recognised_by_the_date_of_the_version() {
        let versions = ["2025-11-25", "2026-07-28", "2027-01-01", "DRAFT", "", "2"];
        let expected = [false, true, true, false, false, false];
        assert_eq!(versions.map(is_stateless), expected);
    }
}
