//! What a format is: a name, what it knows, and how its lines are recognised and decoded. Pure.

use super::fields::Str;
use super::formats::FORMATS;
use super::{Decoded, LineContext, UnreadMessage};
use mcpr_model::SourceFormat;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Something that a format may know of a request. What it does not know is null in every row of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Which server or proxy it is of; else that comes from the source's name.
    Proxy,
    /// Its session's id.
    SessionId,
    /// An id of the request: its JSON-RPC id, or one that the stream gives it.
    RequestId,
    /// The name and version of the client, in some event of the stream.
    Client,
    /// Methods other than tool calls.
    EveryMethod,
    /// The upstream's share of the latency.
    UpstreamTime,
    /// The size of the request in bytes.
    BytesIn,
    /// The size of the answer in bytes.
    BytesOut,
    /// The status of the HTTP answer.
    HttpStatus,
    /// The code and message of a JSON-RPC error, in some way of answering.
    RpcError,
    /// That a tool call's result says `isError`.
    ToolError,
    /// Parameters and answers.
    Bodies,
    /// What the server offers.
    Surface,
}

impl Fact {
    /// Every fact, in the order in which the docs list them.
    // Rust lists no variants of an enum: a fact that is left out here has no column in the docs.
    pub const ALL: [Self; 13] = [
        Self::Proxy,
        Self::SessionId,
        Self::RequestId,
        Self::Client,
        Self::EveryMethod,
        Self::UpstreamTime,
        Self::BytesIn,
        Self::BytesOut,
        Self::HttpStatus,
        Self::RpcError,
        Self::ToolError,
        Self::Bodies,
        Self::Surface,
    ];

    /// What the docs call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::SessionId => "session id",
            Self::RequestId => "request id",
            Self::Client => "client",
            Self::EveryMethod => "every method",
            Self::UpstreamTime => "upstream time",
            Self::BytesIn => "request size",
            Self::BytesOut => "answer size",
            Self::HttpStatus => "HTTP status",
            Self::RpcError => "RPC error",
            Self::ToolError => "tool error",
            Self::Bodies => "bodies",
            Self::Surface => "surface",
        }
    }
}

/// The facts that a format knows.
#[derive(Debug, Clone, Copy)]
pub struct Knows(pub(super) &'static [Fact]);

impl Knows {
    /// Whether the format knows this.
    #[must_use]
    pub fn has(self, fact: Fact) -> bool {
        self.0.contains(&fact)
    }

    /// Whether its rows can have a session id. Without one they are grouped into inferred sessions.
    #[must_use]
    pub fn has_session_ids(self) -> bool {
        self.has(Fact::SessionId)
    }

    /// Whether it carries payloads.
    #[must_use]
    pub fn has_bodies(self) -> bool {
        self.has(Fact::Bodies)
    }
}

/// One format of events. A format reads objects, or lines of text, and nothing of the lines before.
pub trait Format: Sync {
    /// Which format it is.
    fn id(&self) -> SourceFormat;

    /// Its name in docs and messages.
    fn name(&self) -> &'static str {
        self.id().as_str()
    }

    /// What writes it, in a few words.
    fn about(&self) -> &'static str;

    /// What it knows of a request.
    fn knows(&self) -> Knows;

    /// Whether lines of a source may be in it; else its messages come in some other way.
    fn is_of_lines(&self) -> bool {
        true
    }

    /// The members of an object that detection has to look at to recognise this format.
    fn tags(&self) -> &'static [&'static str] {
        &[]
    }

    /// How its commonest objects begin, where no object of another format begins so. They are decoded
    /// without a look at their tags.
    fn common_start(&self) -> Option<&'static str> {
        None
    }

    /// Whether an object with these tags is one of this format.
    fn claims(&self, _tags: &Tags<'_>) -> bool {
        false
    }

    /// Decodes an object that this format claims, or that begins as its commonest do: then there are
    /// no tags.
    ///
    /// # Errors
    /// Why it does not decode.
    fn decode(&self, _event: &Tagged<'_>, _decoded: &mut Decoded) -> Result<(), String> {
        Ok(())
    }

    /// Takes a line that is not JSON; says whether it is one of this format.
    fn text(&self, _line: &[u8], _context: LineContext<'_>, _decoded: &mut Decoded) -> bool {
        false
    }

    /// What the beginning of a line of text leaves open that is not read as a whole.
    fn doubt(&self, _head: &str, _context: LineContext<'_>) -> Option<Box<UnreadMessage>> {
        None
    }

    /// The proxy's name that a file's place says, where it is one of this format: the names of its directory
    /// and of the file. A format that is not of files, or whose lines say it, says nothing here.
    fn proxy_in(&self, _directory: Option<&str>, _file: &str) -> Option<String> {
        None
    }
}

/// An object with what detection knows of it.
#[derive(Debug)]
pub struct Tagged<'a> {
    /// Its whole text.
    pub(super) json: &'a str,
    /// The members that show its format.
    pub(super) tags: Tags<'a>,
    /// Where it came from.
    pub(super) context: LineContext<'a>,
}

/// The members of an object that distinguish formats from each other: those that some format names, so that
/// there are few of them, whatever the object holds.
#[derive(Debug, Default)]
pub struct Tags<'a>(Vec<(&'static str, &'a RawValue)>);

impl Tags<'_> {
    /// The text that a member is.
    pub(super) fn text(&self, name: &str) -> Option<Str<'_>> {
        let (_, raw) = self.0.iter().find(|(known, _)| *known == name)?;
        // A tag of another type shows no format: the object is counted as unknown.
        serde_json::from_str(raw.get()).ok()
    }

    /// What a member holds, where it holds that.
    pub(super) fn parsed<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Option<T> {
        let (_, raw) = self.0.iter().find(|(known, _)| *known == name)?;
        serde_json::from_str(raw.get()).ok()
    }

    /// Whether a member is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        // Encoders write null for what is not there as often as they leave it out.
        let is_it = |(known, raw): &(&str, &RawValue)| *known == name && raw.get() != "null";
        self.0.iter().any(is_it)
    }

    /// Whether a member is one of these texts.
    pub(super) fn is_one_of(&self, name: &str, texts: &[&str]) -> bool {
        self.text(name)
            .is_some_and(|text| texts.contains(&&*text.0))
    }
}

/// The name of a tag, where a member goes by one.
fn tag_named(name: &str) -> Option<&'static str> {
    let mut tags = FORMATS.iter().flat_map(|format| format.tags());
    // The format's own text: the object's keys may be escaped, and would have to be copied to be kept.
    tags.find(|tag| **tag == name).copied()
}

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TagsVisitor;
        impl<'de> Visitor<'de> for TagsVisitor {
            type Value = Tags<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut tags = Tags::default();
                while let Some(key) = map.next_key::<Str<'de>>()? {
                    // Members that no format asks for are skipped without a copy, however long they are.
                    let Some(tag) = tag_named(&key.0) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    // Which of the two should decide the format is anybody's guess.
                    if tags.0.iter().any(|(known, _)| *known == tag) {
                        return Err(A::Error::duplicate_field(tag));
                    }
                    tags.0.push((tag, map.next_value()?));
                }
                Ok(tags)
            }
        }
        from.deserialize_map(TagsVisitor)
    }
}

/// The format of an object with these tags.
pub(super) fn claimed_by(tags: &Tags<'_>) -> Option<&'static dyn Format> {
    // What two formats have in common is claimed by neither alone: each asks for a tag of its own.
    FORMATS.iter().find(|format| format.claims(tags)).copied()
}

#[cfg(test)]
mod tests;
