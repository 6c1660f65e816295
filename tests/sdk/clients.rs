//! Real clients, each with its own file in its own form: what `mcpr tap install` has written is what they start.

use super::packages::Packages;
use super::program::Home;
use std::fs;
use std::process::Command;

/// A client that lists its servers without an account.
struct Listing {
    name: &'static str,
    /// Its program, below the clients' packages.
    program: &'static str,
    /// What runs the program, where it does not run itself.
    runner: Option<&'static str>,
    config: &'static str,
    /// Its configuration, with `SCRIPT` for the server's script.
    text: &'static str,
    /// What it says of a server that it has reached; none where it only lists.
    reached: Option<&'static str>,
}

const LISTINGS: [Listing; 3] = [
    Listing {
        name: "codex",
        program: "codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
        runner: None,
        config: ".codex/config.toml",
        text: "# mine\n[mcp_servers.every]\ncommand = \"node\" # any\nargs = [\"SCRIPT\"]\n",
        reached: None,
    },
    Listing {
        name: "gemini",
        program: "@google/gemini-cli/bundle/gemini.js",
        runner: Some("node"),
        config: ".gemini/settings.json",
        text: "{\n  // no question whether this directory is to be trusted\n  \"security\": { \"folderTrust\": { \"enabled\": false } },\n  \"mcpServers\": { \"every\": { \"command\": \"node\", \"args\": [\"SCRIPT\"] } }\n}\n",
        reached: Some("Connected"),
    },
    Listing {
        name: "opencode",
        program: "opencode-linux-x64/bin/opencode",
        runner: None,
        config: ".config/opencode/opencode.json",
        // Without a schema it would write one into it at its first start.
        text: "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"mcp\": { \"every\": { \"type\": \"local\", \"command\": [\"node\", \"SCRIPT\"] } }\n}\n",
        reached: Some("connected"),
    },
];

/// Installs the tap into each one's file, has it list its servers, and takes the tap away again.
pub(crate) fn read(packages: &Packages) {
    let server = packages.everything();
    let script = server.command.last().unwrap();
    for listing in LISTINGS {
        let Some(program) = packages.client_program(listing.program) else {
            continue;
        };
        let home = Home::new();
        let config = home.path(listing.config);
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        let text = listing.text.replace("SCRIPT", script);
        fs::write(&config, &text).unwrap();
        home.succeed(&["tap", "install", "--client", listing.name]);
        let printed = list(&home, listing.runner, &program);
        assert!(
            printed.contains("tap --name=every"),
            "{}: {printed}",
            listing.name
        );
        if let Some(reached) = listing.reached {
            assert!(printed.contains(reached), "{}: {printed}", listing.name);
            let rows = home.rows(&["--proxy", "every", "--method", "initialize"]);
            assert_eq!(rows.len(), 1, "{}: {rows:#?}", listing.name);
            println!("     {}: {}", listing.name, rows[0]["client_name"]);
        }
        home.succeed(&["tap", "uninstall", "--client", listing.name]);
        assert_eq!(
            fs::read_to_string(&config).unwrap(),
            text,
            "{}",
            listing.name
        );
    }
}

/// What a client says of its servers.
fn list(home: &Home, runner: Option<&str>, program: &str) -> String {
    let mut command = Command::new(runner.unwrap_or(program));
    command.args(runner.map(|_| program));
    let output = command
        .args(["mcp", "list"])
        .env_clear()
        .env("HOME", home.path(""))
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TERM", "dumb")
        .env("NO_COLOR", "1")
        .current_dir(home.path(""))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program}: {output:?}");
    text(&output.stdout) + &text(&output.stderr)
}
