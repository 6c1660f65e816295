//! What of SQL the store on a server uses, as a list that its sources are read for: what is not in it does not have to
//! be there on a server that only speaks PostgreSQL's protocol.

use super::read_sources;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const CRATE: &str = "crates/mcpr-store-postgres/src";
const LIST: &str = "docs/postgres-sql.md";

/// Words that only SQL has: a text without any of them is none.
const MARKS: [&str; 17] = [
    "SELECT ",
    "FROM ",
    "WHERE ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "BEGIN ",
    "COMMIT",
    "ROLLBACK",
    "COPY ",
    "GRANT ",
    "CREATE ",
    "VACUUM ",
    "SET ",
    "ORDER BY ",
    " AND ",
    " IS NULL",
];

/// What not every one of the servers has.
const NOT_COMMON: [&str; 14] = [
    "listen",
    "notify",
    "sequence",
    "serial",
    "bigserial",
    "nextval",
    "trigger",
    "extension",
    "references",
    "ctid",
    "lock",
    "advisory",
    "inherits",
    "unlogged",
];

/// Most indexes on requests beside those of its keys.
const MOST_INDEXES: usize = 4;

/// A text without its comments and quoted strings.
fn bare(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap());
    let text = lines.collect::<Vec<_>>().join(" ");
    let outside = text.split('\'').step_by(2);
    outside.collect::<Vec<_>>().join(" ")
}

/// Words and names, each with what stands right behind it.
fn words(sql: &str) -> Vec<(String, char)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_$.{}:".contains(c);
    let mut words = Vec::new();
    let mut rest = sql;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        words.push((
            word[..end].to_owned(),
            word[end..].chars().next().unwrap_or(' '),
        ));
        rest = &word[end..];
    }
    words
}

/// What is used, by sort.
#[derive(Default)]
struct Used {
    words: BTreeSet<String>,
    functions: BTreeSet<String>,
    casts: BTreeSet<String>,
    catalogues: BTreeSet<String>,
}

impl Used {
    fn take(&mut self, sql: &str) {
        for (word, next) in words(&bare(sql)) {
            if let Some((_, to)) = word.split_once("::") {
                self.casts.insert(to.to_owned());
            }
            let is_upper = |c: char| c.is_ascii_uppercase();
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            if word.starts_with("pg_") {
                self.catalogues.insert(word);
            } else if word.len() > 1 && word.chars().all(is_upper) {
                self.words.insert(word);
            } else if next == '(' && word.chars().all(is_name) {
                self.functions.insert(word);
            }
        }
    }

    fn text(&self) -> String {
        let mut text = "# What a store on a server uses of SQL\n\n\
            Written by a test (`cargo test --test it -- tidy`, with `UPDATE_EXPECT=1`) from the sources: every statement of\n\
            `mcpr` is made of these. For servers that only speak PostgreSQL's protocol see [backends.md](backends.md).\n"
            .to_owned();
        let sorts = [
            ("Words", &self.words),
            ("Functions", &self.functions),
            ("Casts to", &self.casts),
            ("Of the catalogue", &self.catalogues),
        ];
        for (name, of) in sorts {
            let of: Vec<String> = of.iter().map(|word| format!("`{word}`")).collect();
            let mut line = String::new();
            write!(text, "\n## {name}\n\n").unwrap();
            for word in of {
                if line.len() + word.len() > 110 {
                    writeln!(text, "{}", line.trim_end()).unwrap();
                    line.clear();
                }
                line.push_str(&word);
                line.push(' ');
            }
            writeln!(text, "{}", line.trim_end()).unwrap();
        }
        text
    }
}

/// A string's text, of a token that is one.
fn literal(token: &str) -> Option<String> {
    let quoted = token.strip_prefix('r').unwrap_or(token).trim_matches('#');
    let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // A line that goes on below.
    Some(text.replace("\\\n", " ").replace("\\\"", "\""))
}

/// Every string of a file.
fn push_literals(stream: TokenStream, texts: &mut Vec<String>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => push_literals(group.stream(), texts),
            TokenTree::Literal(token) => texts.extend(literal(&token.to_string())),
            _ => {}
        }
    }
}

#[test]
fn what_the_store_on_a_server_uses_of_sql_is_common_and_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    read_sources(root, CRATE, &mut sources);
    sources.retain(|(path, _)| !path.contains("test") && !path.ends_with("contract.rs"));
    let mut used = Used::default();
    let mut count = 0;
    for (path, text) in &sources {
        // What is for tests stands at a file's end.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let mut texts = Vec::new();
        push_literals(text.parse().unwrap(), &mut texts);
        for sql in texts {
            if MARKS.iter().any(|mark| sql.contains(mark)) {
                count += 1;
                used.take(&sql);
                assert!(
                    !sql.contains("{{"),
                    "{path}: braces in SQL are not read: {sql}"
                );
            }
        }
    }
    assert!(count > 100, "{count} statements were read");
    let layout = fs::read_to_string(root.join(CRATE).join("migrations/0001_layout.sql")).unwrap();
    used.take(&layout);
    let all = [&used.words, &used.functions, &used.catalogues];
    for word in all.into_iter().flatten() {
        let lower = word.to_ascii_lowercase();
        let found = lower.split('_').find(|part| NOT_COMMON.contains(part));
        assert!(found.is_none(), "`{word}` is not what all servers have");
    }
    let indexes = bare(&layout).matches(" ON requests ").count();
    assert!(indexes <= MOST_INDEXES, "{indexes} indexes on requests");
    let place = root.join(LIST);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&place, used.text()).unwrap();
    }
    let stored = fs::read_to_string(&place).unwrap_or_default();
    assert!(
        stored == used.text(),
        "{LIST} is stale: UPDATE_EXPECT=1 writes it"
    );
}
