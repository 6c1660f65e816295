//! Logs of each format, and the messages of a session: whatever they hold, no row claims to know what its format does
//! not.

use mcpr_ingest::tap::{Copy, Direction, Transcript};
use mcpr_ingest::{LineDecoder, LineOptions, Moment};
use mcpr_model::{ErrorKind, Event, Request};
use mcpr_wire::{FORMATS, Fact};

/// The lines of a log.
pub(super) fn log(data: &[u8]) {
    check(&read(data));
}

/// The lines of an export, whose rows have what the formats knew that they were recorded in: an edited one may say
/// anything of them.
pub(super) fn exported(data: &[u8]) {
    read(data);
}

fn read(data: &[u8]) -> Vec<Event> {
    let mut decoder = LineDecoder::new("log", "p", LineOptions::default());
    for line in data.split(|&byte| byte == b'\n') {
        decoder.line(0, line, 0);
    }
    decoder.end_parts(0);
    let delivery = decoder.take();
    delivery.events
}

/// The messages of a session over a pipe, each line in the direction that its first byte says.
pub(super) fn session(data: &[u8]) {
    let mut session = Transcript::new("p", "s");
    let began = Moment::now();
    session.begin(began);
    for line in data.split(|&byte| byte == b'\n') {
        let Some((first, text)) = line.split_first() else {
            continue;
        };
        let direction = match first % 2 {
            0 => Direction::ToServer,
            _ => Direction::ToClient,
        };
        session.read(&Copy {
            direction,
            moment: began,
            loss: None,
            bytes: [text, b"\n"].concat().into(),
        });
    }
    session.announce_open(began.at);
    session.end(began);
    check(&session.take().events);
}

/// No row shows what its format does not know.
fn check(events: &[Event]) {
    for event in events {
        let Event::Request(row) = event else { continue };
        let format = FORMATS.iter().find(|it| Some(it.id()) == row.format);
        let format = format.expect("a row says its format");
        for fact in Fact::ALL {
            assert!(
                format.knows().has(fact) || !shows(row, fact),
                "{} knows no {}: {row:?}",
                format.name(),
                fact.title()
            );
        }
        assert!(row.latency_us.is_none_or(|latency| latency >= 0), "{row:?}");
    }
}

fn shows(row: &Request, fact: Fact) -> bool {
    let kind = row.outcome.error_kind;
    match fact {
        Fact::SessionId => row.session_id.is_some(),
        Fact::RequestId => row.request_id.is_some(),
        Fact::Client => row.client_name.is_some() || row.client_version.is_some(),
        // A connection that failed is reported where no method is.
        Fact::EveryMethod => row.method != "tools/call" && kind != Some(ErrorKind::Died),
        Fact::UpstreamTime => row.upstream_us.is_some(),
        Fact::BytesIn => row.bytes_in.is_some(),
        Fact::BytesOut => row.bytes_out.is_some(),
        Fact::HttpStatus => row.http_status.is_some(),
        Fact::RpcError => kind == Some(ErrorKind::Rpc),
        Fact::ToolError => kind == Some(ErrorKind::Tool),
        Fact::Bodies => row.payload.is_some(),
        Fact::Surface => row.surface.is_some(),
        // The name comes from the source where a log says none.
        Fact::Proxy => false,
    }
}
