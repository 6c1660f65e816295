//! Values as flags and the configuration file both write them: sizes and addresses. Pure.

use mcpr_model::Body;
use mcpr_store::query::when::parse_duration_us;
use std::net::SocketAddr;

/// Least size a store can be held to: an empty one takes a good part of it.
const LEAST_STORE_BYTES: u64 = 1 << 20;

/// A size in bytes, or with K, M, G or T behind it: powers of 1024, as sizes are shown.
///
/// # Errors
/// When the text is not a size.
pub fn size_bytes(text: &str) -> Result<u64, String> {
    let wrong = || "give a size such as 500M or 2G".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = text[digits.len()..].to_ascii_uppercase();
    let unit = match suffix.trim_end_matches('B').trim_end_matches('I') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1_u64 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

/// How much of a body is kept.
///
/// # Errors
/// When the text is not a size, or beyond what can be kept.
pub fn body_limit(text: &str) -> Result<usize, String> {
    let bytes = usize::try_from(size_bytes(text)?).unwrap_or(usize::MAX);
    if (1..=Body::MAX_BYTES).contains(&bytes) {
        Ok(bytes)
    } else {
        Err("it must lie between 1 and 1M".to_owned())
    }
}

/// An address with a port; of names, `localhost` alone is one.
///
/// # Errors
/// When the text is not a valid value.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    // A `SocketAddr` is never a name; this one needs no resolver.
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse()
        .map_err(|_| "give an address and a port, such as 127.0.0.1:8787".to_owned())
}

/// How long something is kept, milliseconds; `off` is without an end.
///
/// # Errors
/// When the text is neither.
pub fn kept_ms(text: &str) -> Result<Option<i64>, String> {
    if text == "off" {
        return Ok(None);
    }
    let us = parse_duration_us(text).map_err(|error| format!("{error}; or give `off`"))?;
    match us / 1000 {
        ms @ 1.. => Ok(Some(ms)),
        _ => Err("give a length of time such as 30d, or `off`".to_owned()),
    }
}

/// How large a store may be, bytes; `off` is as large as it grows.
///
/// # Errors
/// When the text is neither, or less than a store can be held to.
pub fn most_bytes(text: &str) -> Result<Option<u64>, String> {
    if text == "off" {
        return Ok(None);
    }
    match size_bytes(text) {
        Ok(size @ LEAST_STORE_BYTES..) => Ok(Some(size)),
        Ok(_) => Err("it must be 1M or more, or `off`".to_owned()),
        Err(error) => Err(format!("{error}; or `off`")),
    }
}

#[cfg(test)]
mod tests {
    use super::size_bytes;

    #[test]
    fn sizes() {
        let cases = [
            ("512", Some(512)),
            ("500M", Some(500 << 20)),
            ("2GiB", Some(2 << 30)),
            ("1kb", Some(1024)),
            ("", None),
            ("M", None),
            ("2X", None),
            ("-1", None),
            ("99999999999T", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size_bytes(text).ok(), expected, "{text}");
        }
    }
}
