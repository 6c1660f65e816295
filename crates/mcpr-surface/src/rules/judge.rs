//! What the differences of two schemas mean: the comparison decides about the whole, and about each
//! difference made alone; a finding breaks only with a witness that both agree on.

use super::places::{DiffSide, Patch, SchemaChange};
use super::table::RuleId;
use super::texts::{has_words, is_reworded};
use super::walk::changes;
use crate::compat::has_values;
use crate::compat::{Caller, Comparer, Focus, Inclusion};
use crate::finding::{Finding, FindingPlace};
use crate::level::{Compatibility, SchemaDirection, Security};
use crate::packed::Packed;
use crate::reading::{ReadSchema, read};
use crate::surface::ItemKind;
use serde_json::{Value, json};
use std::borrow::Cow;

/// How many differences of one schema are judged alone; further ones share a witness or none.
// Each takes a proof of its own.
const MAX_JUDGED: usize = 60;

/// How many differences of very wide schemas are tried before the whole is weighed.
const MAX_EARLY: usize = 8;

/// Changes of what is declared: a reader notices them, also where the same values are accepted.
const RELEVANT_TO_TEXT: &[RuleId] = &[
    RuleId::PropertyAdded,
    RuleId::RequiredPropertyAdded,
    RuleId::PropertyRemoved,
    RuleId::RequiredAdded,
    RuleId::RequiredRemoved,
    RuleId::ObjectClosed,
    RuleId::ObjectOpened,
    RuleId::Respelled,
];

/// Two schemas of one tool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schemas<'a> {
    pub(super) tool: &'a str,
    pub(super) direction: SchemaDirection,
    pub(super) old: &'a Value,
    pub(super) new: &'a Value,
}

/// Adds what the difference of two schemas means.
pub(super) fn judge(schemas: Schemas<'_>, comparer: &mut Comparer, findings: &mut Vec<Finding>) {
    if schemas.old == schemas.new {
        return;
    }
    let (Some(old), Some(new)) = (read(schemas.old), read(schemas.new)) else {
        let why = "the schema is larger than is read, references included";
        findings.push(schemas.undecided(why));
        return;
    };
    let (narrow, wide, side) = schemas.sides();
    // Focus needs both forms: proofs about all run on what was written, those of one difference on
    // the form that is read.
    let (narrow_read, wide_read) = match side {
        DiffSide::Old => (&old.schema, &new.schema),
        DiffSide::New => (&new.schema, &old.schema),
    };
    let mut judge = SchemaJudge {
        schemas,
        old: &old,
        new: &new,
        written: Focus::of(narrow, wide),
        read: Focus::of(narrow_read, wide_read),
        comparer,
        witnesses: Vec::new(),
        judged: 0,
    };
    judge.far_references(findings);
    judge.differences(findings);
}

struct SchemaJudge<'a> {
    schemas: Schemas<'a>,
    old: &'a ReadSchema,
    new: &'a ReadSchema,
    /// Both schemas as they were written, and as they are read, where they are very wide.
    written: Option<Focus<'a>>,
    read: Option<Focus<'a>>,
    comparer: &'a mut Comparer,
    /// Witnesses found so far: one often proves more than one difference.
    witnesses: Vec<Value>,
    judged: usize,
}

/// What one difference alone does.
enum Effect {
    Harmless,
    Unknown,
    Breaks(Value),
}

/// A narrow schema, the same with one difference made, and values to try first.
struct SingleDifference<'a> {
    narrow: Cow<'a, Value>,
    wide: Value,
    known: Vec<Value>,
}

impl<'a> Schemas<'a> {
    fn at(&self, pointer: &str) -> FindingPlace<'a> {
        FindingPlace {
            kind: ItemKind::Tool,
            item: self.tool,
            pointer: format!("/{}{pointer}", self.direction.member()),
        }
    }

    fn undecided(&self, why: &str) -> Finding {
        let message = format!("it cannot be decided whether values are refused: {why}");
        let mut finding = Finding::new(RuleId::SchemaUndecided, self.at(""), None, None, message);
        finding.compatibility = Compatibility::Undecided;
        finding
    }

    /// Who is narrow: what callers send, or what the server answers.
    fn sides(&self) -> (&'a Value, &'a Value, DiffSide) {
        match self.direction {
            SchemaDirection::Input => (self.old, self.new, DiffSide::Old),
            SchemaDirection::Output => (self.new, self.old, DiffSide::New),
        }
    }
}

impl<'a> SchemaJudge<'a> {
    /// References that lead out of the document: breaking whatever they name.
    fn far_references(&mut self, findings: &mut Vec<Finding>) {
        let before = |uri: &String| self.old.unknown.get(uri).copied().unwrap_or(0);
        let added = self.new.unknown.iter();
        let added = added.filter(|(uri, times)| **times > before(uri));
        let added = added.map(|(uri, _)| uri.clone()).collect::<Vec<_>>();
        for uri in added {
            // Any value that was accepted will do: nothing at all is accepted by `false`.
            let anything = self
                .comparer
                .includes(self.schemas.old, &json!(false), Caller::Careful);
            let at = self.schemas.at("");
            let message = format!("the schema refers to {uri}, which is not fetched");
            let mut finding = Finding::new(
                RuleId::NetworkReference,
                at,
                None,
                Some(json!(uri)),
                message,
            );
            // Whatever was accepted can no longer be shown to be.
            finding.witness = match anything {
                Inclusion::Fails(value) => Some(value.into()),
                _ => None,
            };
            findings.push(finding);
        }
    }

    fn differences(&mut self, findings: &mut Vec<Finding>) {
        let mut changes = changes(&self.old.schema, &self.new.schema);
        // The whole first: its answer says for most differences what they do.
        let overall = self.overall(&changes);
        let mut is_respelled = changes.is_empty();
        if overall == Inclusion::Holds && self.says_the_same(&changes) {
            // Only what has nothing to do with the values accepted is still reported on its own.
            changes.retain(|change| matches!(change.patch, Patch::None));
            is_respelled = true;
        }
        if let Inclusion::Fails(witness) = &overall {
            // It is tried first for each difference, which mostly saves a search.
            self.witnesses.push(witness.clone());
        }
        if overall == Inclusion::Holds && !changes.is_empty() {
            self.emptiness(findings);
        }
        // Findings of other items or of the other schema stand before these.
        let first = findings.len();
        for change in &changes {
            findings.extend(self.finding(change, &overall));
        }
        let breaks = |finding: &Finding| finding.compatibility == Compatibility::Breaking;
        // A proof that something breaks must not end without a finding that says so.
        if matches!(overall, Inclusion::Fails(_)) && !findings[first..].iter().any(breaks) {
            self.blame_the_mild(&changes, &mut findings[first..]);
        }
        let worst = findings[first..]
            .iter()
            .map(|finding| finding.compatibility)
            .max();
        match overall {
            // No one difference breaks alone: it takes several together.
            Inclusion::Fails(witness) if worst != Some(Compatibility::Breaking) => {
                let rule = RuleId::SchemaNarrowed.rule();
                let mut finding = Finding::new(
                    RuleId::SchemaNarrowed,
                    self.schemas.at(""),
                    None,
                    None,
                    rule.title.to_owned(),
                );
                finding.witness = Some(witness.into());
                findings.push(finding);
            }
            // An undecided whole must not look better than it is.
            Inclusion::Undecided(why)
                if !matches!(
                    worst,
                    Some(Compatibility::Breaking | Compatibility::Undecided)
                ) =>
            {
                findings.push(self.schemas.undecided(&why));
            }
            _ if is_respelled => {
                let message = "the same is expressed in another way".to_owned();
                findings.push(Finding::new(
                    RuleId::Respelled,
                    self.schemas.at(""),
                    None,
                    None,
                    message,
                ));
            }
            _ => {}
        }
    }

    /// Reports that nothing is sent, or answered, at all: then no change is proven to be harmless.
    fn emptiness(&mut self, findings: &mut Vec<Finding>) {
        let (narrow, _, _) = self.schemas.sides();
        let nothing = json!(false);
        // A sample is tried before the proof, which is dear.
        if has_values(narrow)
            || self.comparer.includes(narrow, &nothing, Caller::Careful) != Inclusion::Holds
        {
            return;
        }
        let rule = RuleId::SchemaEmpty.rule();
        let at = self.schemas.at("");
        findings.push(Finding::new(
            RuleId::SchemaEmpty,
            at,
            None,
            None,
            rule.title.to_owned(),
        ));
    }

    /// Whether nothing but spellings differ, though they are distinguished place by place: both schemas
    /// accept the same values, whoever the caller is.
    fn says_the_same(&mut self, changes: &[SchemaChange]) -> bool {
        let (old, new) = (self.schemas.old, self.schemas.new);
        let is_schema = |change: &&SchemaChange| !matches!(change.patch, Patch::None);
        let mut judged = changes.iter().filter(is_schema).peekable();
        judged.peek().is_some()
            // All must be such that a reader does not notice them.
            && judged.all(|change| !RELEVANT_TO_TEXT.contains(&change.rule))
            && self.comparer.proves(new, old)
            && self.comparer.proves(old, new)
    }

    /// The verdict about the whole. Values that an answer's enumeration gained are reported on their
    /// own, as dangerous, and not counted here.
    fn overall(&mut self, changes: &[SchemaChange]) -> Inclusion {
        // Cheap where it finds something, and needs no proof of the whole.
        if let Some(witness) = self.early_witness(changes) {
            return Inclusion::Fails(witness);
        }
        let (narrow, wide, _) = self.schemas.sides();
        let mut wide = Cow::Borrowed(wide);
        if self.schemas.direction == SchemaDirection::Output {
            let gained = changes
                .iter()
                .filter(|change| change.rule == RuleId::EnumValueAdded);
            let mut old = self.old.schema.clone();
            let mut is_wider = false;
            for change in gained {
                if let Some(wider) = change.applied(&old, &self.new.schema, DiffSide::Old) {
                    old = wider;
                    is_wider = true;
                }
            }
            if is_wider {
                wide = Cow::Owned(old);
            }
        }
        self.comparer.includes(narrow, &wide, Caller::Careful)
    }

    /// A value that is sent and refused, sought at the first differences of very wide schemas: one
    /// property alone shows as much as all of them.
    fn early_witness(&mut self, changes: &[SchemaChange]) -> Option<Value> {
        let focus = self.written.as_ref()?;
        let is_gained = |change: &SchemaChange| change.rule == RuleId::EnumValueAdded;
        // With values gained, the old schema is to be widened first, as `overall` does.
        if self.schemas.direction == SchemaDirection::Output && changes.iter().any(is_gained) {
            return None;
        }
        let names = changes.iter().filter_map(SchemaChange::root_property);
        let mut pairs = names.take(MAX_EARLY).filter_map(|name| focus.on(name));
        pairs.find_map(|(narrow, wide)| {
            match self.comparer.includes(&narrow, &wide, Caller::Careful) {
                Inclusion::Fails(witness) => Some(witness),
                _ => None,
            }
        })
    }

    fn finding(&mut self, change: &SchemaChange, overall: &Inclusion) -> Option<Finding> {
        let is_text = change.rule == RuleId::ParameterTextChanged;
        // White space alone is nothing that a model reads otherwise.
        if is_text && !is_reworded(change.before.as_ref(), change.after.as_ref()) {
            return None;
        }
        let rule = change.rule.rule();
        let level = match self.schemas.direction {
            SchemaDirection::Input => rule.input,
            SchemaDirection::Output => rule.output,
        };
        // Who writes the value is freer when a format goes; who reads it, safer when one comes.
        let is_relief = change.rule == RuleId::FormatChanged
            && match self.schemas.direction {
                SchemaDirection::Input => change.after.is_none(),
                SchemaDirection::Output => change.before.is_none(),
            };
        let level = if is_relief {
            Compatibility::Compatible
        } else {
            level
        };
        let (level, witness) = self.level(change, level, overall);
        let why = match (level, overall) {
            (Compatibility::Compatible, Inclusion::Holds) => {
                "nothing that was fine before is refused"
            }
            (Compatibility::Compatible, _) => "alone it refuses nothing that was fine before",
            (Compatibility::Undecided, _) if self.comparer.is_out_of_steps() => {
                "it cannot be decided whether values are refused: it takes more steps than are taken"
            }
            _ => rule.why,
        };
        let message = format!("{}: {why}", rule.title);
        let at = self.schemas.at(&change.pointer());
        let mut finding = Finding::new(
            change.rule,
            at,
            change.before.clone(),
            change.after.clone(),
            message,
        );
        finding.compatibility = level;
        finding.witness = witness.map(Packed::from);
        // Words that a model reads are what makes a new place worth a look.
        if finding.security == Security::Review && !is_text {
            let has_words = change.after.as_ref().is_some_and(has_words);
            finding.security = if has_words {
                Security::Review
            } else {
                Security::None
            };
        }
        Some(finding)
    }

    fn level(
        &mut self,
        change: &SchemaChange,
        level: Compatibility,
        overall: &Inclusion,
    ) -> (Compatibility, Option<Value>) {
        use Compatibility::{Breaking, Compatible, Dangerous, Undecided};
        let is_distinguished = change.rule == RuleId::EnumValueAdded;
        // The mild need no proof, and those without a patch nothing to prove.
        if level < Undecided || matches!(change.patch, Patch::None) || is_distinguished {
            return (level, None);
        }
        // Readers of an answer may have used what was there only sometimes.
        let is_missed = change.rule == RuleId::PropertyRemoved
            && self.schemas.direction == SchemaDirection::Output;
        let harmless = if level == Dangerous || is_missed {
            Dangerous
        } else {
            Compatible
        };
        // The whole refuses nothing: what one alone would do, another makes up for.
        if overall == &Inclusion::Holds {
            return (harmless, None);
        }
        match self.effect(change) {
            Effect::Harmless => (harmless, None),
            Effect::Breaks(witness) => (Breaking, Some(witness)),
            // What is not proven is not reported as breaking, nor is it called harmless.
            Effect::Unknown => (level.min(Undecided).max(harmless), None),
        }
    }

    /// What a difference does when it is the only one.
    fn effect(&mut self, change: &SchemaChange) -> Effect {
        // Counted also where it is not tried: the bound is about the whole schema.
        self.judged += 1;
        if self.judged > MAX_JUDGED {
            return Effect::Unknown;
        }
        let Some(alone) = self.alone(change) else {
            return Effect::Unknown;
        };
        let (narrow, wide) = (&alone.narrow, &alone.wide);
        let answer = self
            .comparer
            .includes_trying(narrow, wide, Caller::Careful, &alone.known);
        match answer {
            Inclusion::Holds => Effect::Harmless,
            Inclusion::Undecided(_) => Effect::Unknown,
            Inclusion::Fails(witness) => {
                // Shown of this difference made alone; it counts only if the whole refuses it too.
                if self.witnesses.contains(&witness) || self.is_witness(&witness) {
                    self.witnesses.push(witness.clone());
                    Effect::Breaks(witness)
                } else {
                    // Another difference makes up for it.
                    Effect::Harmless
                }
            }
        }
    }

    /// A difference made alone, on as much of the schemas as it is about.
    fn alone(&self, change: &SchemaChange) -> Option<SingleDifference<'a>> {
        let (_, _, side) = self.schemas.sides();
        let (old, new) = (self.old, self.new);
        let (narrow, wide) = match side {
            DiffSide::Old => (&old.schema, &new.schema),
            DiffSide::New => (&new.schema, &old.schema),
        };
        // On the one property alone, a wide schema takes a fraction of the work.
        if let Some(focus) = &self.read
            && let Some(name) = change.root_property()
            && let Some((narrow, wide)) = focus.on(name)
        {
            return Some(SingleDifference {
                wide: change.applied(&narrow, &wide, side)?,
                narrow: Cow::Owned(narrow),
                known: focus.values(name, &self.witnesses),
            });
        }
        Some(SingleDifference {
            narrow: Cow::Borrowed(narrow),
            wide: change.applied(narrow, wide, side)?,
            known: self.witnesses.clone(),
        })
    }

    /// Whether a value is sent and refused, all differences together.
    fn is_witness(&mut self, value: &Value) -> bool {
        let pair = self
            .written
            .as_ref()
            .and_then(|focus| focus.on_value(value));
        if let Some((narrow, wide)) = pair {
            return self.comparer.is_witness(&narrow, &wide, value);
        }
        let (narrow, wide, _) = self.schemas.sides();
        self.comparer.is_witness(narrow, wide, value)
    }

    /// Where the whole breaks and no difference that usually does is to blame, those that are mild
    /// elsewhere are looked at.
    fn blame_the_mild(&mut self, changes: &[SchemaChange], findings: &mut [Finding]) {
        for change in changes {
            // Those were distinguished before, or have nothing to try.
            if matches!(change.patch, Patch::None) || change.rule == RuleId::EnumValueAdded {
                continue;
            }
            let pointer = self.schemas.at(&change.pointer()).pointer;
            let finding = findings
                .iter_mut()
                .find(|finding| finding.rule == change.rule && finding.pointer == pointer);
            if let Some(finding) = finding
                && let Effect::Breaks(witness) = self.effect(change)
            {
                finding.compatibility = Compatibility::Breaking;
                finding.witness = Some(witness.into());
            }
        }
    }
}
