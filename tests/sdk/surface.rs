//! Real servers, from npm and from `PyPI`: asked for their surface, changed, and checked.

use super::packages::{Packages, Server};
use super::program::Home;
use serde_json::Value;

/// Asks both, twice, and once more after a tool got another name.
pub(crate) fn checked(packages: &Packages) {
    check(&packages.everything(), "echo");
    check(&packages.time(), "get_current_time");
}

fn check(server: &Server, tool: &str) {
    let home = Home::new();
    let run = |words: &[&str], command: &[String]| {
        let mut all = vec!["schema"];
        all.extend(words);
        all.push("--");
        all.extend(command.iter().map(String::as_str));
        home.run(&all)
    };
    let ran = run(&["snapshot", "-o", "lock.json"], &server.command);
    assert_eq!(ran.code, Some(0), "{}: {ran:?}", server.name);
    let first = std::fs::read_to_string(home.path("lock.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&first).unwrap();
    let tools = snapshot["tools"].as_array().unwrap();
    assert!(tools.iter().any(|it| it["name"] == tool), "{first}");
    let words = ["check", "--baseline", "lock.json"];
    let ran = run(&words, &server.command);
    assert_eq!(ran.code, Some(0), "{}: {ran:?}", server.name);
    assert!(
        ran.out.contains("nothing changed"),
        "{}: {ran:?}",
        server.name
    );
    // The same server, with another name for one of its tools.
    let line = format!("\"$@\" | sed -u 's/\"name\": *\"{tool}\"/\"name\":\"{tool}_anew\"/'");
    let mut changed = vec!["bash".to_owned(), "-c".to_owned(), line, "bash".to_owned()];
    changed.extend(server.command.iter().cloned());
    let ran = run(&words, &changed);
    assert_eq!(ran.code, Some(1), "{}: {ran:?}", server.name);
    let expected = format!("the tool {tool} was removed");
    assert!(ran.out.contains(&expected), "{}: {ran:?}", server.name);
    let ran = run(&[&words[..], &["--update"]].concat(), &changed);
    assert_eq!(ran.code, Some(0), "{}: {ran:?}", server.name);
    let ran = run(&words, &changed);
    assert_eq!(ran.code, Some(0), "{}: {ran:?}", server.name);
    println!(
        "     {}: {} tools, {} bytes",
        server.name,
        tools.len(),
        first.len()
    );
}
