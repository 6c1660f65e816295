//! Every captured post against what its client did.

mod facts;
mod own;
mod posts;
mod records;

use super::*;
use expect_test::expect;
use mcpr_model::{ErrorKind, Request};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Method, target and outcome.
type CapturedFact = (String, String, String);

fn captures() -> PathBuf {
    // Another directory with runs of the same form may be looked at, too.
    std::env::var_os("MCPR_TEST_OTLP").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/otlp"),
        PathBuf::from,
    )
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// A post of a run, unpacked.
struct CapturedPost {
    signal: Signal,
    encoding: Encoding,
    body: Vec<u8>,
}

fn posts(run: &Path) -> Vec<CapturedPost> {
    let read = |post: serde_json::Value| {
        let packed = std::fs::read(run.join(post["file"].as_str().unwrap())).unwrap();
        let mut body = Vec::new();
        let mut reader = flate2::read::GzDecoder::new(&packed[..]);
        reader.read_to_end(&mut body).unwrap();
        CapturedPost {
            signal: Signal::of_path(post["path"].as_str().unwrap()).unwrap(),
            encoding: match post["content_type"].as_str().unwrap() {
                "application/json" => Encoding::Json,
                _ => Encoding::Protobuf,
            },
            body,
        }
    };
    let lines = lines(&run.join("posts.ndjson"));
    lines.into_iter().map(read).collect()
}

fn run(name: &str) -> PathBuf {
    captures().join(name)
}

/// The rows of posts that come in this order.
fn rows_of<'a>(posts: impl IntoIterator<Item = &'a CapturedPost>) -> Vec<Request> {
    let mut joiner = Joiner::default();
    let mut rows: Vec<Request> = Vec::new();
    for post in posts {
        let found = decode(&mut joiner, post.signal, post.encoding, &post.body, 0).unwrap();
        assert_eq!(found.rejected, None);
        rows.extend(found.joined.rows);
    }
    rows.extend(joiner.overdue(i64::MAX));
    rows
}

fn word(request: &Request) -> &'static str {
    match request.outcome.error_kind {
        None => "ok",
        Some(ErrorKind::Tool) => "tool_error",
        Some(ErrorKind::Rpc) => "rpc_error",
        Some(kind) => kind.as_str(),
    }
}

fn fact(request: &Request) -> CapturedFact {
    let target = request.target.as_ref().map(|it| it.name.to_string());
    let target = target.unwrap_or_default();
    (request.method.to_string(), target, word(request).to_owned())
}

fn counted(facts: impl Iterator<Item = CapturedFact>) -> BTreeMap<CapturedFact, i64> {
    let mut counts = BTreeMap::new();
    for fact in facts {
        *counts.entry(fact).or_default() += 1;
    }
    counts
}

/// What rows have too many (`+`) and too few (`-`) of, compared with what the client did.
fn difference(run: &Path, rows: &[Request]) -> String {
    let text =
        |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let truth = lines(&run.join("truth.ndjson"));
    let truth = truth
        .iter()
        .map(|it| (text(it, "method"), text(it, "target"), text(it, "outcome")));
    let mut counts = counted(rows.iter().map(fact));
    for (fact, count) in counted(truth) {
        *counts.entry(fact).or_default() -= count;
    }
    let mut out = String::new();
    for ((method, target, outcome), count) in counts.into_iter().filter(|(_, count)| *count != 0) {
        writeln!(out, "{count:+} {method} {target} {outcome}").unwrap();
    }
    out
}
