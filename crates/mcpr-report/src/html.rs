//! The page: styles, script and data in one file that loads nothing. Must not put anything that was
//! recorded into markup.

use crate::data::TrafficReport;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page/report.css");
const SCRIPT: &str = include_str!("page/report.js");

/// Most bytes of a page. Where more was recorded, older requests and failures are left out.
pub const MAX_PAGE_BYTES: usize = 2_000_000;

/// A report as one page.
#[must_use]
pub fn html(mut report: TrafficReport) -> String {
    let mut data = embedded(&report);
    // Each round halves what is listed one by one, so that there are few.
    while data.len() + STYLE.len() + SCRIPT.len() + 2_000 > MAX_PAGE_BYTES && halve(&mut report) {
        data = embedded(&report);
    }
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>MCP traffic</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <noscript>This report is drawn by a script that is in this file; it loads nothing. \
         `mcpr report --format md` makes one without a script.</noscript>\n\
         <script type=\"application/json\" id=\"data\">{data}</script>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// The data as it may stand in a script: nothing in it can end the element.
fn embedded(report: &TrafficReport) -> String {
    let json = serde_json::to_string(report).unwrap_or_else(|_| "null".to_owned());
    crate::visible::in_json(&json).replace('<', "\\u003c")
}

/// Leaves out the older half of what is listed one by one, and says so; `false` when nothing is left.
fn halve(report: &mut TrafficReport) -> bool {
    let mut is_less = false;
    for window in &mut report.windows {
        let older = window.requests.len().div_ceil(2);
        window.requests.drain(..older);
        window.requests_left += u64::try_from(older).unwrap_or(u64::MAX);
        let kept = window.failures.len() / 2;
        let older_failures = window.failures.len() - kept;
        window.failures.truncate(kept);
        window.failures_left += u64::try_from(older_failures).unwrap_or(u64::MAX);
        let tools = window.tools.len().div_ceil(2);
        window.tools_left += window.tools.len() - tools;
        window.tools.truncate(tools);
        is_less |= halve_flight(window);
        let changes = window.changes.len() / 2;
        window.changes_left += changes;
        window.changes.drain(..changes);
        drop_unused_names(window);
        is_less |= older > 0 || older_failures > 0 || changes > 0;
    }
    is_less
}

/// Leaves out the older half of calls in flight and of servers: what they asked and wrote may be long.
/// `false` when there was nothing.
fn halve_flight(window: &mut crate::TrafficWindow) -> bool {
    let (open, servers) = (
        window.open.len().div_ceil(2),
        window.servers.len().div_ceil(2),
    );
    let left = (window.open.len() - open, window.servers.len() - servers);
    window.open_left += left.0;
    window.servers_left += left.1;
    window.open.truncate(open);
    window.servers.truncate(servers);
    left != (0, 0)
}

fn drop_unused_names(window: &mut crate::TrafficWindow) {
    let mut places = vec![None; window.names.len()];
    let mut names = Vec::new();
    let mut place = |old: usize| {
        *places[old].get_or_insert_with(|| {
            names.push(std::mem::take(&mut window.names[old]));
            names.len() - 1
        })
    };
    for request in &mut window.requests {
        request.4 = place(request.4);
        request.5 = place(request.5);
        for name in [&mut request.6, &mut request.7, &mut request.8] {
            *name = name.map(&mut place);
        }
    }
    window.names = names;
}

/// What a policy calls this text: its hash in Base64.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text)))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let letter = (bits >> (18 - 6 * place)) & 63;
            let is_there = place <= chunk.len();
            text.push(if is_there {
                char::from(LETTERS[letter as usize])
            } else {
                '='
            });
        }
    }
    text
}
