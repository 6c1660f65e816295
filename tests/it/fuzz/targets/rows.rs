//! A row of hostile texts in each format: readable by programs, harmless to terminals and
//! spreadsheets.

use super::Choices;
use mcpr::render::text::acts;
use mcpr::render::{Format, LOG_COLUMNS, Listing, LogRow, REQUEST_COLUMNS, TableStyle, choose};
use mcpr_model::{ErrorKind, Status};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, RequestRow};

/// Prints a row in every format and reads it back.
pub(super) fn printed(data: &[u8]) {
    let row = row_of(&mut Choices::new(data));
    let texts = [&row.tool, &row.error_msg, &row.client_name];
    let (tool, message, client) = (texts[0].clone(), texts[1].clone(), texts[2].clone());
    let entry = Entry::Request(Box::new(row));

    let table = print(&entry, Format::Table);
    assert!(!acts(&table.replace('\n', " ")), "{table:?}");

    let json = print(&entry, Format::Ndjson);
    assert!(!acts(json.trim_end_matches('\n')), "{json:?}");
    let read: serde_json::Value = serde_json::from_str(&json).expect("one JSON object");
    for (name, expected) in [
        ("tool", tool),
        ("error_msg", message),
        ("client_name", client),
    ] {
        assert_eq!(read[name].as_str(), expected.as_deref(), "{name}");
    }

    let csv = print(&entry, Format::Csv);
    assert!(!acts(&csv.replace(['\t', '\n', '\r'], " ")), "{csv:?}");
    let records = records(&csv);
    assert_eq!(records.len(), 2, "a header and a row: {csv:?}");
    assert_eq!(records[1].len(), REQUEST_COLUMNS.len(), "{csv:?}");
    for cell in &records[1] {
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert!(!is_formula || cell.parse::<f64>().is_ok_and(f64::is_finite) || is_huge(cell));
    }
}

/// Digits so many that a number of them is infinite: still no formula.
fn is_huge(cell: &str) -> bool {
    cell.chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'))
}

fn print(entry: &Entry, format: Format) -> String {
    let style = TableStyle {
        width: Some(80),
        ..TableStyle::plain(Zone::Utc, 0)
    };
    let mut listing = Listing::new(choose(LOG_COLUMNS, REQUEST_COLUMNS), format, style);
    let text = listing.page(&[LogRow::from(entry.clone())]);
    text + &listing.finish()
}

fn row_of(choices: &mut Choices<'_>) -> RequestRow {
    let number = |choices: &mut Choices<'_>| i64::from(choices.number().cast_signed());
    RequestRow {
        seq: 1,
        ts: number(choices) * 1_000,
        latency_us: Some(number(choices)),
        bytes_in: Some(number(choices)),
        status: Status::Error,
        error_kind: Some(ErrorKind::Tool),
        request_id: choices.text(),
        proxy: choices.text().unwrap_or_default(),
        session_id: choices.text(),
        session: choices.text(),
        client_name: choices.text(),
        client_version: choices.text(),
        method: choices.text().unwrap_or_default(),
        tool: choices.text(),
        resource_uri: choices.text(),
        prompt_name: choices.text(),
        error_code: choices.text(),
        error_msg: Some(String::from_utf8_lossy(choices.rest()).into_owned()),
        ..RequestRow::default()
    }
}

/// Reads CSV as its standard says.
fn records(csv: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        let record = records.last_mut().expect("there is one from the beginning");
        let cell = record.last_mut().expect("there is one from the beginning");
        match c {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(String::new()),
            '\r' if !is_quoted && chars.next_if_eq(&'\n').is_some() => {
                records.push(vec![String::new()]);
            }
            c => cell.push(c),
        }
    }
    assert!(!is_quoted, "a quote is left open: {csv:?}");
    // The last line ends with a line break too.
    records.pop();
    records
}
