//! An archive of HTTP exchanges (HAR 1.2), which browsers and proxies open, with a call in the place of an
//! exchange. Written entry by entry. Must not hold more than one of them.

use mcpr_model::time::rfc3339;
use mcpr_model::{Body, Payload, Status};
use mcpr_store::query::RequestRow;
use serde_json::{Value, json};
use std::fmt::Write;

/// Writes an archive.
#[derive(Debug, Clone, Copy, Default)]
pub struct HarWriter {
    entries: u64,
}

impl HarWriter {
    /// What stands before the first entry.
    #[must_use]
    pub fn head(&self, version: &str, comment: &str) -> String {
        let creator = json!({ "name": "mcpr", "version": version });
        let comment = Value::from(comment);
        format!(
            "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"comment\":{comment},\"pages\":[],\"entries\":["
        )
    }

    /// One request, with its payload where that is kept.
    pub fn entry(&mut self, row: &RequestRow, payload: Option<&Payload>) -> String {
        let separator = if self.entries > 0 { ",\n" } else { "\n" };
        self.entries += 1;
        format!("{separator}{}", entry(row, payload))
    }

    /// What stands behind the last.
    #[must_use]
    pub fn tail(&self) -> &'static str {
        "\n]}}\n"
    }
}

fn entry(row: &RequestRow, payload: Option<&Payload>) -> Value {
    // An archive has milliseconds, with a part behind the point.
    let ms = row.latency_us.map(|us| {
        #[expect(clippy::cast_precision_loss, reason = "no latency is near 2^52")]
        let ms = us as f64 / 1000.0;
        ms
    });
    // With the phrase that HTTP has for it: viewers show the two together.
    let (status, phrase) = match row.status {
        Status::Ok => (200, "OK"),
        Status::Error => (500, "Internal Server Error"),
        // As browsers write an exchange of which no answer was seen.
        Status::Timeout | Status::Unknown => (0, ""),
    };
    let mut request = json!({
        "method": "POST", "url": url(row), "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
        "queryString": [], "headersSize": -1, "bodySize": row.bytes_in.unwrap_or(-1),
    });
    if let Some(params) = payload.and_then(|payload| payload.params.as_ref()) {
        request["postData"] = json!({ "mimeType": "application/json", "text": params.text, "params": [], "comment": cut(params) });
    }
    let answer = payload.and_then(|payload| payload.answer.as_ref());
    let mut content =
        json!({ "size": row.bytes_out.unwrap_or(-1), "mimeType": "application/json" });
    if let Some(answer) = answer {
        content["text"] = Value::from(&*answer.text);
        content["comment"] = Value::from(cut(answer));
    }
    json!({
        "startedDateTime": rfc3339(row.ts).unwrap_or_else(|| row.ts.to_string()),
        "time": ms.unwrap_or(0.0),
        "request": request,
        "response": {
            "status": status, "statusText": phrase, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "content": content, "redirectURL": "", "headersSize": -1, "bodySize": row.bytes_out.unwrap_or(-1),
            "comment": row.error_msg.as_deref().unwrap_or_default(),
        },
        "cache": {},
        "timings": { "send": 0, "wait": ms.unwrap_or(-1.0), "receive": 0 },
        "_mcp": {
            "seq": row.seq, "proxy": row.proxy, "method": row.method, "target": row.target(),
            "session": row.session, "client": row.client_name, "status": row.status.as_str(),
            "error_kind": row.error_kind.and_then(mcpr_model::ErrorKind::of_failure), "error_code": row.error_code,
            "error_msg": row.error_msg,
        },
    })
}

/// Viewers want an address: the proxy, the method and what it names.
fn url(row: &RequestRow) -> String {
    let mut url = format!("mcp://{}/", encoded(&row.proxy));
    // Its slash parts methods into groups.
    url.push_str(&encoded(&row.method).replace("%2F", "/"));
    if let Some(target) = row.target() {
        url.push('/');
        url.push_str(&encoded(target));
    }
    url
}

fn encoded(text: &str) -> String {
    let mut safe = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // A String takes every write.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

fn cut(body: &Body) -> String {
    if body.is_cut {
        format!("the end is missing: {} bytes as it passed", body.bytes)
    } else {
        String::new()
    }
}
