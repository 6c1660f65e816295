//! Exchanges as they were captured between official clients and servers, and what the clients did.

use super::super::program::{capture, json_lines};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::Read;

/// One exchange.
#[derive(Debug, Clone)]
pub(super) struct Captured {
    pub(super) number: u64,
    /// When it began, in µs.
    pub(super) at: i64,
    pub(super) request_line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) answer: Option<CapturedAnswer>,
    pub(super) end: String,
    pub(super) end_us: i64,
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct CapturedAnswer {
    pub(super) status_line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) head_us: i64,
    pub(super) chunks: Vec<(i64, String)>,
}

fn lines(name: &str) -> Vec<Value> {
    let file = File::open(capture(&format!("http/{name}.ndjson.gz"))).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    json_lines(&text)
}

fn headers_of(value: &Value) -> Vec<(String, String)> {
    let each = value.as_array().into_iter().flatten();
    each.map(|pair| {
        let text = |at: usize| pair[at].as_str().unwrap().to_owned();
        (text(0), text(1))
    })
    .collect()
}

fn us(value: &Value, unit: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time within a few minutes"
    )]
    let us = (value.as_f64().unwrap() * unit) as i64;
    us
}

/// The exchanges of a capture, in the order of their requests.
pub(super) fn exchanges(name: &str) -> Vec<Captured> {
    let lines = lines(name);
    let first = lines.iter().map(|line| line["t"].as_f64().unwrap());
    let first = first.fold(f64::MAX, f64::min);
    let mut all: Vec<Captured> = lines
        .iter()
        .map(|line| {
            let (asked, answered) = (&line["req"], &line["res"]);
            let answer = answered["line"].as_str().map(|status| CapturedAnswer {
                status_line: status.to_owned(),
                headers: headers_of(&answered["headers"]),
                head_us: us(&answered["head_ms"], 1e3),
                chunks: (answered["chunks"].as_array().unwrap().iter())
                    .map(|chunk| (us(&chunk[0], 1e3), chunk[1].as_str().unwrap().to_owned()))
                    .collect(),
            });
            Captured {
                number: line["n"].as_u64().unwrap(),
                at: us(&(line["t"].as_f64().unwrap() - first).into(), 1e6),
                request_line: asked["line"].as_str().unwrap().to_owned(),
                headers: headers_of(&asked["headers"]),
                body: asked["body"].as_str().unwrap_or_default().to_owned(),
                answer,
                end: answered["end"].as_str().unwrap_or("complete").to_owned(),
                end_us: us(&answered["end_ms"], 1e3),
            }
        })
        .collect();
    all.sort_by_key(|it| it.number);
    all
}

/// What the clients of a capture did.
pub(super) fn truth(name: &str) -> Vec<Value> {
    lines(&format!("{name}.truth"))
}
