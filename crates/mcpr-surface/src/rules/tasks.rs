//! The rules about how a tool may be called: with a task, without one, or both.

use super::table::RuleId;
use crate::finding::{Finding, FindingPlace};
use crate::level::Compatibility;
use crate::surface::ItemKind;
use serde_json::Value;

/// What a tool says about tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Support {
    /// A call with a task is refused.
    Forbidden,
    /// Both are served.
    Optional,
    /// A call without a task is refused.
    Required,
}

/// Without a word, tasks are forbidden; none for a word that is not known.
fn support(value: Option<&Value>) -> Option<Support> {
    match value {
        // What the MCP schema says about a tool that does not mention tasks.
        None | Some(Value::Null) => Some(Support::Forbidden),
        Some(value) => match value.as_str()? {
            "forbidden" => Some(Support::Forbidden),
            "optional" => Some(Support::Optional),
            "required" => Some(Support::Required),
            // A word of a later protocol: whether it serves a call cannot be determined.
            _ => None,
        },
    }
}

/// Adds what changed in how a tool is executed.
pub(super) fn execution(tool: &str, old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    let member = |tool: &Value| tool.get("execution").cloned().unwrap_or(Value::Null);
    let (old, new) = (member(old), member(new));
    let found = |rule, name: &str, message: &str| {
        let at = FindingPlace {
            kind: ItemKind::Tool,
            item: tool,
            pointer: format!("/execution{name}"),
        };
        let place = name.trim_start_matches('/');
        let pick = |side: &Value| match place {
            "" => Some(side.clone()).filter(|side| !side.is_null()),
            place => side.get(place).cloned(),
        };
        Finding::new(rule, at, pick(&old), pick(&new), message.to_owned())
    };
    let value = |side: &Value| side.get("taskSupport").cloned();
    let (before, after) = (value(&old), value(&new));
    match (support(before.as_ref()), support(after.as_ref())) {
        (Some(before), Some(after)) if before == after => {}
        // From either side: whoever called before is still served.
        (Some(_), Some(Support::Optional)) => {
            let message = "the tool may be called with a task and without one";
            findings.push(found(RuleId::TaskSupportWidened, "/taskSupport", message));
        }
        (Some(_), Some(Support::Required)) => {
            let message = "the tool may only be called with a task: other calls are refused";
            findings.push(found(RuleId::TaskSupportNarrowed, "/taskSupport", message));
        }
        (Some(_), Some(Support::Forbidden)) => {
            let message = "the tool may only be called without a task: calls with one are refused";
            findings.push(found(RuleId::TaskSupportNarrowed, "/taskSupport", message));
        }
        // Neither word is known, but it is the same.
        _ if before == after => {}
        _ => {
            let message = "what the tool says about tasks is not known: calls may be refused";
            let mut finding = found(RuleId::TaskSupportNarrowed, "/taskSupport", message);
            finding.compatibility = Compatibility::Undecided;
            findings.push(finding);
        }
    }
    let rest = |side: &Value| {
        let mut side = side.clone();
        if let Value::Object(map) = &mut side {
            // Judged above.
            map.remove("taskSupport");
            if map.is_empty() {
                // An empty object and none say the same.
                return Value::Null;
            }
        }
        side
    };
    if rest(&old) != rest(&new) {
        let message = "the member execution changed";
        findings.push(found(RuleId::MemberChanged, "", message));
    }
}
