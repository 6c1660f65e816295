//! An MCP client's configuration, with the tap put before its servers or taken away again. Pure:
//! text in, text out; comments, order and layout of everything else stay as they are.

mod tapped;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use tapped::Tapped;

/// A byte order mark, which some editors write at the start of a file.
const BOM: char = '\u{feff}';

/// What is to be done with each server.
#[derive(Debug, Clone)]
pub(super) enum Rewrite {
    /// Put this program before it, with these options between `--name=NAME` and `--`.
    Install {
        program: String,
        options: Vec<String>,
        /// Whether the program of an earlier tap is gone from its place.
        is_gone: fn(&str) -> bool,
    },
    /// Take the tap away.
    Uninstall,
}

/// What became of one server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its command was changed.
    Changed {
        before: Vec<String>,
        after: Vec<String>,
    },
    /// Its tap could not start and now can; what was wrong.
    Mended {
        why: &'static str,
        before: Vec<String>,
        after: Vec<String>,
    },
    /// It is as it should be already.
    AsWanted,
    /// It cannot be tapped; why.
    LeftAlone(&'static str),
}

/// A configuration, rewritten.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// Every server that was looked at, in the order of the file.
    pub(super) servers: Vec<(String, Outcome)>,
}

/// Why a configuration cannot be rewritten.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("it lists no MCP servers")]
    NoServers,
    #[error("it has no server {name}")]
    Unknown { name: String, known: Vec<String> },
}

/// Rewrites the servers of these names, or all of them where none is named.
pub(super) fn rewrite(
    text: &str,
    names: &[String],
    rewrite: &Rewrite,
) -> Result<Rewritten, ConfigError> {
    let (mark, text) = match text.strip_prefix(BOM) {
        Some(rest) => (&text[..BOM.len_utf8()], rest),
        None => ("", text),
    };
    let root = CstRootNode::parse(text, &options())
        .map_err(|error| ConfigError::NotJson(error.to_string()))?;
    let servers = servers(&root);
    if servers.is_empty() {
        return Err(ConfigError::NoServers);
    }
    let is_known = |name: &&String| servers.iter().any(|(known, _)| known == *name);
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        let known = servers.iter().map(|(name, _)| name.clone()).collect();
        let name = name.clone();
        return Err(ConfigError::Unknown { name, known });
    }
    let wanted = servers
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    let servers = wanted
        .map(|(name, server)| (name.clone(), rewrite_one(name, server, rewrite)))
        .collect();
    Ok(Rewritten {
        text: format!("{mark}{root}"),
        servers,
    })
}

/// Comments and trailing commas, as the clients themselves allow; nothing looser.
fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Every server of a configuration: `mcpServers` of most clients, also of each project of Claude
/// Code; `servers` of VS Code's `mcp.json`, and below `mcp` in its settings.
fn servers(root: &CstRootNode) -> Vec<(String, CstObject)> {
    let Some(top) = root.object_value() else {
        return Vec::new();
    };
    let mut lists = vec![
        top.object_value("mcpServers"),
        top.object_value("servers"),
        top.object_value("mcp")
            .and_then(|mcp| mcp.object_value("servers")),
    ];
    if let Some(projects) = top.object_value("projects") {
        let projects = projects.properties().into_iter();
        let lists_of = |project: CstObject| project.object_value("mcpServers");
        lists.extend(projects.map(|project| project.object_value().and_then(lists_of)));
    }
    let servers = lists
        .into_iter()
        .flatten()
        .flat_map(|list| list.properties());
    servers
        .filter_map(|server| Some((server.decoded_name()?, server.object_value()?)))
        .collect()
}

fn rewrite_one(name: &str, server: &CstObject, rewrite: &Rewrite) -> Outcome {
    let Some(command) = server.get("command").and_then(|command| command.value()) else {
        return Outcome::LeftAlone(
            "it has no command: it is not run, but reached over the network",
        );
    };
    let Some(program) = text_of(&command) else {
        return Outcome::LeftAlone("its command is no text");
    };
    let arguments = match server.get("args").map(|arguments| arguments.array_value()) {
        None => Vec::new(),
        Some(Some(array)) => match array.elements().iter().map(text_of).collect() {
            Some(arguments) => arguments,
            None => return Outcome::LeftAlone("its arguments are not all texts"),
        },
        Some(None) => return Outcome::LeftAlone("its arguments are no list"),
    };
    let before = [&[program], &arguments[..]].concat();
    match rewrite {
        Rewrite::Install {
            program,
            options,
            is_gone,
        } => match tapped::tapped(&before) {
            Some(tap) if !options.is_empty() && tap.options != *options => {
                Outcome::LeftAlone("it is tapped with other options: uninstall it first")
            }
            // Where no options are asked for, any tap that can start will do.
            Some(tap) => mend(server, &before, &tap, (program, is_gone(&before[0]))),
            None => {
                let after = tapped::tap(program, name, options, &before);
                set_command(server, &before, &after);
                Outcome::Changed { before, after }
            }
        },
        Rewrite::Uninstall => match tapped::tapped(&before).map(|tap| tap.command.to_vec()) {
            Some(after) => {
                set_command(server, &before, &after);
                Outcome::Changed { before, after }
            }
            None => Outcome::AsWanted,
        },
    }
}

/// Makes a tap that is there already one that starts; the program is the present one, and whether
/// that of the tap is gone.
fn mend(
    server: &CstObject,
    before: &[String],
    tap: &Tapped<'_>,
    (program, is_gone): (&str, bool),
) -> Outcome {
    let why = match (is_gone, tap.refused_name) {
        (true, _) => "the program of its tap is gone from there",
        (false, Some(_)) => "its tap is refused: the name begins with -",
        (false, None) => return Outcome::AsWanted,
    };
    let program = if is_gone { program } else { &before[0] };
    let after = match tap.refused_name {
        Some(name) => tapped::tap(program, name, &tap.options, tap.command),
        None => [&[program.to_owned()], &before[1..]].concat(),
    };
    set_command(server, before, &after);
    let before = before.to_vec();
    Outcome::Mended { why, before, after }
}

/// Writes a command into a server. A list of arguments in several lines keeps its lines and comments.
fn set_command(server: &CstObject, before: &[String], after: &[String]) {
    let text = |text: &String| CstInputValue::String(text.clone());
    if let Some(command) = server.get("command") {
        command.set_value(text(&after[0]));
    }
    if before[1..] == after[1..] {
        return;
    }
    let whole = || CstInputValue::Array(after[1..].iter().map(text).collect());
    match server.get("args") {
        None => drop(server.append("args", whole())),
        Some(arguments) if after.len() == 1 => arguments.remove(),
        Some(arguments) => match arguments.array_value().filter(is_in_lines) {
            Some(array) => set_first(&array, before, after),
            None => arguments.set_value(whole()),
        },
    }
}

fn is_in_lines(array: &CstArray) -> bool {
    array.children().iter().any(CstNode::is_newline)
}

/// Brings the arguments of one command to those of another; what both end or begin with stays.
fn set_first(array: &CstArray, before: &[String], after: &[String]) {
    let (before, after) = (&before[1..], &after[1..]);
    let same = |(one, other): &(&String, &String)| one == other;
    let backwards = before.iter().rev().zip(after.iter().rev());
    let end = backwards.take_while(same).count();
    let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
    let start = before.iter().zip(after).take_while(same).count();
    let gone = array.elements().into_iter().take(before.len()).skip(start);
    for element in gone {
        element.remove();
    }
    for (index, argument) in after.iter().enumerate().skip(start) {
        array.insert(index, CstInputValue::String(argument.clone()));
    }
}

fn text_of(node: &CstNode) -> Option<String> {
    node.as_string_lit()?.decoded_value().ok()
}

#[cfg(test)]
mod tests;
