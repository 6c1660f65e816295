//! What stands before each line: syslog's header in its forms, times, and the names that `kubectl`
//! and `docker compose` write.

use super::Layer;

/// Splits behind the first space.
pub(super) fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', line)?;
    Some((&line[..at], &line[at + 1..]))
}

/// Whether a word has the shape of a time: `2026-11-29T04:00:00` and whatever follows.
pub(super) fn is_time(word: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    word.len() >= SHAPE.len()
        && SHAPE.iter().zip(word).all(|(shape, byte)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => shape == byte,
        })
}

/// A line behind a prefix that is known.
pub(super) fn prefixed(line: &[u8]) -> Option<Layer<'_>> {
    // The first byte decides which forms are tried: most lines are text and in none of them.
    let inner = match line.first()? {
        b'<' => priority(line),
        b'[' => pod(line),
        b'0'..=b'9' => timed(line).or_else(|| named(line)),
        b'A'..=b'Z' => old_syslog(line).or_else(|| named(line)),
        b'a'..=b'z' | b'_' => named(line),
        _ => None,
    }?;
    Some(Layer::whole(inner))
}

/// Syslog with its priority, `<34>`, in the form of RFC 5424 or RFC 3164, or bare as systemd reads it.
fn priority(line: &[u8]) -> Option<&[u8]> {
    // The highest priority is 191: anything longer between the brackets is something else.
    let end = memchr::memchr(b'>', line.get(..6).unwrap_or(line))?;
    let digits = &line[1..end];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let rest = &line[end + 1..];
    let header = new_syslog(rest)
        .or_else(|| old_syslog(rest))
        .or_else(|| timed(rest));
    Some(header.unwrap_or(rest))
}

/// `1 TIME HOST APP PROCESS MESSAGE-ID DATA MESSAGE`
fn new_syslog(line: &[u8]) -> Option<&[u8]> {
    let (version, mut rest) = word(line)?;
    // RFC 5424 has had no other version, and other numbers begin other logs.
    if version != b"1" {
        return None;
    }
    // Time, host, program, process and message id: only the time has a shape of its own.
    for place in 0..5 {
        let (field, behind) = word(rest)?;
        if place == 0 && field != b"-" && !is_time(field) {
            return None;
        }
        rest = behind;
    }
    structured_data(rest)
}

/// What stands behind the structured data: `-`, or elements `[id name="value"]` without a space
/// between them, in whose values a backslash takes the meaning from what follows.
fn structured_data(line: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = line.strip_prefix(b"-") {
        return Some(rest);
    }
    let (mut is_quoted, mut is_open, mut at) = (false, false, 0);
    while let Some(&byte) = line.get(at) {
        match byte {
            b'\\' if is_quoted => at += 1,
            b'"' if is_open => is_quoted = !is_quoted,
            b'[' if !is_quoted && !is_open => is_open = true,
            // A bracket within quotes is part of a value, as RFC 5424 allows unescaped ones there.
            b']' if !is_quoted && is_open => is_open = false,
            b' ' if !is_open => return (at > 0).then(|| &line[at..]),
            _ if !is_open => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// `Nov 29 04:00:00 HOST TAG[PID]: MESSAGE`
fn old_syslog(line: &[u8]) -> Option<&[u8]> {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    const CLOCK: &[u8] = b"00:00:00";
    let (month, rest) = word(line)?;
    // RFC 3164 pads a day of one digit with a second space.
    let (day, rest) = word(rest.trim_ascii_start())?;
    let (time, rest) = word(rest)?;
    let is_clock = time.len() >= CLOCK.len()
        && CLOCK.iter().zip(time).all(|(shape, byte)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => shape == byte,
        });
    if !MONTHS.contains(&month) || !day.iter().all(u8::is_ascii_digit) || !is_clock {
        return None;
    }
    host_and_tag(rest)
}

/// `HOST TAG: MESSAGE` or `HOST TAG[PID]: MESSAGE`
fn host_and_tag(line: &[u8]) -> Option<&[u8]> {
    let (host, rest) = word(line)?;
    let (tag, rest) = word(rest)?;
    // Without the colon it would be any two words of a sentence.
    let is_tag = tag.len() > 1 && tag.ends_with(b":");
    (is_tag && !host.is_empty()).then_some(rest)
}

/// `TIME MESSAGE`, and syslog with such a time.
fn timed(line: &[u8]) -> Option<&[u8]> {
    let (_, rest) = word(line).filter(|(time, _)| is_time(time))?;
    // `kubectl logs --timestamps` and `docker logs -t` put a time before the line and no more.
    Some(host_and_tag(rest).unwrap_or(rest))
}

/// `[pod/NAME/CONTAINER] MESSAGE`
fn pod(line: &[u8]) -> Option<&[u8]> {
    let inside = line.strip_prefix(b"[pod/")?;
    let end = memchr::memchr(b']', inside)?;
    let name = &inside[..end];
    (!name.contains(&b' ')).then(|| &inside[end + 1..])
}

/// `NAME  | MESSAGE`
fn named(line: &[u8]) -> Option<&[u8]> {
    /// Names of containers are no longer.
    const LONGEST: usize = 256;
    let head = &line[..line.len().min(LONGEST)];
    let bar = memchr::memmem::find(head, b" | ")?;
    let name = head[..bar].trim_ascii_end();
    // A bar with blanks around it stands in prose, too: what is before it has to be a name.
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-|/".contains(byte);
    name.iter().all(is_name).then(|| &line[bar + 3..])
}
