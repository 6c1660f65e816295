//! What roles need: one that only reads, and one that records.

use crate::layout::TABLES;

/// The views, for a person with psql.
const VIEWS: [&str; 2] = ["request_log", "session_log"];

/// The statements that give the roles their rights on the tables of a schema.
pub(crate) fn of(schema: &str, reader: Option<&str>, recorder: Option<&str>) -> String {
    let schema = quoted(schema);
    let all: Vec<String> = TABLES
        .into_iter()
        .chain(VIEWS)
        .map(|table| format!("{schema}.{table}"))
        .collect();
    let (tables, all) = (
        all.get(..TABLES.len()).unwrap_or_default().join(", "),
        all.join(", "),
    );
    let mut lines = Vec::new();
    for role in [reader, recorder].into_iter().flatten() {
        let role = quoted(role);
        lines.push(format!("GRANT USAGE ON SCHEMA {schema} TO {role};"));
        lines.push(format!("GRANT SELECT ON {all} TO {role};"));
    }
    if let Some(role) = recorder {
        // Rows that change are written anew, and what is old goes: both are the recorder's own work.
        let role = quoted(role);
        lines.push(format!(
            "GRANT INSERT, UPDATE, DELETE ON {tables} TO {role};"
        ));
    }
    lines.join("\n")
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_own_quotes() {
        let text = of("public", Some("a\"; DROP TABLE x; --"), None);
        assert!(text.contains("TO \"a\"\"; DROP TABLE x; --\";"), "{text}");
        assert!(!text.contains("INSERT"), "a reader writes nothing: {text}");
    }
}
