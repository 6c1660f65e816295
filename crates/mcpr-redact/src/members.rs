//! What an open object or array of JSON has shown so far: whether its next value is a secret, and which
//! of its values turn out to be one when their name follows. Must not read JSON itself.

use super::keys::{self, Secrecy};
use super::lists::Elements;
use std::ops::Range;

/// What an open object or array is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaiting {
    Array,
    Key,
    Value,
}

/// What a member is to its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Other,
    /// It names the object: `name`, `key`.
    Name,
    /// It describes what a text is put into: `element`, `label`.
    Label,
    /// It is the value that is named.
    Value,
    /// It is the value that is named, at some time.
    Version,
    /// It is the value that an option takes, or names one: `{"option": "--token", "argument": "…"}`.
    Argument,
    /// It may be.
    Text,
    /// It says which program is run.
    Program,
    /// It says where a change is made.
    Path,
    /// It says which change.
    Change,
    /// It names the columns of a table.
    Head,
}

// What may stand before `name`, `key` and `value` and says what is named: `ParameterKey`, `option_name`,
// `metaValue`.
#[rustfmt::skip]
pub(super) const STEMS: [&str; 16] = [
    "parameter", "param", "header", "field", "variable", "var", "env", "attribute", "property", "option",
    "setting", "config", "meta", "secret", "input", "argument",
];

/// What the texts of an array are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArrayKind {
    Plain,
    /// Names and values take turns.
    TakesTurns,
}

/// The first member of a schema, or of what a validator says.
#[rustfmt::skip]
const OF_SCHEMA: [&str; 24] = [
    "type", "$ref", "description", "title", "anyOf", "oneOf", "allOf", "format", "default", "enum", "required", "minLength",
    "maxLength", "pattern", "nullable", "example", "writeOnly", "readOnly", "const", "msg", "message", "loc", "items", "_errors",
];
/// Members of a schema that hold a value.
const HELD: [&str; 7] = [
    "value", "default", "example", "const", "examples", "key", "data",
];

/// A member by which an object shows what it is, and its members that hold secrets then.
#[derive(Debug)]
struct Marked {
    by: &'static str,
    secrets: &'static [&'static str],
    secrecy: Secrecy,
}

const MARKED: &[Marked] = &[
    // A JSON Web Key: its private part, or the key itself.
    Marked {
        by: "kty",
        secrets: &["d", "p", "q", "dp", "dq", "qi", "k"],
        secrecy: Secrecy::Random,
    },
    // What Terraform keeps of a password that it made.
    Marked {
        by: "bcrypt_hash",
        secrets: &["result"],
        secrecy: Secrecy::Any,
    },
];

/// Members that say, when true, that the value beside them is a secret: of Terraform, of registries of MCP
/// servers, of cookies.
const SENSITIVE: [&str; 6] = [
    "sensitive",
    "is_sensitive",
    "isSensitive",
    "isSecret",
    "is_secret",
    "httpOnly",
];

/// Members of a `Secret` of Kubernetes that hold its secrets.
const OF_MANIFEST: [&str; 2] = ["data", "stringData"];

/// A value that stands in the output before its name is known.
#[derive(Debug)]
struct PendingValue {
    place: Range<usize>,
    is_version: bool,
}

/// Most values of an object that wait for their name.
const MOST_PENDING: usize = 4;

/// An object or array that is open.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) open: Awaiting,
    /// How sure its key is that values within are secrets.
    inherited: Secrecy,
    /// How sure the key of the member is that is being read.
    member: Secrecy,
    role: Role,
    is_schema: bool,
    /// What a member that names the object says.
    named: Secrecy,
    /// What a member that describes it says.
    labelled: Secrecy,
    /// Where a value stands in the output whose name was not met yet.
    pending: Vec<PendingValue>,
    value_from: usize,
    /// What stands in an array; of an object, what its arrays have shown.
    pub(super) elements: Elements,
    /// How sure the path of a change is that the value is a secret.
    changed: Secrecy,
    is_change: bool,
    pub(super) list: ArrayKind,
    /// What the object shows itself to be.
    marked: Option<&'static Marked>,
    /// Whether the member that is being read says that the value beside it is a secret.
    is_flag: bool,
    manifest: Manifest,
}

/// What an object has shown of being a `Secret` of Kubernetes.
#[derive(Debug, Default)]
struct Manifest {
    /// Whether the member that is being read says it.
    is_kind: bool,
    is_secret: bool,
    /// Whether the member that is being read holds its secrets.
    is_held: bool,
    /// Where those stand in the output that were met before.
    held: Vec<Range<usize>>,
}

impl Container {
    pub(super) fn new(
        open: Awaiting,
        inherited: Secrecy,
        is_schema: bool,
        takes_turns: bool,
    ) -> Self {
        Self {
            open,
            inherited,
            member: Secrecy::None,
            role: Role::Other,
            is_schema,
            named: Secrecy::None,
            labelled: Secrecy::None,
            pending: Vec::new(),
            value_from: 0,
            elements: Elements::default(),
            changed: Secrecy::None,
            is_change: false,
            list: if takes_turns {
                ArrayKind::TakesTurns
            } else {
                ArrayKind::Plain
            },
            marked: None,
            is_flag: false,
            manifest: Manifest::default(),
        }
    }

    /// How sure it is that the value that begins now is a secret.
    pub(super) fn secrecy(&self) -> Secrecy {
        match self.open {
            Awaiting::Array => self.inherited,
            _ => self.member,
        }
    }

    /// A key was read; `rest` stands behind it, `written` is how long the output is.
    pub(super) fn key(&mut self, key: &str, rest: &str) {
        self.role = role(key);
        let is_text = || {
            let value = rest.trim_start().strip_prefix(':');
            value.is_some_and(|value| value.trim_start().starts_with('"'))
        };
        if self.role == Role::Version && !is_text() {
            self.role = Role::Other;
        }
        // Below a secret's key a member may be the secret, whatever it is called.
        self.member = keys::secrecy(key.as_bytes()).max(self.inherited);
        // The schema of a secret has none in it, but for a default or an example.
        if keys::is_secret_pin(key.as_bytes(), rest.as_bytes()) || self.is_schema && is_held(key) {
            self.member = Secrecy::Any;
        }
        // In any other object `d` and `k` may be anything.
        self.marked = self
            .marked
            .or_else(|| MARKED.iter().find(|marked| marked.by == key));
        if let Some(marked) = self.marked
            && marked.secrets.contains(&key)
        {
            self.member = self.member.max(marked.secrecy);
        }
        self.is_flag = SENSITIVE.contains(&key);
        self.manifest.is_kind = key == "kind";
        self.manifest.is_held = OF_MANIFEST.contains(&key);
        if self.manifest.is_held && self.manifest.is_secret {
            self.member = Secrecy::Any;
        }
        self.member = self.member.max(match self.role {
            Role::Value if self.is_change => self.named.max(self.labelled).max(self.changed),
            Role::Value | Role::Argument => self.named.max(self.labelled),
            Role::Version => self.named,
            Role::Text => self.named.max(self.labelled).min(Secrecy::Random),
            _ => Secrecy::None,
        });
        self.open = Awaiting::Value;
    }

    /// An array begins here.
    pub(super) fn array(&self, inherited: Secrecy, takes_turns: bool) -> Self {
        let elements = match self.open {
            Awaiting::Array => Elements::within(&self.elements),
            _ => Elements::of_member(&self.elements),
        };
        Self {
            elements,
            ..Self::new(Awaiting::Array, inherited, false, takes_turns)
        }
    }

    /// The array or object that was open within this has ended.
    pub(super) fn ended(&mut self, inner: Self) {
        if inner.open == Awaiting::Array {
            let is_first = self.open == Awaiting::Array && self.elements.count == 0;
            self.elements
                .ended(inner.elements, self.role == Role::Head, is_first);
        }
    }

    /// The value of a member begins at this place of the output.
    pub(super) fn begin(&mut self, written: usize) {
        self.value_from = written;
    }

    /// A text was read as the value of a member. Adds what was put before and is a secret after all.
    pub(super) fn text(&mut self, text: &str, late: &mut Vec<Range<usize>>) {
        if self.open != Awaiting::Value {
            return;
        }
        if self.manifest.is_kind && text == "Secret" {
            self.manifest.is_secret = true;
            late.append(&mut self.manifest.held);
        }
        match self.role {
            Role::Program => return late.extend(self.elements.program(text)),
            Role::Name => self.named = self.named.max(keys::secrecy(text.as_bytes())),
            // What is asked of names only: a secret that is called so itself is the value of its name.
            Role::Argument if self.named == Secrecy::None => {
                self.named = keys::secrecy(text.as_bytes());
            }
            Role::Label => self.labelled = self.labelled.max(of_label(text)),
            Role::Path => self.changed = keys::secrecy(text.as_bytes()),
            Role::Change => self.is_change = true,
            _ => return,
        }
        // A name that may be of a table's key is too weak to take back what was put out.
        let is_named = self.named > Secrecy::KeyMaterial;
        let is_labelled = self.labelled > Secrecy::KeyMaterial
            || self.is_change && self.changed > Secrecy::KeyMaterial;
        if is_named || is_labelled {
            let values = std::mem::take(&mut self.pending).into_iter();
            let meant = values.filter(|value| is_named || !value.is_version);
            late.extend(meant.map(|value| value.place));
        }
    }

    /// `true` was read as the value of a member. Adds what was put before and is a secret after all.
    pub(super) fn yes(&mut self, late: &mut Vec<Range<usize>>) {
        if self.open == Awaiting::Value && self.is_flag {
            self.named = Secrecy::Any;
            late.extend(self.pending.drain(..).map(|value| value.place));
        }
    }

    /// A member or an element ends at this place of the output.
    pub(super) fn end(&mut self, written: usize) {
        if self.open == Awaiting::Value
            && matches!(
                self.role,
                Role::Value | Role::Argument | Role::Version | Role::Text
            )
            && self.named == Secrecy::None
        {
            // The name may still follow: `{"value": …, "name": "API_KEY"}`.
            self.pending.truncate(MOST_PENDING - 1);
            self.pending.push(PendingValue {
                place: self.value_from..written,
                is_version: self.role == Role::Version,
            });
        }
        if self.open == Awaiting::Value && self.manifest.is_held && !self.manifest.is_secret {
            // Tools print the members in the order of their names: `data` before `kind`.
            self.manifest.held.push(self.value_from..written);
        }
        match self.open {
            Awaiting::Value => self.open = Awaiting::Key,
            Awaiting::Array => self.elements.end(written),
            Awaiting::Key => {}
        }
        self.role = Role::Other;
    }

    /// What may be a secret, if the name would still follow.
    pub(super) fn in_doubt(&self, written: usize) -> Vec<Range<usize>> {
        let is_value = matches!(self.role, Role::Value)
            && self.open == Awaiting::Value
            && self.named == Secrecy::None;
        let open = is_value.then_some(self.value_from..written);
        self.pending
            .iter()
            .map(|value| value.place.clone())
            .chain(open)
            .collect()
    }
}

/// What a member with this key is to its object.
#[rustfmt::skip]
fn role(key: &str) -> Role {
    // No name of a role is longer, and most keys have none.
    const LONGEST: usize = 20;
    let mut buffer = [0; LONGEST];
    let Some(lower) = buffer.get_mut(..key.len()) else {
        return Role::Other;
    };
    lower.copy_from_slice(key.as_bytes());
    buffer.make_ascii_lowercase();
    // Every key of every message is asked: patterns are compared by their length first.
    match &buffer[..key.len()] {
        // The text of such a member says what the value beside it is.
        b"name" | b"key" | b"header" | b"field" | b"variable" | b"var" | b"env" | b"attribute" | b"property"
        | b"parameter" | b"option" | b"flag" | b"switch" | b"k" => Role::Name,
        // With one of these, tools that drive a browser name the field that they type into.
        b"element" | b"label" | b"selector" | b"placeholder" | b"id" | b"title" => Role::Label,
        b"value" | b"val" | b"v" | b"stringvalue" | b"secretvalue" | b"newvalue" | b"oldvalue" | b"default"
        | b"defaultvalue" => Role::Value,
        b"argument" | b"arg" => Role::Argument,
        // A text of these is the value of the name beside it, at some time; anything may stand in an object.
        b"current" | b"old" | b"new" | b"before" | b"after" => Role::Version,
        // Mostly they hold a message, so that they are taken only where they look random.
        b"text" | b"content" | b"data" => Role::Text,
        b"command" | b"cmd" | b"program" | b"executable" | b"exe" | b"file" => Role::Program,
        b"columns" | b"fields" | b"headers" | b"header_row" | b"column_names" | b"columnnames" | b"cols" => Role::Head,
        _ if key == "path" => Role::Path,
        _ if key == "op" => Role::Change,
        lower => stemmed(lower),
    }
}

/// The role of `parameterName`, `option_value` and their kind, in small letters.
fn stemmed(key: &[u8]) -> Role {
    const ENDS: [(&[u8], Role); 3] = [
        (b"name", Role::Name),
        (b"key", Role::Name),
        (b"value", Role::Value),
    ];
    let Some((stem, role)) = ENDS
        .iter()
        .find_map(|(end, role)| Some((key.strip_suffix(*end)?, *role)))
    else {
        return Role::Other;
    };
    let stem = stem
        .strip_suffix(b"_")
        .or_else(|| stem.strip_suffix(b"-"))
        .unwrap_or(stem);
    if STEMS.iter().any(|known| known.as_bytes() == stem) {
        role
    } else {
        Role::Other
    }
}

fn is_held(key: &str) -> bool {
    HELD.iter().any(|held| key.eq_ignore_ascii_case(held))
}

/// A label is a phrase: `Password field`, `API Key`.
fn of_label(text: &str) -> Secrecy {
    const LONGEST: usize = 64;
    if text.len() > LONGEST {
        return Secrecy::None;
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let of_words = words.map(|word| keys::secrecy(word.as_bytes()));
    // A name may be of several words, of which none is one of a secret.
    let whole = keys::secrecy(text.trim_end_matches([':', '*', ' ']).as_bytes());
    of_words.max().unwrap_or(Secrecy::None).max(whole)
}

/// Whether names and values take turns in the array under this key.
pub(super) fn takes_turns(key: &str) -> bool {
    ["rawHeaders", "raw_headers", "rawTrailers"]
        .iter()
        .any(|name| key.eq_ignore_ascii_case(name))
}

/// Whether an object with this first member is a schema, or says what is wrong with a value.
pub(super) fn is_of_schema(first: &str) -> bool {
    OF_SCHEMA.contains(&first)
}
