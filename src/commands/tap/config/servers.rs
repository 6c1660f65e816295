//! Where an MCP client's configuration lists servers, and how each is run. Pure. Must not change
//! anything.

use super::ConfigError;
use jsonc_parser::ast::{Array, Object, ObjectProp, StringLit, Value};
use jsonc_parser::common::Ranged as _;
use std::ops::Range;

/// A server of a configuration.
#[derive(Debug)]
pub(super) struct ConfiguredServer<'a> {
    pub(super) name: &'a str,
    /// Where it stands, as a JSON pointer.
    pub(super) place: String,
    /// Its bytes, without its name.
    pub(super) range: Range<usize>,
    object: &'a Object<'a>,
}

/// How a server is run.
#[derive(Debug)]
pub(super) enum Form<'a> {
    /// `"command": "npx", "args": ["-y", …]`, in the object of this range.
    Split {
        object: &'a Object<'a>,
        command: &'a ObjectProp<'a>,
        args: Option<&'a ObjectProp<'a>>,
    },
    /// `"command": ["npx", "-y", …]`
    Whole(&'a Array<'a>),
}

/// Names of lists of servers, and the objects that they stand in: most clients, VS Code, Zed, Amp, Codex.
const LISTS: [&[&str]; 6] = [
    &["mcpServers"],
    &["servers"],
    &["mcp", "servers"],
    &["context_servers"],
    &["amp.mcpServers"],
    &["mcp_servers"],
];

/// Names of the command of a server: most clients, goose.
const COMMANDS: [&str; 2] = ["command", "cmd"];

/// A server that is neither run nor reached, as far as its entry says.
pub(super) const NO_WAY: &str = "it has neither a command nor a URL";

/// A URL in a form that cannot be changed where it stands.
const URL_NO_TEXT: &str = "its URL is not text in one line: write it so, in quotes";

/// Names of the address of a server: most clients, Windsurf, Gemini, goose.
const URLS: [&str; 4] = ["url", "serverUrl", "httpUrl", "uri"];

/// Every server of a configuration, in the order of the lists.
pub(super) fn servers<'a>(
    text: &str,
    root: &'a Object<'a>,
) -> Result<Vec<ConfiguredServer<'a>>, ConfigError> {
    let mut found = Vec::new();
    for path in LISTS {
        if let Some(list) = object_at(text, root, path)? {
            listed(text, &pointer(path), list, |_| true, &mut found)?;
        }
    }
    // opencode and Crush list them in `mcp` itself, goose in `extensions`: both have other things there, too.
    for name in ["mcp", "extensions"] {
        if let Some(list) = object_at(text, root, &[name])? {
            listed(text, &pointer(&[name]), list, has_way, &mut found)?;
        }
    }
    // Continue has a list in the order of the file, in which each says its name.
    if let Some(list) = only(text, root, "mcpServers")?.and_then(|prop| prop.value.as_array()) {
        for (at, object) in list.elements.iter().enumerate() {
            let object = object.as_object().filter(|object| has_way(object));
            let Some(object) = object else { continue };
            let name = only(text, object, "name")?.and_then(|prop| prop.value.as_string_lit());
            found.push(ConfiguredServer {
                name: name.map_or("", |name| &name.value),
                place: format!("/mcpServers/{at}"),
                range: object.range.start..object.range.end,
                object,
            });
        }
    }
    // Claude Code has a list a project.
    if let Some(projects) = object_at(text, root, &["projects"])? {
        for project in &projects.properties {
            let Some(object) = project.value.as_object() else {
                continue;
            };
            if let Some(list) = object_at(text, object, &["mcpServers"])? {
                let name = project.name.as_str();
                let place = pointer(&["projects", name, "mcpServers"]);
                listed(text, &place, list, |_| true, &mut found)?;
            }
        }
    }
    Ok(found)
}

/// Whether an object says how a server is run or reached.
fn has_way(object: &Object<'_>) -> bool {
    let mut names = object.properties.iter().map(|it| it.name.as_str());
    names.any(|name| COMMANDS.contains(&name) || URLS.contains(&name))
}

fn listed<'a>(
    text: &str,
    place: &str,
    list: &'a Object<'a>,
    is_server: fn(&Object<'_>) -> bool,
    found: &mut Vec<ConfiguredServer<'a>>,
) -> Result<(), ConfigError> {
    for prop in &list.properties {
        let name = prop.name.as_str();
        // A list that is doubled says twice what runs under a name.
        let _ = only(text, list, name)?;
        if let Some(object) = prop.value.as_object().filter(|it| is_server(it)) {
            let range = object.range.start..object.range.end;
            let place = format!("{place}{}", pointer(&[name]));
            found.push(ConfiguredServer {
                name,
                place,
                range,
                object,
            });
        }
    }
    Ok(())
}

impl<'a> ConfiguredServer<'a> {
    /// Where it is reached, by whatever name its client has for that, or why that cannot be determined.
    pub(super) fn url(&self) -> Result<&'a StringLit<'a>, &'static str> {
        let mut properties = self.object.properties.iter();
        let prop = properties.find(|prop| URLS.contains(&prop.name.as_str()));
        let prop = prop.ok_or(NO_WAY)?;
        prop.value.as_string_lit().ok_or(URL_NO_TEXT)
    }

    /// How it is run, or why that cannot be determined.
    pub(super) fn form(&self, text: &str) -> Result<Result<Form<'a>, &'static str>, ConfigError> {
        let mut object = self.object;
        let mut command = only(text, object, "command")?;
        if command.is_none() {
            command = only(text, object, "cmd")?;
        }
        // Earlier versions of Zed.
        if let Some(Value::Object(inner)) = command.map(|command| &command.value) {
            object = inner;
            command = only(text, object, "path")?;
        }
        let Some(command) = command else {
            return Ok(Err(NO_WAY));
        };
        let args = only(text, object, "args")?;
        Ok(match &command.value {
            Value::Array(array) => Ok(Form::Whole(array)),
            Value::StringLit(_) => Ok(Form::Split {
                object,
                command,
                args,
            }),
            _ => Err("its command is not text in one line: write it so, in quotes"),
        })
    }
}

impl Form<'_> {
    /// The command, program first, or why there is none.
    pub(super) fn command(&self) -> Result<Vec<String>, &'static str> {
        let mut command = Vec::new();
        let array = match self {
            Self::Whole(array) => Some(*array),
            Self::Split {
                command: program,
                args,
                ..
            } => {
                command.extend(program.value.as_string_lit().map(|it| it.value.to_string()));
                args.map(|args| {
                    args.value
                        .as_array()
                        .ok_or("its arguments are not a list: write them as one, a text each")
                })
                .transpose()?
            }
        };
        for element in array.map_or(&[][..], |array| &array.elements) {
            let text = element
                .as_string_lit()
                .ok_or("its arguments are not each a text in one line: write them so, in quotes")?;
            command.push(text.value.to_string());
        }
        if command.is_empty() {
            Err("its command is empty: write what runs it")
        } else {
            Ok(command)
        }
    }

    /// The list that holds the arguments.
    pub(super) fn array(&self) -> Option<&Array<'_>> {
        match self {
            Self::Whole(array) => Some(array),
            Self::Split { args, .. } => args.and_then(|args| args.value.as_array()),
        }
    }

    /// Whether there is a list of arguments with nothing in it.
    pub(super) fn has_empty_args(&self) -> bool {
        matches!(self, Self::Split { .. }) && self.array().is_some_and(|it| it.elements.is_empty())
    }

    /// The program where it stands apart from its arguments.
    pub(super) fn program(&self) -> Option<&StringLit<'_>> {
        match self {
            Self::Whole(_) => None,
            Self::Split { command, .. } => command.value.as_string_lit(),
        }
    }
}

fn pointer(path: &[&str]) -> String {
    let escaped = path
        .iter()
        .map(|part| part.replace('~', "~0").replace('/', "~1"));
    escaped.fold(String::new(), |pointer, part| pointer + "/" + &part)
}

fn object_at<'a>(
    text: &str,
    root: &'a Object<'a>,
    path: &[&str],
) -> Result<Option<&'a Object<'a>>, ConfigError> {
    let mut object = root;
    for name in path {
        match only(text, object, name)?.and_then(|prop| prop.value.as_object()) {
            Some(inner) => object = inner,
            None => return Ok(None),
        }
    }
    Ok(Some(object))
}

/// The member of this name. Of two, one client takes the first and another the last: which of them
/// counts cannot be determined.
fn only<'a>(
    text: &str,
    object: &'a Object<'a>,
    name: &str,
) -> Result<Option<&'a ObjectProp<'a>>, ConfigError> {
    let mut all = object
        .properties
        .iter()
        .filter(|prop| prop.name.as_str() == name);
    let first = all.next();
    if let (Some(first), Some(second)) = (first, all.next()) {
        let line = |prop: &ObjectProp| 1 + text[..prop.range().start].matches('\n').count();
        return Err(ConfigError::Doubled {
            name: name.to_owned(),
            lines: (line(first), line(second)),
        });
    }
    Ok(first)
}
