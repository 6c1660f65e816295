//! An MCP client's configuration, with the tap put before its servers or taken away again. Pure:
//! text in, text out; comments, order and layout of everything else stay as they are.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use std::path::Path;

/// What is to be done with each server.
#[derive(Debug, Clone)]
pub(super) enum Rewrite {
    /// Put this program before it, with these arguments before `--name NAME --`.
    Install {
        program: String,
        options: Vec<String>,
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
        text: root.to_string(),
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
    let tapped = tapped_command(&before);
    let after = match (rewrite, tapped) {
        (Rewrite::Install { program, options }, None) => {
            let tap = ["tap", "--name", name].map(str::to_owned);
            let end = ["--".to_owned()];
            [
                std::slice::from_ref(program),
                &tap[..],
                options,
                &end[..],
                &before,
            ]
            .concat()
        }
        (Rewrite::Uninstall, Some(command)) => command.to_vec(),
        // Where no options are asked for, any tap will do.
        (Rewrite::Install { options, .. }, Some(command))
            if !options.is_empty() && !has_options(&before, command, options) =>
        {
            return Outcome::LeftAlone("it is tapped with other options: uninstall it first");
        }
        (Rewrite::Install { .. }, Some(_)) | (Rewrite::Uninstall, None) => {
            return Outcome::AsWanted;
        }
    };
    set_command(server, &before, &after);
    Outcome::Changed { before, after }
}

/// Whether a tap of a command has exactly these options behind `tap --name NAME`.
fn has_options(tap: &[String], command: &[String], options: &[String]) -> bool {
    const BEFORE: usize = 4;
    let end = tap.len() - command.len() - 1;
    tap.get(BEFORE..end) == Some(options)
}

/// The command that a tap runs, if this command is a tap.
fn tapped_command(command: &[String]) -> Option<&[String]> {
    let (program, arguments) = command.split_first()?;
    let is_ours = Path::new(program)
        .file_stem()
        .is_some_and(|stem| stem == "mcpr")
        && arguments.first().is_some_and(|first| first == "tap");
    let end = arguments.iter().position(|argument| argument == "--")?;
    Some(&arguments[end + 1..]).filter(|command| is_ours && !command.is_empty())
}

/// Writes a command into a server. A list of arguments in several lines keeps its lines and comments.
fn set_command(server: &CstObject, before: &[String], after: &[String]) {
    let text = |text: &String| CstInputValue::String(text.clone());
    if let Some(command) = server.get("command") {
        command.set_value(text(&after[0]));
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

/// Brings the arguments of one command to those of another that ends in the same way.
fn set_first(array: &CstArray, before: &[String], after: &[String]) {
    let gone = before.len().saturating_sub(after.len());
    for element in array.elements().into_iter().take(gone) {
        element.remove();
    }
    let new = after.len().saturating_sub(before.len());
    for (index, argument) in after[1..=new].iter().enumerate() {
        array.insert(index, CstInputValue::String(argument.clone()));
    }
}

fn text_of(node: &CstNode) -> Option<String> {
    node.as_string_lit()?.decoded_value().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn install() -> Rewrite {
        Rewrite::Install {
            program: "/bin/mcpr".to_owned(),
            options: Vec::new(),
        }
    }

    fn told(servers: &[(String, Outcome)]) -> Vec<String> {
        let one = |(name, outcome): &(String, Outcome)| match outcome {
            Outcome::Changed { .. } => format!("{name} changed"),
            Outcome::AsWanted => format!("{name} as wanted"),
            Outcome::LeftAlone(why) => format!("{name} left alone: {why}"),
        };
        servers.iter().map(one).collect()
    }

    /// Installs, which must change nothing when done again, and uninstalls, which must give the
    /// text back.
    fn check(text: &str, servers: &[&str], expected: &Expect) {
        let installed = rewrite(text, &[], &install()).expect("it is a configuration");
        assert_eq!(told(&installed.servers), servers);
        expected.assert_eq(&installed.text);
        let again = rewrite(&installed.text, &[], &install()).expect("it still is");
        assert_eq!(again.text, installed.text);
        let back = rewrite(&installed.text, &[], &Rewrite::Uninstall).expect("it still is");
        assert_eq!(back.text, text);
        let other = rewrite(text, &[], &Rewrite::Uninstall).expect("it is");
        assert_eq!(other.text, text, "nothing to take away");
    }

    #[test]
    fn a_configuration_keeps_its_layout() {
        check(
            r#"{
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/tmp"],
      "env": { "B": "1", "A": "2" }
    },
    "remote": { "url": "https://example.com/mcp" }
  },
  "theme": "dark"
}
"#,
            &[
                "files changed",
                "remote left alone: it has no command: it is not run, but reached over the network",
            ],
            &expect![[r#"
                {
                  "mcpServers": {
                    "files": {
                      "command": "/bin/mcpr",
                      "args": ["tap", "--name", "files", "--", "npx", "-y", "@modelcontextprotocol/server-filesystem", "/tmp"],
                      "env": { "B": "1", "A": "2" }
                    },
                    "remote": { "url": "https://example.com/mcp" }
                  },
                  "theme": "dark"
                }
            "#]],
        );
    }

    #[test]
    fn comments_commas_and_several_lines_of_arguments_stay() {
        check(
            "{\n\t// the servers\n\t\"servers\": {\n\t\t\"a\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"uvx\", // from PyPI\n\t\t\t\"args\": [\n\t\t\t\t\"server-a\", // pinned\n\t\t\t\t\"--fast\",\n\t\t\t],\n\t\t},\n\t},\n}\n",
            &["a changed"],
            &expect![[r#"
                {
                	// the servers
                	"servers": {
                		"a": {
                			"type": "stdio",
                			"command": "/bin/mcpr", // from PyPI
                			"args": [
                				"tap",
                				"--name",
                				"a",
                				"--",
                				"uvx",
                				"server-a", // pinned
                				"--fast",
                			],
                		},
                	},
                }
            "#]],
        );
    }

    #[test]
    fn a_server_without_arguments_gets_them_and_loses_them() {
        let text = r#"{"mcpServers":{"bare":{"command":"server"}}}"#;
        let installed = rewrite(text, &[], &install()).expect("it is a configuration");
        let value: serde_json::Value = serde_json::from_str(&installed.text).expect("JSON");
        let bare = &value["mcpServers"]["bare"];
        let arguments = serde_json::json!(["tap", "--name", "bare", "--", "server"]);
        assert_eq!(
            (&bare["command"], &bare["args"]),
            (&"/bin/mcpr".into(), &arguments)
        );
        let back = rewrite(&installed.text, &[], &Rewrite::Uninstall).expect("it still is");
        let back: serde_json::Value = serde_json::from_str(&back.text).expect("JSON");
        let original: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(back, original);
    }

    #[test]
    fn options_are_written_and_not_changed_behind_ones_back() {
        let install = |options: &[&str]| Rewrite::Install {
            program: "/bin/mcpr".to_owned(),
            options: options.iter().map(|&it| it.to_owned()).collect(),
        };
        let text = r#"{"mcpServers":{"a":{"command":"x","args":["y"]}}}"#;
        let options = ["--payloads", "--redact=--", "--payload-limit", "9"];
        let first = rewrite(text, &[], &install(&options)).expect("it is a configuration");
        let arguments = r#"["tap", "--name", "a", "--payloads", "--redact=--", "--payload-limit", "9", "--", "x", "y"]"#;
        assert!(first.text.contains(arguments), "{}", first.text);
        for (options, expected) in [
            (&options[..], "a as wanted"),
            (&[], "a as wanted"),
            (
                &["--no-redact"],
                "a left alone: it is tapped with other options: uninstall it first",
            ),
        ] {
            let again = rewrite(&first.text, &[], &install(options)).expect("it still is");
            assert_eq!(told(&again.servers), [expected]);
            assert_eq!(again.text, first.text);
        }
        let back = rewrite(&first.text, &[], &Rewrite::Uninstall).expect("it still is");
        assert_eq!(back.text, text);
    }

    #[test]
    fn servers_are_found_where_clients_keep_them() {
        let cases = [
            (r#"{"mcpServers":{"a":{"command":"x"}}}"#, 1),
            (r#"{"servers":{"a":{"command":"x"}},"inputs":[]}"#, 1),
            (r#"{"mcp":{"servers":{"a":{"command":"x"}}}}"#, 1),
            (
                r#"{"mcpServers":{"a":{"command":"x"}},"projects":{"/p":{"mcpServers":{"b":{"command":"y"}}},"/q":{}}}"#,
                2,
            ),
        ];
        for (text, expected) in cases {
            let rewritten = rewrite(text, &[], &install()).expect(text);
            assert_eq!(rewritten.servers.len(), expected, "{text}");
            assert_eq!(
                rewritten.text.matches("/bin/mcpr").count(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn only_named_servers_are_changed() {
        let text = r#"{"mcpServers":{"a":{"command":"x"},"b":{"command":"y"}}}"#;
        let rewritten = rewrite(text, &["b".to_owned()], &install()).expect("it has a b");
        assert_eq!(told(&rewritten.servers), ["b changed"]);
        assert!(
            rewritten.text.contains(r#""a":{"command":"x"}"#),
            "{}",
            rewritten.text
        );
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        let known = vec!["a".to_owned()];
        let name = "c".to_owned();
        let cases = [
            ("{}", ConfigError::NoServers),
            ("[]", ConfigError::NoServers),
            (
                r#"{"mcpServers":{"a":{"command":"x"}}}"#,
                ConfigError::Unknown { name, known },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(
                rewrite(text, &["c".to_owned()], &install()),
                Err(expected),
                "{text}"
            );
        }
        let broken = rewrite("{\"a\": ", &[], &install());
        assert!(matches!(broken, Err(ConfigError::NotJson(_))), "{broken:?}");
    }

    #[test]
    fn odd_servers_are_left_alone() {
        let text = r#"{"servers":{"a":{"command":7},"b":{"command":"x","args":[1]},"c":{"command":"x","args":"y"},"d":{"command":"/other/mcpr","args":["tap","--","s"]}}}"#;
        let rewritten = rewrite(text, &[], &install()).expect("it is a configuration");
        assert_eq!(
            told(&rewritten.servers),
            [
                "a left alone: its command is no text",
                "b left alone: its arguments are not all texts",
                "c left alone: its arguments are no list",
                "d as wanted",
            ]
        );
        assert_eq!(rewritten.text, text);
    }
}
