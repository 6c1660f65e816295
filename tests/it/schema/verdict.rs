//! `mcpr schema diff` says the same of the same two files whatever the machine is doing, or nothing:
//! never that all is well because it could not look.

use super::super::program::{Home, signal};
use super::{tool, tools};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

/// README's example, and tools that take some work to compare.
fn files(home: &Home) {
    let hard = |most: u64| {
        let branch = |at: u64| {
            let name = format!("p{at}");
            json!({"type": "object", "required": [name], "properties": {
                (name): {"type": "integer", "multipleOf": at + 1, "maximum": most + at}}})
        };
        let parts: Vec<Value> = (0..12).map(branch).collect();
        let mut tool = tool("hard", &[]);
        tool["inputSchema"] = json!({"type": "object", "properties": {"q": {"oneOf": parts}}});
        tool
    };
    let many = |required: &[&str]| {
        (0..40)
            .map(|at| tool(&format!("t{at}"), required))
            .collect()
    };
    let mut old: Vec<Value> = many(&[]);
    let mut new: Vec<Value> = many(&["a"]);
    old.push(hard(100));
    new.push(hard(90));
    home.write("old.json", tools(&old).to_string());
    home.write("new.json", tools(&new).to_string());
}

const WORDS: &[&str] = &["schema", "diff", "old.json", "new.json", "--json"];

/// Runs under a limit of address space, in KiB.
fn within(home: &Home, kib: u32) -> Output {
    let mcpr = home.command(WORDS);
    let mut shell = Command::new("sh");
    let line = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    shell
        .arg("-c")
        .arg(line)
        .arg(mcpr.get_program())
        .args(WORDS);
    // As that of the program: whether it runs in CI decides for whom is judged.
    shell.env_clear();
    shell.current_dir(mcpr.get_current_dir().unwrap());
    for (name, value) in mcpr.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.output().unwrap()
}

#[test]
fn a_verdict_needs_no_large_address_space() {
    let home = Home::new();
    files(&home);
    let whole = home.run(WORDS);
    assert_eq!(whole.code, Some(1), "{whole:?}");
    let tight = within(&home, 600_000);
    assert_eq!(tight.status.code(), Some(1), "{tight:?}");
    assert_eq!(String::from_utf8(tight.stdout).unwrap(), whole.out);
}

#[test]
fn a_verdict_that_cannot_be_reached_is_an_error() {
    let home = Home::new();
    files(&home);
    let whole = home.run(WORDS);
    let mut errors = 0;
    for kib in (40_000..400_000).step_by(30_000) {
        let ran = within(&home, kib);
        match ran.status.code() {
            Some(1) => assert_eq!(String::from_utf8(ran.stdout).unwrap(), whole.out, "{kib}"),
            // Without memory a program is ended by a signal as well.
            code => {
                errors += 1;
                assert_ne!(code, Some(0), "{kib}");
            }
        }
    }
    assert!(errors > 0, "no limit was too low");
}

/// Runs, and stands still three times while another run does all of its work: no budget of time would
/// outlast that, however far it has come.
fn stopped(home: &Home, whole: &str) -> Output {
    let mut child = home
        .command(WORDS)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..3 {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        signal(&child, Signal::STOP);
        assert_eq!(home.run(WORDS).out, whole);
        signal(&child, Signal::CONT);
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_verdict_does_not_hang_on_the_time_it_takes() {
    let home = Home::new();
    files(&home);
    let whole = home.run(WORDS);
    let ran = stopped(&home, &whole.out);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), whole.out);
}

/// Schemas that take every step that they are given: many patterns beside many names, definitions that
/// refer to each other, choices that multiply, enumerations that hang on one another, and alternatives
/// under `unevaluatedProperties`.
fn hard_pairs() -> Vec<(&'static str, Value, Value)> {
    let map =
        |all: &mut dyn Iterator<Item = (String, Value)>| -> Value { Value::Object(all.collect()) };
    let patterns = |least: u64| {
        let schema = |at: u64| {
            let least = if at == 777 { least } else { at % 7 };
            (
                format!("^x{at:04}[a-z]*$"),
                json!({"type": "integer", "minimum": least}),
            )
        };
        let name = |at: u64| {
            (
                format!("x{:04}{}", at % 1500, at / 1500),
                json!({"type": "integer"}),
            )
        };
        json!({"properties": map(&mut (0..3000).map(name)),
            "patternProperties": map(&mut (0..1500).map(schema))})
    };
    let mutual = |leaf: &str| {
        let to = |at: u64| json!({"$ref": format!("#/$defs/d{}", at % 60)});
        let leaf = |at: u64| if at == 59 { leaf } else { "string" };
        let body = |at: u64| {
            json!({"type": "object", "properties": {
            "next": to(at + 1), "other": to(at * 7 + 3), "value": {"type": leaf(at)}}})
        };
        json!({"properties": {"first": to(0)},
            "$defs": map(&mut (0..60).map(|at| (format!("d{at}"), body(at))))})
    };
    let crossed = |least: u64| {
        let choice = |at: u64, j: u64| {
            let least = if (at, j) == (5, 0) { least } else { j };
            json!({"required": [format!("p{at}")],
                "properties": {format!("p{at}"): {"type": "integer", "minimum": least}}})
        };
        let part = |at: u64| json!({"anyOf": (0..20).map(|j| choice(at, j)).collect::<Vec<_>>()});
        json!({"allOf": (0..40).map(part).collect::<Vec<_>>(),
            "properties": map(&mut (0..40).map(|at| (format!("p{at}"), json!({}))))})
    };
    let chained = |without: u64| {
        let values = |at: u64| (at..at + 40).filter(move |value| (at, *value) != (30, without));
        let values = |at: u64| {
            values(at)
                .map(|value| format!("v{value}"))
                .collect::<Vec<_>>()
        };
        let link = |at: u64| {
            json!({
            "if": {"properties": {format!("p{at}"): {"const": format!("v{}", at + 1)}}},
            "then": {"properties": {format!("p{}", at + 1): {"enum": [format!("v{}", at + 1)]}}}})
        };
        json!({"allOf": (0..59).map(link).collect::<Vec<_>>(),
            "properties": map(&mut (0..60).map(|at| (format!("p{at}"), json!({"enum": values(at)}))))})
    };
    let alternatives = |count: u64| {
        let branch = |at: u64| {
            json!({"required": ["kind"], "properties": {
            "kind": {"const": format!("k{at}")}, "v": {"type": "integer", "maximum": at}}})
        };
        json!({"oneOf": (0..count).map(branch).collect::<Vec<_>>(), "unevaluatedProperties": false})
    };
    vec![
        ("patterns", patterns(0), patterns(1)),
        ("mutual", mutual("integer"), mutual("string")),
        ("crossed", crossed(0), crossed(1)),
        ("chained", chained(0), chained(63)),
        ("alternatives", alternatives(400), alternatives(399)),
    ]
}

#[test]
fn hard_schemas_have_one_verdict_whatever_the_machine_does() {
    let home = Home::new();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (name, before, after) in hard_pairs() {
        for (list, schema) in [(&mut old, before), (&mut new, after)] {
            let mut schema = schema;
            schema["type"] = json!("object");
            list.push(json!({"name": name, "inputSchema": schema}));
        }
    }
    home.write("old.json", tools(&old).to_string());
    home.write("new.json", tools(&new).to_string());
    let whole = home.run(WORDS);
    assert_eq!(whole.code, Some(1), "{whole:?}");
    let document: Value = serde_json::from_str(&whole.out).unwrap();
    for tool in &new {
        let findings = document["findings"].as_array().unwrap();
        let of_tool = findings.iter().filter(|it| it["item"] == tool["name"]);
        // Breaking or undecided: each of them breaks, and none may pass for safe.
        let levels: Vec<&Value> = of_tool.map(|it| &it["compatibility"]).collect();
        let fails = |level: &&&Value| **level == "breaking" || **level == "undecided";
        assert!(
            levels.iter().any(|level| fails(&level)),
            "{tool:.80} {levels:?}"
        );
    }
    for ran in [within(&home, 600_000), stopped(&home, &whole.out)] {
        assert_eq!(ran.status.code(), Some(1), "{:?}", ran.stderr);
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), whole.out);
    }
}

#[test]
fn what_cannot_be_decided_fails_unless_configured_otherwise() {
    let home = Home::new();
    let list = |more: Value| {
        let mut made = tools(&[tool("one", &[])]);
        for (name, value) in more.as_object().unwrap() {
            made[name] = value.clone();
        }
        made.to_string()
    };
    let capable = |names: &[&str]| {
        let all = names.iter().map(|name| ((*name).to_owned(), json!({})));
        let all: Value = all.collect::<serde_json::Map<_, _>>().into();
        json!({"protocolVersion": "2025-06-18", "serverInfo": {"name": "s", "version": "1"},
            "capabilities": all})
    };
    let prompts = json!({"prompts": [{"name": "p"}]});
    let check = |old: &str, new: &str, expected: [i32; 3]| {
        home.write("old.json", old);
        home.write("new.json", new);
        let codes = [
            &[][..],
            &["--fail-on", "breaking"],
            &["--fail-on", "dangerous"],
        ];
        let codes = codes.map(|more| {
            let ran = home.run(&[&["schema", "diff", "old.json", "new.json"], more].concat());
            ran.code.unwrap()
        });
        assert_eq!(codes, expected, "{old}\n{new}");
    };
    // A list that one side lacks is unknown, not empty.
    check(&list(json!({})), &list(prompts.clone()), [1, 0, 1]);
    check(&list(prompts.clone()), &list(json!({})), [1, 0, 1]);
    // Unless the server says that it has none.
    let mut grown = capable(&["tools", "prompts"]);
    grown["prompts"] = prompts["prompts"].clone();
    check(&list(capable(&["tools"])), &list(grown.clone()), [0, 0, 0]);
    check(&list(grown), &list(capable(&["tools"])), [1, 1, 1]);
    let default = |value: u64| {
        let mut tool = tool("one", &[]);
        tool["inputSchema"] = json!({"type": "object", "properties": {"n": {"default": value}}});
        tools(&[tool]).to_string()
    };
    check(&default(1), &default(2), [0, 0, 1]);
}
