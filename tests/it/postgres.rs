//! A store on a PostgreSQL server, from the command line: what is recorded there answers as a file does.

use super::program::{Home, Ran, capture};
use mcpr_store_postgres::test_server::{TestDatabase, database};

/// The program's run with another store, and its whole answer.
fn ask(home: &Home, db: &str, arguments: &[&str]) -> Ran {
    let mut all = arguments.to_vec();
    all.extend(["--db", db]);
    home.run(&all)
}

fn recorded(home: &Home, db: &str, files: &[&str]) {
    let files: Vec<String> = files
        .iter()
        .map(|file| capture(file).display().to_string())
        .collect();
    let mut arguments = vec!["record", "--once", "--payloads"];
    arguments.extend(files.iter().map(String::as_str));
    let ran = ask(home, db, &arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Everything that commands tell of a store as JSON.
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

/// The same store in a file and on a server.
fn both(database: &TestDatabase) -> (Home, String, String) {
    let home = Home::new();
    let file = home.path("store.db").display().to_string();
    (home, file, database.text())
}

#[test]
fn captures_on_a_server_answer_byte_for_byte_as_in_a_file() {
    let Some(database) = database() else { return };
    let (home, file, server) = both(&database);
    let captures = [
        "mcpr-0.4.64/proxy.log",
        "mcpr-0.4.64/cloud.ndjson",
        "mcpr-0.5.44/everything.stderr.log",
        "mcpr-0.5.44/cloud.ndjson",
    ];
    for db in [&file, &server] {
        recorded(&home, db, &captures);
    }
    for question in QUESTIONS {
        let words: Vec<&str> = question.split(' ').collect();
        let of_file = ask(&home, &file, &words);
        let of_server = ask(&home, &server, &words);
        // A slip in a question, or an empty answer, would compare nothing.
        assert_eq!(of_file.code, Some(0), "{question}: {}", of_file.err);
        assert!(of_file.out.len() > 100, "{question}");
        assert_eq!(
            of_file.code, of_server.code,
            "{question}: {}",
            of_server.err
        );
        assert_eq!(of_file.out, of_server.out, "{question}");
    }
    let verified = ask(&home, &server, &["store", "verify", "--full"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    // Read once more, nothing is stored twice.
    recorded(&home, &server, &captures);
    let all = ["logs", "--json", "--tail", "all", "--kind", "all"];
    assert_eq!(ask(&home, &server, &all).out, ask(&home, &file, &all).out);
}

#[test]
fn the_care_of_a_store_on_a_server_says_what_it_does() {
    let Some(database) = database() else { return };
    let (home, _, server) = both(&database);
    let made = ask(&home, &server, &["store", "migrate"]);
    assert!(made.out.contains("with layout 1"), "{made:?}");
    let again = ask(&home, &server, &["store", "migrate"]);
    assert!(again.out.contains("the newest one"), "{again:?}");
    recorded(&home, &server, &["mcpr-0.4.64/proxy.log"]);
    let stats = ask(&home, &server, &["store", "stats", "--json"]);
    assert_eq!(stats.code, Some(0), "{stats:?}");
    let granted = ask(&home, &server, &["store", "grant", "--reader", "r"]);
    assert!(granted.out.contains("GRANT SELECT ON"), "{granted:?}");
    let backup = ask(&home, &server, &["store", "backup", "copy.db"]);
    assert_eq!(backup.code, Some(2), "{backup:?}");
    assert!(backup.err.contains("pg_dump"), "{backup:?}");
    let removed = ask(
        &home,
        &server,
        &["store", "vacuum", "--before", "now", "--yes"],
    );
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let left = ask(
        &home,
        &server,
        &["logs", "--json", "--tail", "all", "--kind", "all"],
    );
    assert_eq!(left.out.trim(), "", "{left:?}");
    let verified = ask(&home, &server, &["store", "verify", "--full"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
