//! One pair of schemas put to the test: what is called safe must refuse nothing that is sent, and
//! what is called breaking must prove it. The judges are validators of the schemas as written.

use super::careful::careful;
use super::instances::Source;
use super::table::Row;
use fastrand::Rng;
use jsonschema::Validator;
use mcpr_surface::compat::{Caller, Inclusion, comparing};
use mcpr_surface::rules::RuleId;
use mcpr_surface::{Compatibility, Report, Surface, diff};
use serde_json::{Value, json};

/// What one run needs everywhere.
pub(crate) struct Run {
    pub(crate) rng: Rng,
    /// Instances that each verdict must stand.
    pub(crate) instances: usize,
}

/// A schema as it was written, ready to judge; none when no validator takes it.
pub(crate) fn validator(schema: &Value) -> Option<Validator> {
    let options = jsonschema::options()
        .offline()
        .should_validate_formats(false);
    options.build(schema).ok()
}

/// Two surfaces of one tool each, compared.
pub(crate) fn compared(old: &Value, new: &Value) -> Report {
    let surface = |tool: &Value| Surface::from_value(&json!({"tools": [tool]})).unwrap();
    diff(&surface(old), &surface(new)).unwrap()
}

/// The same for tools that differ in one schema only.
pub(crate) fn compared_as(member: &str, old: &Value, new: &Value) -> Report {
    let tool = |schema: &Value| json!({"name": "t", member: schema});
    compared(&tool(old), &tool(new))
}

impl Run {
    /// Whether the comparison alone holds what it says.
    pub(crate) fn inclusion(&mut self, row: &mut Row, old: &Value, new: &Value, caller: Caller) {
        row.pairs += 1;
        match comparing(|comparer| comparer.includes(old, new, caller)).unwrap() {
            Inclusion::Undecided(_) => row.doubt(old, new),
            Inclusion::Fails(witness) => {
                row.breaking += 1;
                confirm(row, &witness, old, new);
            }
            Inclusion::Holds => self.sent(row, old, new, caller),
        }
    }

    /// Whether the verdicts about a change of a tool's input, and of its output, hold what they say;
    /// and whether the two mirror each other.
    pub(crate) fn verdicts(&mut self, row: &mut Row, old: &Value, new: &Value) {
        row.pairs += 1;
        let output = compared_as("outputSchema", new, old);
        self.verdict(row, &output, old, new);
        // The arguments of a call are an object, whether or not a schema says so.
        let as_object = |schema: &Value| {
            let mut schema = schema.clone();
            if let Value::Object(map) = &mut schema {
                map.entry("type").or_insert(json!("object"));
            }
            schema
        };
        let (old, new) = (&as_object(old), &as_object(new));
        let input = compared_as("inputSchema", old, new);
        self.verdict(row, &input, old, new);
        let output = compared_as("outputSchema", new, old);
        mirrored(row, &input, &output, old, new);
    }

    /// One report about a change under which what `narrow` accepts should be accepted by `wide`.
    fn verdict(&mut self, row: &mut Row, report: &Report, narrow: &Value, wide: &Value) {
        let has = |level| report.findings.iter().any(|one| one.compatibility == level);
        for finding in &report.findings {
            if finding.compatibility != Compatibility::Breaking {
                continue;
            }
            row.breaking += 1;
            match &finding.witness {
                Some(witness) => confirm(row, &witness.value(), narrow, wide),
                None => row.unproven(format!(
                    "{} without a witness\n{narrow}\n{wide}",
                    finding.rule
                )),
            }
        }
        let gains_values = report.findings.iter().any(|one| {
            one.rule == RuleId::EnumValueAdded && one.compatibility != Compatibility::Compatible
        });
        if has(Compatibility::Breaking) || gains_values {
            return;
        }
        // Who can send nothing is reported so, and nothing is proven about the change.
        if report
            .findings
            .iter()
            .any(|one| one.rule == RuleId::SchemaEmpty)
        {
            self.nothing_sent(row, narrow);
            return;
        }
        if has(Compatibility::Undecided) {
            row.doubt(narrow, wide);
            return;
        }
        self.sent(row, narrow, wide, Caller::Careful);
    }

    /// Tries whether a careful caller can send anything after all.
    fn nothing_sent(&mut self, row: &mut Row, old: &Value) {
        row.empty += 1;
        let (Some(accepts), Some(sends)) = (validator(old), validator(&careful(old))) else {
            return;
        };
        let source = Source {
            document: old,
            is_careless: false,
        };
        for _ in 0..self.instances {
            let value = source.instance(&mut self.rng, old, 0);
            if sends.is_valid(&value) && accepts.is_valid(&value) {
                row.unsound(&format!("{value} is no value of\n{old}"));
                return;
            }
        }
    }

    /// Sends what the one schema accepts to the other.
    fn sent(&mut self, row: &mut Row, old: &Value, new: &Value, caller: Caller) {
        row.proofs += 1;
        let sent = match caller {
            Caller::Careful => careful(old),
            Caller::Any => old.clone(),
        };
        let (Some(accepts), Some(serves), Some(sends)) =
            (validator(old), validator(new), validator(&sent))
        else {
            return;
        };
        let source = Source {
            document: old,
            is_careless: caller == Caller::Any,
        };
        let mut accepted = 0;
        for _ in 0..self.instances * 4 {
            let value = source.instance(&mut self.rng, old, 0);
            if sends.is_valid(&value) && accepts.is_valid(&value) {
                accepted += 1;
                if !serves.is_valid(&value) {
                    row.unsound(&format!("{value} ({caller:?})\n{old}\n{new}"));
                    break;
                }
            }
            if accepted == self.instances {
                break;
            }
        }
        row.instances += accepted;
    }
}

/// A witness must be accepted by the one and refused by the other.
fn confirm(row: &mut Row, witness: &Value, old: &Value, new: &Value) {
    let accepted = validator(old).is_none_or(|old| old.is_valid(witness));
    let refused = validator(new).is_none_or(|new| !new.is_valid(witness));
    if !(accepted && refused) {
        row.unproven(format!("no witness: {witness}\n{old}\n{new}"));
    }
}

/// Input of one way and output of the other ask the same question, but for values that an answer
/// gains, which are distinguished.
fn mirrored(row: &mut Row, input: &Report, output: &Report, old: &Value, new: &Value) {
    let breaks = |report: &Report| report.compatibility == Compatibility::Breaking;
    let is_distinguished = |rule: RuleId| rule == RuleId::EnumValueRemoved;
    let by_values = input.findings.iter().any(|one| is_distinguished(one.rule));
    if breaks(output) && !breaks(input) || breaks(input) && !breaks(output) && !by_values {
        let rules = |report: &Report| {
            let all = report.findings.iter();
            let all = all.map(|one| format!("{}={}", one.rule, one.compatibility));
            all.collect::<Vec<_>>().join(" ")
        };
        let (input, output) = (rules(input), rules(output));
        row.fault(format!("{input}\nmirrored {output}\n{old}\n{new}"));
    }
}
