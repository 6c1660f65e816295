//! The templates for CI in `contrib`: read as YAML, and their lines run by the shell that would run them.

use super::super::program::Home;
use super::super::web::{Asked, Reply, Web};
use super::snapshot::{LEGACY, run, server, text};
use super::{tool, tools};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

/// A file of `contrib`.
fn template(path: &str) -> Yaml {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib");
    let text = fs::read_to_string(root.join(path)).unwrap();
    let mut documents = YamlLoader::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

/// The texts of a list.
fn texts(list: &Yaml) -> Vec<&str> {
    let list = list.as_vec().unwrap();
    list.iter().map(|it| it.as_str().unwrap()).collect()
}

/// Runs a script as a runner does; gives its exit code and what it printed.
fn shell(home: &Home, script: &str, variables: &[(&str, &str)]) -> (i32, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_mcpr")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let ran = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(home.path(""))
        .env("HOME", home.path(""))
        .env("PATH", path)
        .env("CI", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let out = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8_lossy(&ran.stderr);
    (ran.status.code().unwrap(), out)
}

/// A home with a server, its snapshot, and the same server at a URL.
fn served() -> (Home, String) {
    let home = server(&[tool("one", &[])]);
    let snapshot = ["snapshot", "-o", "tools.lock.json"];
    assert_eq!(run(&home, &snapshot, &LEGACY).code, Some(0));
    let about: Value = serde_json::from_str(&text(&home, "server.json")).unwrap();
    let web = Web::new(move |asked: &Asked| {
        let result = match asked.method() {
            "initialize" => about.clone(),
            "tools/list" => tools(&[tool("one", &[])]),
            "notifications/initialized" => return Reply::status("202 Accepted", ""),
            _ => {
                let error = json!({"code": -32601, "message": "no"});
                let id = &asked.body["id"];
                return Reply::json(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
            }
        };
        Reply::json(&json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result}))
    });
    let url = format!("http://127.0.0.1:{}/mcp", web.port());
    (home, url)
}

#[test]
fn the_steps_of_the_action_do_what_it_promises() {
    let action = template("github-action/action.yml");
    let steps = action["runs"]["steps"].as_vec().unwrap();
    let scripts = steps.iter().filter_map(|step| step["run"].as_str());
    let [install, check, verdict] = *scripts.collect::<Vec<_>>() else {
        panic!("three steps run a script");
    };
    let (home, url) = served();
    let (code, out) = shell(&home, install, &[("MCPR_SOURCE", "nowhere")]);
    assert_eq!((code, out.starts_with("mcpr ")), (0, true), "{out}");
    let command = "sh server.sh legacy";
    for (required, command, url, expected) in [
        (&[][..], command, "", 0),
        (&["a"], command, "", 1),
        (&["a"], "", &*url, 0),
        (&[], "false", "", 2),
    ] {
        home.write("tools.json", tools(&[tool("one", required)]).to_string());
        let variables = [
            ("MCPR_COMMAND", command),
            ("MCPR_URL", url),
            ("MCPR_BASELINE", "tools.lock.json"),
            ("MCPR_OPTIONS", ""),
            ("MCPR_SARIF", "mcpr.sarif"),
            ("GITHUB_STEP_SUMMARY", "summary.md"),
            ("GITHUB_OUTPUT", "output"),
        ];
        let (code, out) = shell(&home, check, &variables);
        assert_eq!(code, 0, "{out}");
        let is_annotated = out.contains("::error file=tools.lock.json,line=");
        assert_eq!(is_annotated, expected == 1, "{out}");
        let shown = text(&home, "output");
        let last = shown.lines().last().unwrap();
        assert_eq!(last, format!("code={expected}"), "{out}");
        let (code, _) = shell(&home, verdict, &[("MCPR_CODE", &last["code=".len()..])]);
        assert_eq!(code, expected);
        serde_json::from_str::<Value>(&text(&home, "mcpr.sarif")).unwrap();
    }
    assert!(text(&home, "summary.md").contains("### MCP surface: 1 breaking"));
}

#[test]
fn the_lines_of_the_gitlab_template_do_what_it_promises() {
    let file = template("gitlab/mcpr-schema.yml");
    let job = &file[".mcpr-schema"];
    // All lines of a job are one script.
    let script = texts(&job["script"]).join("\n");
    let set = job["variables"].as_hash().unwrap().iter();
    let set: Vec<(&str, &str)> = set
        .map(|(name, value)| (name.as_str().unwrap(), value.as_str().unwrap()))
        .collect();
    let (home, url) = served();
    let command = ("MCPR_COMMAND", "sh server.sh legacy");
    for (required, of_job, expected) in [
        (&[][..], command, 0),
        (&["a"], command, 1),
        (&["a"], ("MCPR_URL", &*url), 0),
        (&[], ("MCPR_COMMAND", "false"), 2),
    ] {
        home.write("tools.json", tools(&[tool("one", required)]).to_string());
        for name in ["mcpr.md", "mcpr.xml"] {
            let _ = fs::remove_file(home.path(name));
        }
        // What a job sets stands above what it extends.
        let variables = [&set[..], &[of_job]].concat();
        let (code, out) = shell(&home, &script, &variables);
        assert_eq!(code, expected, "{of_job:?}: {out}");
        // What is kept of a run is what the check wrote, where it could compare.
        let mut kept = texts(&job["artifacts"]["paths"]);
        kept.push(job["artifacts"]["reports"]["junit"].as_str().unwrap());
        for name in &kept {
            assert_eq!(home.path(name).exists(), expected != 2, "{name}: {out}");
        }
        if expected != 2 {
            let junit = text(&home, kept.last().unwrap());
            let failures = roxmltree::Document::parse(&junit).unwrap();
            let failures = failures
                .descendants()
                .filter(|it| it.has_tag_name("failure"));
            assert_eq!(
                failures.count(),
                usize::try_from(expected).unwrap(),
                "{junit}"
            );
        }
    }
    assert_eq!(job["artifacts"]["when"].as_str(), Some("always"));
}
