//! What the forwarding side reports about an exchange, piece by piece. No credential is in any of it.

use super::sessions::SessionDigest;
use crate::Moment;
use mcpr_model::Text;

/// What a piece takes beside its bytes, so that many small ones are bounded too.
pub(super) const OVERHEAD_BYTES: usize = 256;

/// The head of a request, as far as a recorder needs it. No credential is in it.
#[derive(Debug)]
pub(super) struct AskedHead {
    /// Which of the servers it is for.
    pub(super) server: usize,
    pub(super) verb: HttpVerb,
    /// The session that the request names, as its hash.
    pub(super) session: Option<SessionDigest>,
    /// The place that is asked, as its hash: it may hold a session's id.
    pub(super) place: SessionDigest,
    /// The path without its query.
    pub(super) path: Text,
    /// The protocol version that the request names.
    pub(super) version: Option<Text>,
    /// A hash of what the client's program calls itself; one that says nothing is nobody.
    pub(super) agent: Option<u64>,
    pub(super) coding: ContentCoding,
}

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpVerb {
    Get,
    Post,
    Delete,
    Other,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct AnsweredHead {
    pub(super) status: u16,
    /// What stands behind it, in the server's own words.
    pub(super) reason: Text,
    /// The session that it begins or is of, as its hash.
    pub(super) session: Option<SessionDigest>,
    pub(super) kind: ContentKind,
    pub(super) coding: ContentCoding,
    /// The type of its content, as it was named.
    pub(super) content_type: Option<Text>,
}

/// What an answer's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentKind {
    Json,
    Events,
    Text,
    Other,
}

/// How it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentCoding {
    Plain,
    Gzip,
    /// In a way that is not read here.
    Unread,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExchangeEnd {
    Complete,
    /// The client has closed the connection.
    ClientLeft,
    /// The server could not be reached, or the connection to it broke.
    Broken(Text),
    /// This program was asked to end.
    TapEnded,
}

/// What passed.
#[derive(Debug)]
pub(super) enum PieceKind {
    Begun(Box<AskedHead>),
    /// Bytes of the request.
    Asked {
        bytes: Box<[u8]>,
        is_after_loss: bool,
    },
    /// The request is whole.
    AllAsked,
    Answered(AnsweredHead),
    /// Bytes of the answer.
    Answer {
        bytes: Box<[u8]>,
        is_after_loss: bool,
    },
    Ended(ExchangeEnd),
    /// So many exchanges were not copied at all before this, the first of them at this time.
    Lost {
        count: u64,
        from_ts: i64,
    },
}

/// A piece of an exchange.
#[derive(Debug)]
pub(super) struct ExchangePiece {
    /// The number of its exchange.
    pub(super) exchange: u64,
    pub(super) moment: Moment,
    pub(super) what: PieceKind,
}

impl ExchangePiece {
    pub(super) fn size(&self) -> usize {
        OVERHEAD_BYTES
            + match &self.what {
                PieceKind::Asked { bytes, .. } | PieceKind::Answer { bytes, .. } => bytes.len(),
                _ => 0,
            }
    }
}
