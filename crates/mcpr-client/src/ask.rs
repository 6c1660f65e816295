//! The conversation: which era the server speaks, then its lists, page by page. Knows nothing of how
//! messages travel.

use super::ClientError;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The newest protocol version with `initialize`, which is asked first.
const LEGACY: &str = "2025-11-25";

/// The protocol version without it.
const MODERN: &str = "2026-07-28";

/// Most pages of one list.
const MAX_PAGES: usize = 1_000;

/// Most items of one list.
const MAX_ITEMS: usize = 100_000;

/// The code by which a server says that it does not know a method.
const UNKNOWN_METHOD: i64 = -32601;

/// The lists: capability, method and member of the result.
const LISTS: [(&str, &str, &str); 4] = [
    ("tools", "tools/list", "tools"),
    ("prompts", "prompts/list", "prompts"),
    ("resources", "resources/list", "resources"),
    ("resources", "resources/templates/list", "resourceTemplates"),
];

/// A member, whether a value is one of its kind, and the kind's name.
type MemberKind = (&'static str, fn(&Value) -> bool, &'static str);

/// What the members of a server's own answer are.
const KINDS: [MemberKind; 5] = [
    ("capabilities", Value::is_object, "object"),
    ("instructions", Value::is_string, "text"),
    ("protocolVersion", Value::is_string, "text"),
    ("serverInfo", Value::is_object, "object"),
    ("supportedVersions", is_list_of_texts, "list of texts"),
];

/// How messages travel to a server and back.
pub trait Transport {
    /// Sends one message; what does not arrive in time has no answer.
    ///
    /// # Errors
    /// When the server takes none.
    fn send(&mut self, message: &Value, until: Instant) -> Result<(), ClientError>;

    /// The next message of the server; none when it did not come by then.
    ///
    /// # Errors
    /// When no more can come.
    fn receive(&mut self, until: Instant) -> Result<Option<Value>, ClientError>;

    /// Takes note of the protocol version that is spoken from now on.
    fn agree(&mut self, version: &str) {
        let _ = version;
    }
}

/// All that a server shows, as one object: its own answer, with the lists as members.
///
/// # Errors
/// When it does not answer within the limit, refuses, or answers something else.
pub fn ask(
    transport: &mut dyn Transport,
    limit: Duration,
) -> Result<Map<String, Value>, ClientError> {
    let begin = Instant::now();
    let mut talk = Conversation {
        transport,
        limit,
        end: begin.checked_add(limit).unwrap_or(begin),
        last_id: 0,
        is_modern: false,
    };
    let mut shown = talk.introduction()?;
    for (capability, method, member) in LISTS {
        let promised = shown
            .get("capabilities")
            .and_then(|all| all.get(capability));
        if promised.is_none() {
            continue;
        }
        // A promise without a handler: the server has no such list.
        if let Some(list) = talk.list(method, member)? {
            shown.insert(member.to_owned(), Value::Array(list));
        }
    }
    Ok(shown)
}

struct Conversation<'a> {
    transport: &'a mut dyn Transport,
    limit: Duration,
    end: Instant,
    last_id: u64,
    is_modern: bool,
}

/// What came back: a result, or the code and text of an error.
enum ServerAnswer {
    Result(Map<String, Value>),
    Error(i64, String),
}

impl Conversation<'_> {
    /// What the server says of itself. A server of both eras answers the older question, one of the
    /// newer refuses it or leaves it unanswered.
    fn introduction(&mut self) -> Result<Map<String, Value>, ClientError> {
        let hello = json!({
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": {"name": "mcpr", "version": env!("CARGO_PKG_VERSION")},
        });
        // Half of the time: a server that says nothing to it may still answer the other question.
        let until = Instant::now() + self.end.saturating_duration_since(Instant::now()) / 2;
        let refusal = match self.request("initialize", hello, until) {
            Ok(ServerAnswer::Result(result)) => {
                let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
                let version = result.get("protocolVersion").and_then(Value::as_str);
                self.transport.agree(version.unwrap_or(LEGACY));
                self.transport.send(&ready, self.end)?;
                return introduced("initialize", result);
            }
            Ok(ServerAnswer::Error(_, error)) => ClientError::Refused {
                asked: "initialize".to_owned(),
                error,
            },
            Err(error) if error.may_be_of_era() => error,
            Err(error) => return Err(error),
        };
        self.is_modern = true;
        self.transport.agree(MODERN);
        match self.request("server/discover", json!({}), self.end) {
            Ok(ServerAnswer::Result(result)) => introduced("server/discover", result),
            // The first refusal says more of a server that knows neither.
            Ok(ServerAnswer::Error(..)) => Err(refusal),
            Err(error) if error.may_be_of_era() => Err(refusal),
            Err(error) => Err(error),
        }
    }

    /// All pages of a list; none where the server does not know it.
    fn list(&mut self, method: &str, member: &str) -> Result<Option<Vec<Value>>, ClientError> {
        let mut items = Vec::new();
        let mut cursors = BTreeSet::new();
        let mut params = json!({});
        for _ in 0..MAX_PAGES {
            let mut page = match self.request(method, params, self.end)? {
                ServerAnswer::Result(page) => page,
                ServerAnswer::Error(UNKNOWN_METHOD, _) if items.is_empty() => return Ok(None),
                ServerAnswer::Error(_, error) => {
                    let asked = method.to_owned();
                    return Err(ClientError::Refused { asked, error });
                }
            };
            let bad = |why: String| ClientError::BadAnswer {
                asked: method.to_owned(),
                why,
            };
            let Some(Value::Array(list)) = page.remove(member) else {
                return Err(bad(format!("it has no array `{member}`")));
            };
            if !list.iter().all(Value::is_object) {
                return Err(bad(format!("not all of `{member}` are objects")));
            }
            items.extend(list);
            if items.len() > MAX_ITEMS {
                return Err(ClientError::TooMuch("a list of more than 100,000 items"));
            }
            let Some(Value::String(cursor)) = page.remove("nextCursor") else {
                return Ok(Some(items));
            };
            // The same page for ever.
            if !cursors.insert(cursor.clone()) {
                return Err(bad("its `nextCursor` came before".to_owned()));
            }
            params = json!({ "cursor": cursor });
        }
        Err(ClientError::TooMuch("a list of more than 1,000 pages"))
    }

    fn request(
        &mut self,
        method: &str,
        mut params: Value,
        until: Instant,
    ) -> Result<ServerAnswer, ClientError> {
        self.last_id += 1;
        let id = self.last_id;
        if self.is_modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo":
                    {"name": "mcpr", "version": env!("CARGO_PKG_VERSION")},
            });
        }
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        // A transport knows no methods: which one it was about is named here.
        let named = |error| match error {
            ClientError::Ended { how, .. } => ClientError::Ended {
                asked: method.to_owned(),
                how,
            },
            other => other,
        };
        self.transport.send(&message, until).map_err(named)?;
        loop {
            let received = self.transport.receive(until).map_err(named)?;
            let message = received.ok_or_else(|| ClientError::TimeOut {
                asked: method.to_owned(),
                limit: self.limit,
            })?;
            if let Some(asked) = message.get("method") {
                self.answer(asked, &message, until)?;
                continue;
            }
            // A late answer to an earlier question says nothing any more; some servers give numbers
            // back as texts.
            let is_ours =
                message["id"] == id || message["id"].as_str() == Some(id.to_string().as_str());
            if is_ours {
                return answer_of(method, message);
            }
        }
    }

    /// What a server asks of us meanwhile: the answer says that we are here, and can do nothing else.
    fn answer(
        &mut self,
        method: &Value,
        message: &Value,
        until: Instant,
    ) -> Result<(), ClientError> {
        let Some(id) = message.get("id") else {
            return Ok(());
        };
        let answer = if method == "ping" {
            json!({"jsonrpc": "2.0", "id": id, "result": {}})
        } else {
            let error = json!({"code": UNKNOWN_METHOD, "message": "mcpr only lists"});
            json!({"jsonrpc": "2.0", "id": id, "error": error})
        };
        self.transport.send(&answer, until)
    }
}

fn answer_of(method: &str, mut message: Value) -> Result<ServerAnswer, ClientError> {
    let bad = |why: &str| ClientError::BadAnswer {
        asked: method.to_owned(),
        why: why.to_owned(),
    };
    if let Some(error) = message.get("error") {
        let text = error["message"].as_str().map(str::to_owned);
        let text = text.unwrap_or_else(|| error.to_string());
        return Ok(ServerAnswer::Error(
            error["code"].as_i64().unwrap_or(0),
            text,
        ));
    }
    let Value::Object(result) = message["result"].take() else {
        return Err(bad("it has no result"));
    };
    match result.get("resultType").and_then(Value::as_str) {
        None | Some("complete") => Ok(ServerAnswer::Result(result)),
        Some(_) => Err(bad("the server wants something of a person first")),
    }
}

/// What stays of a server's answer: neither hints for caches nor notes of the message.
fn introduced(
    asked: &str,
    mut result: Map<String, Value>,
) -> Result<Map<String, Value>, ClientError> {
    let meta = result.remove("_meta");
    let info = meta
        .as_ref()
        .and_then(|meta| meta.get("io.modelcontextprotocol/serverInfo"));
    if let Some(info) = info {
        result.entry("serverInfo").or_insert_with(|| info.clone());
    }
    for name in ["ttlMs", "cacheScope", "resultType", "nextCursor"] {
        result.remove(name);
    }
    // A server that promises nothing says so; without the member nobody could know.
    // So do those that write null for what they do not have.
    result.retain(|_, value| !value.is_null());
    result.entry("capabilities").or_insert_with(|| json!({}));
    for (member, is_right, kind) in KINDS {
        if !result.get(member).is_none_or(is_right) {
            return Err(ClientError::BadAnswer {
                asked: asked.to_owned(),
                why: format!("`{member}` is not of type {kind}"),
            });
        }
    }
    Ok(result)
}

fn is_list_of_texts(value: &Value) -> bool {
    let list = value.as_array();
    list.is_some_and(|list| list.iter().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A server in a few lines: what it answers to each message.
    struct Scripted<F: FnMut(&Value) -> Vec<Value>> {
        script: F,
        waiting: VecDeque<Value>,
    }

    impl<F: FnMut(&Value) -> Vec<Value>> Transport for Scripted<F> {
        fn send(&mut self, message: &Value, _: Instant) -> Result<(), ClientError> {
            self.waiting.extend((self.script)(message));
            Ok(())
        }

        fn receive(&mut self, _: Instant) -> Result<Option<Value>, ClientError> {
            Ok(self.waiting.pop_front())
        }
    }

    fn asked(script: impl FnMut(&Value) -> Vec<Value>) -> Result<Map<String, Value>, ClientError> {
        let mut server = Scripted {
            script,
            waiting: VecDeque::new(),
        };
        ask(&mut server, Duration::from_secs(3))
    }

    fn result(message: &Value, result: &Value) -> Vec<Value> {
        vec![json!({"jsonrpc": "2.0", "id": message["id"], "result": result})]
    }

    fn error(message: &Value, code: i64) -> Vec<Value> {
        let error = json!({"code": code, "message": "no"});
        vec![json!({"jsonrpc": "2.0", "id": message["id"], "error": error})]
    }

    #[test]
    fn all_pages_of_a_legacy_server_are_asked_for() {
        let shown = asked(|message| match message["method"].as_str() {
            Some("initialize") => {
                let mut all = vec![
                    json!({"jsonrpc": "2.0", "id": "s1", "method": "roots/list"}),
                    json!({"jsonrpc": "2.0", "method": "notifications/message"}),
                ];
                let capabilities = json!({"tools": {}, "prompts": {}});
                all.extend(result(message, &json!({"capabilities": capabilities})));
                all
            }
            Some("tools/list") => match message["params"]["cursor"].as_str() {
                None => result(
                    message,
                    &json!({"tools": [{"name": "a"}], "nextCursor": "2"}),
                ),
                Some(_) => result(message, &json!({"tools": [{"name": "b"}]})),
            },
            Some(_) if !message["id"].is_null() => error(message, UNKNOWN_METHOD),
            _ => Vec::new(),
        });
        let expected = json!({"capabilities": {"tools": {}, "prompts": {}},
            "tools": [{"name": "a"}, {"name": "b"}]});
        assert_eq!(Value::Object(shown.unwrap()), expected);
    }

    #[test]
    fn a_server_without_initialize_is_asked_as_it_wants() {
        let shown = asked(|message| {
            let meta = &message["params"]["_meta"];
            let is_modern = meta["io.modelcontextprotocol/protocolVersion"] == MODERN;
            match message["method"].as_str() {
                Some("server/discover") if is_modern => {
                    let info = json!({"io.modelcontextprotocol/serverInfo": {"name": "m"}});
                    let answer = json!({"capabilities": {"resources": {}}, "_meta": info,
                        "resultType": "complete", "ttlMs": 5});
                    result(message, &answer)
                }
                Some("resources/list") if is_modern => {
                    result(message, &json!({"resources": [], "resultType": "complete"}))
                }
                _ => error(message, -32022),
            }
        });
        // The templates are refused with another code than that of an unknown method.
        let refused = shown.unwrap_err().to_string();
        assert_eq!(refused, "the server refuses resources/templates/list: no");
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        let check = |page: Value, expected: &str| {
            let shown = asked(|message| match message["method"].as_str() {
                Some("initialize") => result(message, &json!({"capabilities": {"tools": {}}})),
                Some("tools/list") => result(message, &page),
                _ => Vec::new(),
            });
            assert_eq!(shown.unwrap_err().to_string(), expected);
        };
        check(
            json!({}),
            "the answer to tools/list is not as it should be: it has no array `tools`",
        );
        check(
            json!({"tools": [{"name": "a"}, "b"]}),
            "the answer to tools/list is not as it should be: not all of `tools` are objects",
        );
        check(
            json!({"tools": [], "nextCursor": "1"}),
            "the answer to tools/list is not as it should be: its `nextCursor` came before",
        );
        check(
            json!({"tools": [], "resultType": "input_required"}),
            "the answer to tools/list is not as it should be: the server wants something of a person first",
        );
        let odd = asked(|message| {
            let answer = json!({"capabilities": null, "instructions": null, "serverInfo": "s"});
            result(message, &answer)
        });
        let expected =
            "the answer to initialize is not as it should be: `serverInfo` is not of type object";
        assert_eq!(odd.unwrap_err().to_string(), expected);
        let silent = asked(|_| Vec::new()).unwrap_err().to_string();
        assert_eq!(silent, "no answer to initialize within 3 s");
    }
}
