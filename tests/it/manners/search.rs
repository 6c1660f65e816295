//! `--grep`: a regular expression or a text, in fields and payloads, alike in each command that has it.

use crate::program::{Home, capture};

/// A stream recorded with its payloads.
fn with_payloads() -> Home {
    let home = Home::new();
    let file = capture("mcpr-0.5.44/everything.stderr.log");
    home.succeed(&["record", "--once", "--payloads", file.to_str().unwrap()]);
    home
}

#[test]
fn a_search_is_a_regular_expression_unless_it_is_meant_as_it_stands() {
    let home = with_payloads();
    let count = |args: &[&str]| home.rows(&[&["--grep"], args].concat()).len();
    let all = home.rows(&[]).len();
    let (echo, sum) = (count(&["^echo$"]), count(&["^get-sum$"]));
    assert!(echo > 0 && sum > 0 && echo + sum < all);
    assert_eq!(count(&["^(echo|get-sum)$"]), echo + sum);
    assert_eq!(count(&["^(echo|get-sum)$", "-F"]), 0);
    // An ordinary word is found in either case; with a capital, case counts.
    assert_eq!(count(&["echo"]), count(&["echo", "-F"]));
    assert!(count(&["echo"]) >= echo);
    assert_eq!(count(&["Echo"]), 0);
    // The code of an error begins like a flag.
    assert!(count(&["-32602"]) > 0);
    assert_eq!(count(&["-32602"]), count(&["-32602", "-F"]));
}

#[test]
fn payloads_are_searched_where_they_are_named() {
    let home = with_payloads();
    let count = |args: &[&str]| home.rows(&[&["--grep"], args].concat()).len();
    let text = "\"message\":";
    assert_eq!(count(&[text]), 0);
    let (asked, answered) = (
        count(&[text, "--in", "arguments"]),
        count(&["^\\{\"content\"", "--in", "answers"]),
    );
    assert!(asked > 0 && answered > 0);
    assert_eq!(count(&["^\\{\"content\"", "--in", "arguments"]), 0);
    let both = count(&[text, "--in", "arguments,answers"]);
    assert_eq!(both, count(&[text, "--in", "payloads"]));
    // The slowest are found by the same.
    let slow = |args: &[&str]| {
        let line = [
            &[
                "slow",
                "--since",
                "10y",
                "--threshold",
                "0ms",
                "-n",
                "1000",
                "--json",
            ],
            args,
        ];
        home.succeed(&line.concat()).lines().count()
    };
    assert_eq!(slow(&["-g", text, "--in", "arguments"]), asked);
    // Who finds nothing learns that payloads were not searched.
    let ran = home.run(&["logs", "--grep", text]);
    assert!(ran.err.contains("hint: --in payloads searches"), "{ran:?}");
    let ran = home.run(&["logs", "--grep", "nowhere", "--in", "payloads"]);
    let expected = "looked for: match of `nowhere`, in arguments and answers too";
    assert!(ran.err.contains(expected), "{ran:?}");
    assert!(!ran.err.contains("--in payloads"), "{ran:?}");
}

#[test]
fn what_is_no_expression_is_reported_with_its_place_and_a_way_out() {
    let home = with_payloads();
    for command in ["logs", "slow"] {
        let ran = home.run(&[command, "--grep", "foo(bar"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        let expected =
            "--grep: `foo(bar` is not a regular expression: unclosed group, at character 4";
        assert!(ran.err.contains(expected), "{ran:?}");
        assert!(
            ran.err.contains("hint: with -F (--fixed-strings)"),
            "{ran:?}"
        );
        assert_eq!(
            home.run(&[command, "--grep", "foo(bar", "-F"]).code,
            Some(0)
        );
        // How something is searched for means nothing where nothing is.
        assert_eq!(home.run(&[command, "-F"]).code, Some(2));
        assert_eq!(home.run(&[command, "--in", "payloads"]).code, Some(2));
    }
}
