//! Records as they are stored. Every kind is stored as its own number, and never as its place among the others.

use mcpr_model::{
    ErrorKind, EventKey, Kind, OperationLink, OperationPart, OperationStage, Outcome, Request,
    RequestId, SourceFormat, Target, TargetKind, Text, TraceId,
};
use mcpr_store::{RollupKey, RollupRow};
use serde::{Deserialize, Serialize};

/// What is called: of a request its row keeps the number of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) proxy: Text,
    pub(crate) kind: u8,
    pub(crate) method: Text,
    /// The code of the target's kind, 0 without one, and its name.
    pub(crate) target: (u8, Text),
    /// The operation in whose hourly sums it counts: itself, or all others together.
    pub(crate) sums: u64,
    /// Requests that name it.
    pub(crate) rows: u64,
}

impl Operation {
    pub(crate) fn of(key: &RollupKey) -> Self {
        let target = key.target.as_ref();
        Self {
            proxy: key.proxy.clone(),
            kind: small(key.kind.code()),
            method: key.method.clone(),
            target: target.map_or((0, Text::default()), |it| {
                (small(it.kind.code()), it.name.clone())
            }),
            sums: 0,
            rows: 0,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        // A kind of a later version cannot be distinguished from those that are known.
        Kind::from_code(self.kind.into()).unwrap_or_default()
    }

    pub(crate) fn target(&self) -> Option<Target> {
        let kind = TargetKind::from_code(self.target.0.into())?;
        let name = self.target.1.clone();
        Some(Target { kind, name })
    }

    /// The key of its sums in an hour.
    pub(crate) fn rollup_key(&self, hour: i64) -> RollupKey {
        RollupKey {
            hour,
            proxy: self.proxy.clone(),
            kind: self.kind(),
            method: self.method.clone(),
            target: self.target(),
        }
    }

    /// Whether it is what is called, whatever its numbers.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.proxy == other.proxy
            && self.method == other.method
            && self.kind == other.kind
            && self.target == other.target
    }
}

/// A name and version that requests say themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) name: Option<Text>,
    pub(crate) version: Option<Text>,
    pub(crate) rows: u64,
}

/// A request as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) ts: i64,
    pub(crate) operation: u64,
    /// The number of its session, or 0.
    pub(crate) session: u64,
    /// Whether its stream stated the session's id.
    pub(crate) says_session: bool,
    /// The number of the client that it names itself, or 0.
    pub(crate) client: u64,
    /// What a second delivery is found by at its time.
    pub(crate) key: i64,
    pub(crate) call: Option<i64>,
    id: Option<IdForm>,
    pub(crate) latency_us: Option<i64>,
    upstream_us: Option<i64>,
    bytes_in: Option<i64>,
    bytes_out: Option<i64>,
    http_status: Option<u16>,
    first_event_us: Option<i64>,
    format: u8,
    /// The code of the kind of error, 0 for success.
    pub(crate) error: u8,
    error_code: Option<Text>,
    error_msg: Option<Text>,
    retyped: bool,
    trace: Option<[u8; 16]>,
    part: Option<PartForm>,
}

/// The form of an id (0 a UUID, 1 a number, 2 a text) and its bytes.
type IdForm = (u8, Vec<u8>);
/// What it follows, what it leaves, and the code of its stage.
type PartForm = (Option<i64>, Option<i64>, u8);

/// Where a request goes that is new.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) operation: u64,
    pub(crate) session: u64,
    pub(crate) client: u64,
    pub(crate) key: i64,
    pub(crate) call: Option<i64>,
}

/// What the numbers of a row stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowNames<'a> {
    pub(crate) operation: &'a Operation,
    /// The id of its session.
    pub(crate) session: Option<&'a str>,
    pub(crate) client: Option<&'a Client>,
}

impl Row {
    pub(crate) fn of(request: &Request, place: Place) -> Self {
        let outcome = &request.outcome;
        let part = request.part.as_deref();
        Self {
            ts: request.ts,
            operation: place.operation,
            session: place.session,
            says_session: request.session_id.is_some(),
            client: place.client,
            key: place.key,
            call: place.call,
            id: request.request_id.as_ref().map(id_form),
            latency_us: request.latency_us,
            upstream_us: request.upstream_us,
            bytes_in: request.bytes_in,
            bytes_out: request.bytes_out,
            http_status: request.http_status,
            first_event_us: request.first_event_us,
            format: request.format.map_or(0, |it| small(it.code())),
            error: outcome.error_kind.map_or(0, |it| small(it.code())),
            error_code: outcome.error_code.clone(),
            error_msg: outcome.error_msg.clone(),
            retyped: outcome.retyped,
            trace: request.trace_id.as_deref().map(|it| it.bytes()),
            part: part.map(|part| {
                let code = |link: Option<OperationLink>| link.map(OperationLink::code);
                let stage = small(part.stage.code());
                (code(part.follows), code(part.leaves), stage)
            }),
        }
    }

    /// Where it went.
    pub(crate) fn place(&self) -> Place {
        Place {
            operation: self.operation,
            session: self.session,
            client: self.client,
            key: self.key,
            call: self.call,
        }
    }

    /// The id that it came with, as it is printed.
    pub(crate) fn id(&self) -> Option<RequestId> {
        let (form, bytes) = self.id.as_ref()?;
        let text = || RequestId::Text(String::from_utf8_lossy(bytes).into());
        Some(match form {
            // Sixteen bytes, if nothing is damaged.
            0 => bytes
                .as_slice()
                .try_into()
                .map_or_else(|_| text(), RequestId::Uuid),
            1 => RequestId::Int(number_of(bytes)),
            _ => text(),
        })
    }

    /// The request that it was, without what is kept beside it. Its event's key is not known any more.
    pub(crate) fn request(&self, named: RowNames<'_>) -> Request {
        let operation = named.operation;
        let unknown = EventKey {
            hash: self.key.cast_unsigned(),
            source: mcpr_model::KeySource::Id,
            call: None,
        };
        let (proxy, method) = (operation.proxy.clone(), operation.method.clone());
        Request {
            request_id: self.id(),
            session_id: named.session.filter(|_| self.says_session).map(Text::from),
            client_name: named.client.and_then(|it| it.name.clone()),
            client_version: named.client.and_then(|it| it.version.clone()),
            target: operation.target(),
            latency_us: self.latency_us,
            upstream_us: self.upstream_us,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            http_status: self.http_status,
            first_event_us: self.first_event_us,
            format: SourceFormat::from_code(self.format.into()),
            trace_id: self.trace.map(|it| Box::new(TraceId::of_bytes(it))),
            part: self.part.and_then(part_of).map(Box::new),
            outcome: Outcome {
                error_kind: ErrorKind::from_code(self.error.into()),
                error_code: self.error_code.clone(),
                error_msg: self.error_msg.clone(),
                retyped: self.retyped,
            },
            ..Request::new(unknown, self.ts, proxy, operation.kind(), method)
        }
    }
}

fn id_form(id: &RequestId) -> IdForm {
    match id {
        RequestId::Uuid(bytes) => (0, bytes.to_vec()),
        RequestId::Int(number) => {
            let bytes = number.to_le_bytes();
            // As many as it has: ids are counted from 1.
            let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
            (1, bytes[..bytes.len() - zeros].to_vec())
        }
        RequestId::Text(text) => (2, text.as_bytes().to_vec()),
    }
}

fn number_of(bytes: &[u8]) -> i64 {
    let mut whole = [0; 8];
    for (byte, stored) in whole.iter_mut().zip(bytes) {
        *byte = *stored;
    }
    i64::from_le_bytes(whole)
}

fn part_of((follows, leaves, stage): PartForm) -> Option<OperationPart> {
    let link = |code: Option<i64>| code.map(OperationLink::from_code);
    Some(OperationPart {
        follows: link(follows),
        leaves: link(leaves),
        stage: OperationStage::from_code(stage.into())?,
    })
}

/// A code as a byte: all of them are small.
pub(crate) fn small(code: i64) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Hourly sums as they are stored, under their hour and operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSums {
    calls: u64,
    /// By kind, in the order of [`ErrorKind::ALL`]; a version that knows fewer writes fewer.
    errors: Vec<u64>,
    latency_sum_us: i64,
    latency_min_us: i64,
    latency_max_us: i64,
    sketch: Vec<u8>,
    bytes_in: i64,
    bytes_out: i64,
}

impl StoredSums {
    pub(crate) fn of(row: &RollupRow) -> Self {
        Self {
            calls: row.calls,
            errors: row.errors.to_vec(),
            latency_sum_us: row.latency_sum_us,
            latency_min_us: row.latency_min_us,
            latency_max_us: row.latency_max_us,
            sketch: row.sketch.to_bytes(),
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
        }
    }

    /// The row of a key; `None` where the sketch is damaged.
    pub(crate) fn row(self, key: RollupKey) -> Option<RollupRow> {
        let mut row = RollupRow::new(key);
        // Kinds are added at the end: what an older version wrote is the beginning of today's.
        for (mine, stored) in row.errors.iter_mut().zip(self.errors) {
            *mine = stored;
        }
        Some(RollupRow {
            calls: self.calls,
            latency_sum_us: self.latency_sum_us,
            latency_min_us: self.latency_min_us,
            latency_max_us: self.latency_max_us,
            sketch: mcpr_model::Sketch::from_bytes(&self.sketch)?,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            ..row
        })
    }
}
