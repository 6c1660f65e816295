//! Generates a stream shaped like `tests/data/mcpr-0.4.64/proxy.log`: its fields, its mix of rows,
//! its sizes and its times. The same seed gives the same bytes; `tests/it` compares it with the
//! capture.

use std::io::{self, Write};
use uuid::{Builder, Uuid};

/// Where the captured stream begins, unix milliseconds.
const START_MS: i64 = 1_795_224_422_390;
/// Sessions that are open at the same time.
const OPEN_SESSIONS: usize = 6;
/// Spread of latencies around their median: the sigma of a log-normal distribution.
const LATENCY_SIGMA: f64 = 0.6;
/// What the proxy adds to an answer, by its median, in microseconds.
const PROXY_MEDIAN_US: f64 = 110.0;
/// The row in each session's script that stands for a run of calls of one tool.
const REPEATED_STEP: usize = 7;
/// How often that row comes in a session: six times on average, as in the capture.
const REPEATS: std::ops::RangeInclusive<u8> = 2..=10;

/// Name and version as the clients say them; the last is not a captured one, but a sixth is wanted.
const CLIENTS: [(&str, &str); 6] = [
    ("claude-desktop", "1.2.0"),
    ("cursor", "0.44.1"),
    ("ChatGPT", "2.0"),
    ("vscode", "1.99"),
    ("my-agent", "0.0.1"),
    ("claude-code", "2.1.0"),
];

/// What a request asked for, beside its method.
#[derive(Clone, Copy)]
enum Target {
    None,
    Tool(&'static str),
    Resource(&'static str),
    Prompt(&'static str),
}

/// One row of a session's script.
#[derive(Clone, Copy)]
struct Step {
    verb: &'static str,
    mcp_method: Option<&'static str>,
    target: Target,
    status: u16,
    note: &'static str,
    /// Latency that does not vary: a tool that waits, microseconds.
    wait_us: i64,
    /// Median of the latency that varies, microseconds.
    median_us: f64,
    request_size: u32,
    response_size: Option<u32>,
}

impl Step {
    /// A JSON-RPC request that was answered over SSE, as most are.
    const fn rpc(method: &'static str, target: Target, request: u32, response: u32) -> Self {
        Self {
            verb: "POST",
            mcp_method: Some(method),
            target,
            status: 200,
            note: "rewritten+sse",
            wait_us: 0,
            median_us: 2_000.0,
            request_size: request,
            response_size: Some(response),
        }
    }

    /// A JSON-RPC request whose answer passed through as it was.
    const fn passed(method: &'static str, target: Target, request: u32) -> Self {
        Self {
            note: "",
            response_size: None,
            ..Self::rpc(method, target, request, 0)
        }
    }

    /// HTTP traffic that is not a JSON-RPC request.
    const fn http(verb: &'static str, status: u16, request: u32) -> Self {
        let passed = Self::passed("", Target::None, request);
        Self {
            verb,
            mcp_method: None,
            status,
            ..passed
        }
    }

    /// A GET that opens a stream.
    const SSE: Self = Self {
        verb: "GET",
        note: "sse",
        request_size: 0,
        ..Self::passed("SSE", Target::None, 0)
    };
}

const ARCHITECTURE: &str = "demo://resource/static/document/architecture.md";

/// A session, row by row; [`REPEATED_STEP`] comes several times, and every other session goes on
/// to [`HANG_UP`].
const SCRIPT: [Step; 18] = [
    Step {
        median_us: 4_800.0,
        ..Step::rpc("initialize", Target::None, 163, 2_026)
    },
    Step::http("POST", 202, 54),
    Step::SSE,
    Step {
        median_us: 4_500.0,
        ..Step::rpc("tools/list", Target::None, 46, 7_705)
    },
    Step::rpc("prompts/list", Target::None, 48, 1_014),
    Step::rpc("resources/list", Target::None, 50, 1_293),
    Step::rpc("resources/templates/list", Target::None, 60, 539),
    Step::rpc("tools/call", Target::Tool("echo"), 123, 112),
    Step::rpc("tools/call", Target::Tool("get-sum"), 101, 106),
    Step::rpc("tools/call", Target::Tool("nope"), 87, 134),
    Step::passed("prompts/get", Target::Prompt("simple-prompt"), 82),
    Step::passed("prompts/get", Target::Prompt("missing"), 76),
    Step::rpc("resources/list", Target::None, 51, 1_294),
    Step::rpc("resources/read", Target::Resource(ARCHITECTURE), 118, 1_812),
    Step::rpc("resources/read", Target::Resource("demo://nope/1"), 84, 120),
    Step::SSE,
    Step {
        wait_us: 1_000_000,
        ..Step::rpc(
            "tools/call",
            Target::Tool("trigger-long-running-operation"),
            135,
            146,
        )
    },
    Step::passed("ping", Target::None, 41),
];

/// The end of a session that the server refused: the proxy knows neither session nor client then.
const HANG_UP: Step = Step::http("DELETE", 406, 0);

/// One open session and how far it got.
struct Session {
    id: Uuid,
    client: (&'static str, &'static str),
    steps: Vec<Step>,
}

impl Session {
    fn open(rng: &mut fastrand::Rng) -> Self {
        let mut steps = Vec::with_capacity(SCRIPT.len() + usize::from(*REPEATS.end()));
        for (at, step) in SCRIPT.iter().enumerate() {
            let times = if at == REPEATED_STEP {
                rng.u8(REPEATS)
            } else {
                1
            };
            steps.extend(std::iter::repeat_n(*step, times.into()));
        }
        if rng.bool() {
            steps.push(HANG_UP);
        }
        steps.reverse();
        let client = CLIENTS[rng.usize(..CLIENTS.len())];
        Self {
            id: random_uuid(rng),
            client,
            steps,
        }
    }
}

/// Writes the lines of a stream, one after another.
pub(crate) struct Generator {
    rng: fastrand::Rng,
    ts: i64,
    sessions: Vec<Session>,
}

impl Generator {
    /// A stream that is the same for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let sessions = (0..OPEN_SESSIONS)
            .map(|_| Session::open(&mut rng))
            .collect();
        Self {
            rng,
            ts: START_MS,
            sessions,
        }
    }

    /// Writes the next `count` lines.
    pub(crate) fn write_lines(&mut self, count: usize, out: &mut impl Write) -> io::Result<()> {
        for _ in 0..count {
            self.write_line(out)?;
        }
        Ok(())
    }

    fn write_line(&mut self, out: &mut impl Write) -> io::Result<()> {
        let at = self.rng.usize(..OPEN_SESSIONS);
        let step = loop {
            if let Some(step) = self.sessions[at].steps.pop() {
                break step;
            }
            self.sessions[at] = Session::open(&mut self.rng);
        };
        self.ts += self.rng.i64(0..=12);
        if step.wait_us > 0 {
            self.ts += step.wait_us / 1_000;
        }
        let session = (step.status != HANG_UP.status).then(|| &self.sessions[at]);
        let (id, session_id) = (
            random_uuid(&mut self.rng),
            session.map(|session| session.id),
        );
        let overhead_us = self.rng_log_normal(PROXY_MEDIAN_US);
        let upstream_us = step.wait_us + self.rng_log_normal(step.median_us);
        let ts = self.ts;
        write!(
            out,
            r#"{{"type":"request","id":"{id}","ts":{ts},"proxy":"everything""#
        )?;
        write_text(out, "session_id", session_id)?;
        write!(out, r#","method":"{}","path":"/""#, step.verb)?;
        write_text(out, "mcp_method", step.mcp_method)?;
        write_target(out, step.target)?;
        let latency_us = upstream_us + overhead_us;
        write!(
            out,
            r#","status":{},"latency_us":{latency_us}"#,
            step.status
        )?;
        write!(
            out,
            r#","upstream_us":{upstream_us},"request_size":{}"#,
            step.request_size
        )?;
        match step.response_size {
            Some(size) => write!(out, r#","response_size":{}"#, size + self.rng.u32(0..=9))?,
            None => write!(out, r#","response_size":null"#)?,
        }
        write!(out, r#","error_code":null,"error_msg":null"#)?;
        let client = session_id.map(|_| self.sessions[at].client);
        write_text(out, "client_name", client.map(|(name, _)| name))?;
        write_text(out, "client_version", client.map(|(_, version)| version))?;
        writeln!(out, r#","note":"{}"}}"#, step.note)
    }

    /// A latency around `median_us` (Box and Muller's way to a normal distribution).
    fn rng_log_normal(&mut self, median_us: f64) -> i64 {
        let (radius, angle) = (1.0 - self.rng.f64(), self.rng.f64() * std::f64::consts::TAU);
        let normal = (-2.0 * radius.ln()).sqrt() * angle.cos();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a latency of seconds at most"
        )]
        let latency_us = (median_us * (LATENCY_SIGMA * normal).exp()) as i64;
        latency_us
    }
}

fn random_uuid(rng: &mut fastrand::Rng) -> Uuid {
    Builder::from_random_bytes(rng.u128(..).to_le_bytes()).into_uuid()
}

/// A field whose value needs no escapes, or null.
fn write_text(
    out: &mut impl Write,
    name: &str,
    value: Option<impl std::fmt::Display>,
) -> io::Result<()> {
    match value {
        Some(value) => write!(out, r#","{name}":"{value}""#),
        None => write!(out, r#","{name}":null"#),
    }
}

fn write_target(out: &mut impl Write, target: Target) -> io::Result<()> {
    let (mut tool, mut resource, mut prompt) = (None, None, None);
    match target {
        Target::None => {}
        Target::Tool(name) => tool = Some(name),
        Target::Resource(uri) => resource = Some(uri),
        Target::Prompt(name) => prompt = Some(name),
    }
    write_text(out, "tool", tool)?;
    write_text(out, "resource_uri", resource)?;
    write_text(out, "prompt_name", prompt)
}
