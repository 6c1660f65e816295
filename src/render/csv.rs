//! CSV after RFC 4180, in which no cell is a formula to a spreadsheet.

use super::columns::{Column, Record, Value};
use super::text;
use crate::model::time::rfc3339;
use std::borrow::Cow;
use std::fmt::Write as _;

pub(super) fn push_header<R>(columns: &[&'static Column<R>], out: &mut String) {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    out.push_str(&names.join(","));
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
                write!(out, "{}", (ratio * 1e6).round() / 1e6).expect("a string takes every write");
            }
            Value::Counts(counts) => {
                let words: Vec<String> = counts.iter().map(u64::to_string).collect();
                push_cell(&words.join(" "), out);
            }
            Value::Time(ts) => push_cell(&rfc3339(ts), out),
            Value::Json(json) => push_cell(json, out),
            Value::Text(cell) => push_cell(&cell, out),
        }
    }
    out.push_str("\r\n");
}

fn push_cell(cell: &str, out: &mut String) {
    let safe = neutral(cell);
    let safe = text::escape_but_breaks(&safe);
    if safe.contains([',', '"', '\r', '\n']) {
        out.push('"');
        out.push_str(&safe.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&safe);
    }
}

/// A cell with `'` before it where a spreadsheet would take it for a formula.
fn neutral(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(cell) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Digits with an optional sign, fraction and exponent; `f64` would take `-inf` too.
fn is_number(cell: &str) -> bool {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    cell.chars().all(plain) && cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::push_cell;

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
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("-32602", "-32602"),
            ("+1.5e3", "+1.5e3"),
            ("-inf", "'-inf"),
            ("-", "'-"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ];
        for (cell, expected) in cases {
            let mut out = String::new();
            push_cell(cell, &mut out);
            assert_eq!(out, expected, "{cell:?}");
        }
    }
}
