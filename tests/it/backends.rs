//! What holds of every backend, from the command line: the same captures, asked in the same words.

use super::program::{Home, Ran, capture};

/// The program's run with another store, and its whole answer.
pub(crate) fn ask(home: &Home, db: &str, arguments: &[&str]) -> Ran {
    let mut all = arguments.to_vec();
    all.extend(["--db", db]);
    home.run(&all)
}

pub(crate) fn recorded(home: &Home, db: &str, files: &[&str]) {
    let files: Vec<String> = files
        .iter()
        .map(|file| capture(file).display().to_string())
        .collect();
    let mut arguments = vec!["record", "--once", "--payloads"];
    arguments.extend(files.iter().map(String::as_str));
    let ran = ask(home, db, &arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Everything that commands report a store as JSON.
const QUESTIONS: [&str; 17] = [
    "logs --json --tail all --kind all",
    "logs --json --tail 7 --status error",
    "logs --json --tail all --grep echo",
    "logs --json --tail all --grep echo --in arguments --since 2000-01-01",
    "show 1 --json",
    "sessions --json --all",
    "session latest --json",
    "stats --json --since 2000-01-01",
    "stats --json --since 2000-01-01 --by client",
    "stats --json --since 2000-01-01 --by hour --exact",
    "slow --json --since 2000-01-01",
    "clients --json --since 2000-01-01",
    "schema --json",
    "schema changes --json",
    "schema unused --json",
    "store export",
    "store export --whole",
];

/// Records the captures into two stores, of which the first is a file, and compares all that is reported of them.
pub(crate) fn captures_answer_alike(home: &Home, file: &str, other: &str) {
    let captures = [
        "mcpr-0.4.64/proxy.log",
        "mcpr-0.4.64/cloud.ndjson",
        "mcpr-0.5.44/everything.stderr.log",
        "mcpr-0.5.44/cloud.ndjson",
    ];
    for db in [file, other] {
        recorded(home, db, &captures);
    }
    for question in QUESTIONS {
        let words: Vec<&str> = question.split(' ').collect();
        let of_file = ask(home, file, &words);
        let of_other = ask(home, other, &words);
        // A slip in a question, or an empty answer, would compare nothing.
        assert_eq!(of_file.code, Some(0), "{question}: {}", of_file.err);
        assert!(of_file.out.len() > 100, "{question}");
        assert_eq!(of_file.code, of_other.code, "{question}: {}", of_other.err);
        assert_eq!(of_file.out, of_other.out, "{question}");
    }
    let verified = ask(home, other, &["store", "verify", "--full"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    // Read once more, nothing is stored twice.
    recorded(home, other, &captures);
    let all = ["logs", "--json", "--tail", "all", "--kind", "all"];
    assert_eq!(ask(home, other, &all).out, ask(home, file, &all).out);
}
