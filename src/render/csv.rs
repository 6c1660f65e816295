//! CSV after RFC 4180, in which no cell is a formula to a spreadsheet.

use super::columns::{Column, Record, Value};
use super::text;
use mcpr_model::time::rfc3339;
use std::borrow::Cow;
use std::fmt::Write as _;

pub(super) fn push_header<R>(columns: &[&'static Column<R>], out: &mut String) {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    out.push_str(&names.join(","));
    // RFC 4180 ends a line so on every system.
    out.push_str("\r\n");
}

pub(super) fn push_row<R: Record>(columns: &[&'static Column<R>], row: &R, out: &mut String) {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match (column.value)(row) {
            Value::Null => {}
            Value::Int(number) => write!(out, "{number}").expect("a string takes every write"),
            Value::Bool(yes) => out.push_str(if yes { "true" } else { "false" }),
            Value::Ratio(ratio) => {
                // Six digits say all that a ratio of counts is read for, without the noise of a
                // division.
                write!(out, "{}", (ratio * 1e6).round() / 1e6).expect("a string takes every write");
            }
            Value::Counts(counts) => {
                let words: Vec<String> = counts.iter().map(u64::to_string).collect();
                push_cell(&words.join(" "), out);
            }
            Value::Time(ts) => push_cell(&rfc3339(ts).unwrap_or_default(), out),
            Value::Json(json) => push_json(json, out),
            Value::Text(cell) => push_cell(&cell, out),
        }
    }
    out.push_str("\r\n");
}

fn push_cell(cell: &str, out: &mut String) {
    push_quoted(&neutral(&text::escape_but_breaks(cell), "'"), out);
}

/// JSON stays the same to a program: what would begin a formula becomes an escape.
fn push_json(json: &str, out: &mut String) {
    let safe = text::escape_but_breaks(json);
    push_quoted(&neutral(&safe, ""), out);
}

fn push_quoted(safe: &str, out: &mut String) {
    // Some readers trim blanks that stand outside of quotes.
    let blank = |c: Option<char>| c.is_some_and(char::is_whitespace);
    let ends_blank = blank(safe.chars().next()) || blank(safe.chars().next_back());
    if ends_blank || safe.contains([',', ';', '|', '\t', '"', '\r', '\n']) {
        out.push('"');
        out.push_str(&safe.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(safe);
    }
}

/// What a spreadsheet takes for the start of a formula, the full-width forms among it.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// What one spreadsheet or another parts cells and rows at: in a German or French one a quote in the
/// middle of a line does not count, so `;` cuts there whether it is quoted or not.
const SEPARATORS: [char; 5] = [';', '|', '\t', '\r', '\n'];

/// A cell in which no formula begins, neither at its start nor behind anything that some spreadsheet
/// cuts at: the mark stands before it, or where there is none, an escape of JSON in its place.
fn neutral<'a>(cell: &'a str, mark: &str) -> Cow<'a, str> {
    let mut safe = String::new();
    let (mut done, mut at) = (0, 0);
    // A break in front of everything moves what follows to the start of a row.
    if cell.starts_with(['\t', '\r', '\n']) {
        safe.push_str(mark);
    }
    for part in cell.split_inclusive(SEPARATORS) {
        let inner = part.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let start = at + part.len() - inner.len();
        at += part.len();
        let Some(first) = inner.chars().next().filter(|c| FORMULA.contains(c)) else {
            continue;
        };
        // At its start the cell as a whole is a number or not: `-1;2` is not.
        let number = if at == part.len() {
            &cell[start..]
        } else {
            inner
        };
        // A mark before `-5` would turn a number into text.
        if is_number(number.trim_end_matches(SEPARATORS)) {
            continue;
        }
        safe.push_str(&cell[done..start]);
        if mark.is_empty() {
            write!(safe, "\\u{:04x}", u32::from(first)).expect("a string takes every write");
            done = start + first.len_utf8();
        } else {
            safe.push_str(mark);
            done = start;
        }
    }
    if safe.is_empty() {
        return Cow::Borrowed(cell);
    }
    safe.push_str(&cell[done..]);
    Cow::Owned(safe)
}

/// Digits with an optional sign, fraction and exponent; `f64` would take `-inf` too.
fn is_number(cell: &str) -> bool {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    cell.chars().all(plain) && cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::{push_cell, push_json};

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let cases = [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            (
                "=HYPERLINK(\"http://x\",\"y\")",
                "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
            ),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "\"'+cmd|' /C calc'!A0\""),
            ("-2+3", "'-2+3"),
            ("-32602", "-32602"),
            ("+1.5e3", "+1.5e3"),
            ("-inf", "'-inf"),
            ("-", "'-"),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("\t=x", "\"'\t'=x\""),
            ("a;b", "\"a;b\""),
            ("a;=1+1", "\"a;'=1+1\""),
            ("a|@x\t=y", "\"a|'@x\t'=y\""),
            ("a;-5;-5%", "\"a;-5;'-5%\""),
            ("-1;2", "\"'-1;2\""),
            ("-1;", "\"-1;\""),
            (
                "list:\n- one\n + two\n3 - 2",
                "\"list:\n'- one\n '+ two\n3 - 2\"",
            ),
            ("  =1+1", "\"  '=1+1\""),
            ("\u{a0}=1", "\"\u{a0}'=1\""),
            ("\"=1\"", "\"\"\"'=1\"\"\""),
            ("'=1", "''=1"),
            ("＝1＋1", "'＝1＋1"),
            ("x;＠y", "\"x;'＠y\""),
            ("a=b, c-d", "\"a=b, c-d\""),
            (" x", "\" x\""),
            ("\u{200b}=1", "\\u{200b}=1"),
            ("\x1b]0;x\x07", "\"\\x1b]0;x\\x07\""),
        ];
        for (cell, expected) in cases {
            let mut out = String::new();
            push_cell(cell, &mut out);
            assert_eq!(out, expected, "{cell:?}");
        }
    }

    #[test]
    fn json_in_a_cell_reads_the_same_and_begins_no_formula() {
        let json = r#"{"a":"x;=1+1|@y; -2","b":-1}"#;
        let mut out = String::new();
        push_json(json, &mut out);
        let cell = out.trim_matches('"').replace("\"\"", "\"");
        assert!(
            !cell.contains(";=") && !cell.contains("|@") && !cell.contains("; -"),
            "{cell}"
        );
        let read: serde_json::Value = serde_json::from_str(&cell).expect("it is JSON still");
        let meant: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
        assert_eq!(read, meant);
    }
}
