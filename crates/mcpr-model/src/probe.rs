//! Requests that only find out whether a server is of the time that knows them.

use super::{ErrorKind, Kind, Request};

impl Request {
    /// Takes back that a probe failed: a client asks `server/discover` to learn whether a server is of the time that
    /// knows it, and an older one refuses it. What was answered stays.
    pub fn settle_probe(&mut self) {
        if !self.is_probe() {
            return;
        }
        let outcome = &mut self.outcome;
        let code = outcome.error_code.as_deref();
        let is_refusal = match outcome.error_kind {
            // -32603 says that the server itself failed.
            Some(ErrorKind::Rpc) => code != Some("-32603"),
            // Access is refused to new clients as well.
            Some(ErrorKind::Http) => matches!(code, Some("400" | "404" | "405" | "406" | "415")),
            _ => false,
        };
        if is_refusal {
            outcome.error_kind = None;
        }
    }

    /// Whether it asks what a server is, without claiming that it can be asked.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.kind == Kind::Mcp && self.method == "server/discover"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventKey, Status};

    #[test]
    fn a_probe_that_an_older_server_refuses_is_no_failure() {
        let settled = |method: &str, kind: ErrorKind, code: &str| {
            let key = EventKey::of_id("1");
            let mut request = Request::new(key, 0, "p".into(), Kind::Mcp, method.into());
            request.outcome.error_kind = Some(kind);
            request.outcome.error_code = Some(code.into());
            request.settle_probe();
            assert_eq!(request.outcome.error_code.as_deref(), Some(code));
            request.outcome.status()
        };
        let probe = "server/discover";
        assert_eq!(settled(probe, ErrorKind::Rpc, "-32601"), Status::Ok);
        assert_eq!(settled(probe, ErrorKind::Rpc, "-32000"), Status::Ok);
        assert_eq!(settled(probe, ErrorKind::Http, "400"), Status::Ok);
        assert_eq!(settled(probe, ErrorKind::Http, "401"), Status::Error);
        assert_eq!(settled(probe, ErrorKind::Http, "502"), Status::Error);
        assert_eq!(settled(probe, ErrorKind::Rpc, "-32603"), Status::Error);
        assert_eq!(
            settled("tools/list", ErrorKind::Rpc, "-32601"),
            Status::Error
        );
    }
}
