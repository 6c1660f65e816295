//! What hostile bytes are given to, and what must hold whatever they are. One body a target, shared by
//! the proptest twins, by the fault runs, and by libFuzzer (`fuzz/`). No randomness of its own.

mod bytes;
mod files;
mod formats;
mod rows;
mod secrets;
mod stores;
mod surfaces;

use std::path::{Path, PathBuf};

/// A target: its name, its body, and the captures it is seeded with.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// The name, also of its directory of crashes.
    pub(crate) name: &'static str,
    /// Panics when something does not hold.
    pub(crate) body: fn(&[u8]),
    seeds: &'static [&'static str],
    /// Most lines of a seed.
    lines: usize,
}

const STREAMS: &[&str] = &[
    "mcpr-0.4.64/proxy.log",
    "mcpr-0.4.64/cloud.ndjson",
    "mcpr-0.5.44/cloud.ndjson",
    "mcpr-0.5.44/everything.stderr.log",
    "mcpr-0.5.44/weather.stderr.log",
    "formats/toolhive.ndjson",
    "formats/mcpproxy_go.ndjson",
    "formats/codex_rollout.ndjson",
    "formats/mcpsnoop.ndjson",
    "formats/claude_code_log.jsonl",
    "formats/cursor_log.log",
    "formats/kong.ndjson",
    "formats/envoy_ai_gateway.ndjson",
    "formats/agentgateway.log",
    "formats/gh_aw_mcpg.ndjson",
    "formats/mcpServer.mcp.config.usrlocal.vscode_log.log",
];
const SURFACES: &[&str] = &[
    "corpora/tool-edits.ndjson",
    "corpora/subschema-pairs.ndjson",
];

/// Every target.
pub(crate) const TARGETS: [Target; 30] = [
    target("lines", bytes::lines, STREAMS),
    target("frames", bytes::frames, STREAMS),
    target("decoders", bytes::decoders, STREAMS),
    target("wrappers", bytes::wrappers, STREAMS),
    target("body", bytes::body, STREAMS),
    target("otlp", bytes::otlp, &["otlp/bodies.ndjson"]),
    target("sanitiser", bytes::sanitiser, STREAMS),
    target("redactor", secrets::redacted, STREAMS),
    target("csv", rows::printed, STREAMS),
    target("tail", files::tail, &[]),
    target("filter", stores::filter, STREAMS),
    target("store", stores::damaged, &[]),
    target("surface", surfaces::compared, SURFACES),
    of_format(
        "mcpr_v04",
        &["mcpr-0.4.64/proxy.log", "mcpr-0.4.64/cloud.ndjson"],
    ),
    of_format(
        "mcpr_v05_stderr",
        &[
            "mcpr-0.5.44/everything.stderr.log",
            "mcpr-0.5.44/weather.stderr.log",
        ],
    ),
    of_format("mcpr_v05_cloud", &["mcpr-0.5.44/cloud.ndjson"]),
    target("export", formats::exported, &["fuzz/export.ndjson"]).of_lines(SOME_LINES),
    of_format("toolhive", &["formats/toolhive.ndjson"]),
    of_format("mcpproxy_go", &["formats/mcpproxy_go.ndjson"]),
    of_format("codex_rollout", &["formats/codex_rollout.ndjson"]),
    of_format("kong", &["formats/kong.ndjson"]),
    of_format("agentgateway", &["formats/agentgateway.log"]),
    of_format("envoy_ai_gateway", &["formats/envoy_ai_gateway.ndjson"]),
    of_format("mcpsnoop", &["formats/mcpsnoop.ndjson"]),
    of_format("gh_aw_mcpg", &["formats/gh_aw_mcpg.ndjson"]),
    of_format("claude_code_log", &["formats/claude_code_log.jsonl"]),
    of_format("desktop_log", &["fuzz/desktop_log.log"]),
    of_format(
        "vscode_log",
        &["formats/mcpServer.mcp.config.usrlocal.vscode_log.log"],
    ),
    of_format("cursor_log", &["formats/cursor_log.log"]),
    target("jsonrpc", formats::session, &["fuzz/jsonrpc.ndjson"]).of_lines(SOME_LINES),
];

/// Most lines of a seed where a format is read line by line: a request and its answer stand in two.
const SOME_LINES: usize = 6;

const fn of_format(name: &'static str, seeds: &'static [&'static str]) -> Target {
    target(name, formats::log, seeds).of_lines(SOME_LINES)
}

const fn target(name: &'static str, body: fn(&[u8]), seeds: &'static [&'static str]) -> Target {
    Target {
        name,
        body,
        seeds,
        lines: 1,
    }
}

impl Target {
    const fn of_lines(self, lines: usize) -> Self {
        Self { lines, ..self }
    }

    /// Real input: every line of the captures that suit it, short enough to be changed in many ways.
    pub(crate) fn seeds(&self) -> Vec<Vec<u8>> {
        const LONGEST: usize = 16 * 1024;
        let mut seeds = Vec::new();
        for file in self.seeds {
            let bytes = std::fs::read(data().join(file)).expect("the captures are there");
            let lines = bytes.split(|&byte| byte == b'\n');
            let kept = lines.filter(|line| (1..=LONGEST).contains(&line.len()));
            let kept: Vec<&[u8]> = kept.collect();
            seeds.extend(kept.chunks(self.lines).map(|lines| lines.join(&b'\n')));
        }
        seeds
    }
}

/// The captures, whichever crate this is a part of.
fn data() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crate_root = if here.ends_with("fuzz") {
        here.parent().unwrap_or(here)
    } else {
        here
    };
    crate_root.join("tests/data")
}

/// Gives an input to the target of a name.
pub(crate) fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of that name").body)(data);
}

/// Reads choices from the front of hostile bytes; what is missing is 0.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next byte, or `None` at the end.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// The next four bytes as a number.
    pub(crate) fn number(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// Text up to the next line break, or nothing where it is empty.
    pub(crate) fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|&byte| byte == b'\n');
        let (text, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}
