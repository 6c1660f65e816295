//! Lines as container engines and the journal keep them: Docker's json-file, CRI logs, what
//! `journalctl -o json` prints. They cut long lines into parts.

use super::prefix::{is_time, word};
use super::{Layer, LinePart};
use crate::fields::Str;
use compact_str::format_compact;
use mcpr_model::Text;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A line of Docker's json-file driver, or of a collector that hands it on with more fields.
#[derive(Debug, Deserialize)]
struct Docker<'a> {
    #[serde(borrow)]
    log: Option<Str<'a>>,
    #[serde(borrow)]
    stream: Option<Str<'a>>,
    #[serde(borrow)]
    time: Option<Str<'a>>,
}

/// An entry of the journal.
#[derive(Debug, Deserialize)]
struct ContainerEntry<'a> {
    #[serde(borrow, rename = "MESSAGE", default, deserialize_with = "present")]
    message: Option<&'a RawValue>,
    /// Why the line was cut here, where it was.
    #[serde(borrow, rename = "_LINE_BREAK")]
    line_break: Option<Str<'a>>,
    #[serde(borrow, rename = "_STREAM_ID")]
    stream: Option<Str<'a>>,
    #[serde(borrow, rename = "CONTAINER_ID_FULL")]
    container: Option<Str<'a>>,
    #[serde(borrow, rename = "CONTAINER_PARTIAL_MESSAGE")]
    is_part: Option<Str<'a>>,
    #[serde(borrow, rename = "CONTAINER_PARTIAL_ID")]
    part_of: Option<Str<'a>>,
    #[serde(borrow, rename = "CONTAINER_PARTIAL_LAST")]
    is_last_part: Option<Str<'a>>,
}

/// A value that is there, also where it is `null`.
fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// What an object that is not an event wraps.
pub(super) fn object(line: &[u8]) -> Option<Result<Layer<'_>, String>> {
    let text = std::str::from_utf8(line).ok()?;
    // Looking for the key is cheap; parsing an object that wraps nothing is not.
    if memchr::memmem::find(line, b"\"log\"").is_some()
        && let Ok(docker) = serde_json::from_str::<Docker<'_>>(text)
        && let Some(layer) = docker.layer()
    {
        return Some(Ok(layer));
    }
    // The journal writes its own fields in capitals, which no event of ours does.
    memchr::memmem::find(line, b"\"MESSAGE\"")?;
    serde_json::from_str::<ContainerEntry<'_>>(text)
        .ok()?
        .layer()
}

impl<'a> Docker<'a> {
    fn layer(self) -> Option<Layer<'a>> {
        let (mut inner, is_last) = (self.log?.0, true);
        // An object that merely has a `log` is somebody's own.
        self.stream.as_ref().or(self.time.as_ref())?;
        // Docker writes all three, and ends each line but a cut one with its newline.
        let stream = self.stream.filter(|_| self.time.is_some());
        let ends = inner.ends_with('\n');
        if ends {
            inner = match inner {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches(['\r', '\n'])),
                Cow::Owned(mut text) => {
                    text.truncate(text.trim_end_matches(['\r', '\n']).len());
                    Cow::Owned(text)
                }
            };
        }
        let part = stream.map(|stream| LinePart {
            stream: format_compact!("docker {}", stream.0),
            is_last: is_last && ends,
        });
        Some(Layer {
            inner: bytes(inner),
            part,
        })
    }
}

impl<'a> ContainerEntry<'a> {
    fn layer(self) -> Option<Result<Layer<'a>, String>> {
        let message = self.message?;
        // The parts of a line are distinguished before its text is taken out of `self`.
        let part = self.part();
        let inner = match message.get().as_bytes().first()? {
            b'"' => bytes(serde_json::from_str::<Str<'a>>(message.get()).ok()?.0),
            // The journal writes what is not printable, colour among it, as numbers.
            b'[' => Cow::Owned(serde_json::from_str::<Vec<u8>>(message.get()).ok()?),
            b'n' => {
                let reason = "the journal left this message out for its length: use --all";
                return Some(Err(reason.to_owned()));
            }
            _ => return None,
        };
        Some(Ok(Layer { inner, part }))
    }

    fn part(&self) -> Option<LinePart> {
        let is = |field: &Option<Str<'_>>, value: &str| {
            field.as_ref().is_some_and(|field| &*field.0 == value)
        };
        // Containers whose lines the journal keeps: several write into one journal at a time.
        if let Some(id) = self.part_of.as_ref().or(self.container.as_ref()) {
            let is_part = is(&self.is_part, "true");
            return Some(LinePart {
                stream: format_compact!("container {}", id.0),
                is_last: !is_part || is(&self.is_last_part, "true"),
            });
        }
        // The journal cuts at 48 KiB, unless configured otherwise.
        let stream = self.stream.as_ref()?;
        Some(LinePart {
            stream: format_compact!("journal {}", stream.0),
            is_last: !is(&self.line_break, "line-max"),
        })
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// A line as the container runtime interface keeps it: `TIME stdout F LINE`, where `P` says that the
/// line goes on.
pub(super) fn cri(line: &[u8]) -> Option<Layer<'_>> {
    let (time, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    if !is_time(time) || !matches!(stream, b"stdout" | b"stderr") {
        return None;
    }
    // An empty line has its tag and nothing behind it.
    let (tags, inner) = word(rest).unwrap_or((rest, b""));
    let is_last = match tags.split(|&byte| byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    let stream = if stream == b"stdout" {
        "cri stdout"
    } else {
        "cri stderr"
    };
    Some(Layer {
        inner: Cow::Borrowed(inner),
        part: Some(LinePart {
            stream: Text::const_new(stream),
            is_last,
        }),
    })
}
