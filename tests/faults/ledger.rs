//! The generator: writes numbered lines of mcpr 0.4 and keeps its own account of what each says.
//!
//! Knows the stream's format, and nothing of how it is read.

use std::io::{self, Write};
use xxhash_rust::xxh3::xxh3_64;

/// When the first line happened, unix milliseconds.
const START_MS: u64 = 1_795_224_422_390;
const TOOLS: [&str; 4] = ["echo", "get-sum", "search files", "café"];

/// What a line says, as it can be asked of any store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SurfaceContent {
    pub(crate) id: String,
    pub(crate) ts: i64,
    pub(crate) session: String,
    pub(crate) tool: String,
    pub(crate) latency_us: i64,
    pub(crate) bytes_in: i64,
    pub(crate) error_msg: Option<String>,
}

impl SurfaceContent {
    /// A hash of all of it.
    pub(crate) fn hash(&self) -> u64 {
        xxh3_64(format!("{self:?}").as_bytes())
    }
}

/// The account of every line that was written: its number is its place, its hash what it says.
pub(crate) struct Ledger {
    random: fastrand::Rng,
    hashes: Vec<u64>,
}

impl Ledger {
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self {
            random,
            hashes: Vec::new(),
        }
    }

    /// The id that a line of a number has.
    pub(crate) fn id_of(number: usize) -> String {
        format!("00000000-0000-4000-8000-{number:012x}")
    }

    /// The number of the line that has an id.
    pub(crate) fn number_of(id: &str) -> Option<usize> {
        let digits = id.strip_prefix("00000000-0000-4000-8000-")?;
        usize::from_str_radix(digits, 16).ok()
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// What the hash of a line was.
    pub(crate) fn hash_of(&self, number: usize) -> Option<u64> {
        self.hashes.get(number).copied()
    }

    /// The next line, with its newline; it stands in the account from now on.
    pub(crate) fn line(&mut self) -> String {
        let number = self.len();
        let ts = START_MS + u64::try_from(number).expect("a number of lines fits");
        let content = SurfaceContent {
            id: Self::id_of(number),
            ts: ts.cast_signed(),
            session: format!("s-{}", number / 50),
            tool: TOOLS[self.random.usize(..TOOLS.len())].to_owned(),
            latency_us: self.random.i64(1..5_000_000),
            bytes_in: self.random.i64(0..100_000),
            error_msg: (self.random.u8(..8) == 0).then(|| format!("no such thing {number}")),
        };
        self.hashes.push(content.hash());
        let (code, message) = match &content.error_msg {
            Some(message) => ("\"-32602\"", format!("\"{message}\"")),
            None => ("null", "null".to_owned()),
        };
        let SurfaceContent {
            id,
            ts,
            session,
            tool,
            latency_us,
            bytes_in,
            ..
        } = content;
        format!(
            "{{\"type\":\"request\",\"id\":\"{id}\",\"ts\":{ts},\"proxy\":\"p\",\
             \"session_id\":\"{session}\",\"method\":\"POST\",\"path\":\"/\",\
             \"mcp_method\":\"tools/call\",\"tool\":\"{tool}\",\"resource_uri\":null,\
             \"prompt_name\":null,\"status\":200,\"latency_us\":{latency_us},\"upstream_us\":null,\
             \"request_size\":{bytes_in},\"response_size\":null,\"error_code\":{code},\
             \"error_msg\":{message},\"client_name\":\"cursor\",\"client_version\":\"0.44.1\",\
             \"note\":\"\"}}\n"
        )
    }

    /// The next so many lines.
    pub(crate) fn lines(&mut self, count: usize) -> String {
        (0..count).map(|_| self.line()).collect()
    }

    /// Writes the next so many lines.
    pub(crate) fn write(&mut self, count: usize, out: &mut impl Write) -> io::Result<()> {
        (0..count).try_for_each(|_| out.write_all(self.line().as_bytes()))
    }
}
