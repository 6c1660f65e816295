//! Fault 11: hostile and unlucky clients of the HTTP source.

mod client;

use super::checker::compare;
use super::ledger::Ledger;
use super::program::{Place, pause};
use super::report::Outcome;
use anyhow::{Context, Result};
use client::{Client, Listener};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Clients that dribble a head.
const SLOW_HEADS: usize = 500;
/// A slow client has to be gone by then: the ten seconds of a body and some.
const GONE_WITHIN: Duration = Duration::from_secs(15);
/// Clients that post at the same time.
const POSTERS: usize = 4;
/// Events in a post.
const EVENTS: usize = 5;
/// More than a body may have.
const TOO_LONG: usize = (8 << 20) + 1;
const TOKEN: &str = "a-token-of-a-test";

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let kills = place.length.pick(20, 200);
    let mut outcome = Outcome::new(format!(
        "{SLOW_HEADS} clients dribble heads and two dribble bodies, one of them without an end, while \
         others post; posts that must be refused are sent; the same post is sent by {POSTERS} clients at \
         once; the recorder is killed {kills} times while {POSTERS} clients post, who send again what \
         was not answered."
    ));
    slow_clients(place, &mut outcome)?;
    refusals(place, &mut outcome)?;
    killed(place, kills, &mut outcome)?;
    Ok(outcome)
}

/// Keeps every slow client going, byte by byte, until the recorder has sent all of them away.
fn slow_clients(place: &mut Place, outcome: &mut Outcome) -> Result<()> {
    let store = place.path("slow.db");
    let mut listener = Listener::start(place, &store, &[])?;
    let mut ledger = Ledger::new(place.random.fork());
    let at_rest = listener.sockets()?;
    let host = listener.address;
    let (began, mut longest, mut refused) = (Instant::now(), Duration::ZERO, 0);
    let mut slow = (0..SLOW_HEADS)
        .map(|_| slow_client(host, "POST / HTTP/1.1\r\nX-Slow: ", b"x"))
        .collect::<Result<Vec<_>>>()?;
    let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
    let by_length = format!("{head}Content-Length: 9999\r\n\r\n[");
    let endless = format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n");
    slow.push(slow_client(host, &by_length, b" ")?);
    slow.push(slow_client(host, &endless, b"1\r\n \r\n")?);
    while !slow.is_empty() && began.elapsed() < GONE_WITHIN {
        let mut left = Vec::new();
        for (mut client, drop) in slow {
            if client.send(drop) && !client.is_over()? {
                left.push((client, drop));
            }
        }
        slow = left;
        let asked = Instant::now();
        let status = Client::connect(host)?.post(&ledger.lines(EVENTS));
        refused += u64::from(status != Some(200));
        longest = longest.max(asked.elapsed());
        pause(Duration::from_millis(50));
    }
    outcome.none_of("slow clients: connections left", slow.len() as u64);
    outcome.figure(
        "slow clients: the last one gone after",
        format!("{:.1} s", began.elapsed().as_secs_f64()),
    );
    outcome.none_of("posts of others that were refused meanwhile", refused);
    outcome.figure(
        "longest such post",
        format!("{:.2} s", longest.as_secs_f64()),
    );
    let still_open = listener.sockets()?.saturating_sub(at_rest);
    outcome.none_of("sockets the recorder still holds", still_open);
    listener.recorder.until_stored(&store, ledger.len())?;
    listener.recorder.stop()?;
    compare(&store, &ledger)?.note(outcome);
    Ok(())
}

/// A client that has begun, and what it goes on with.
fn slow_client<'a>(address: SocketAddr, begin: &str, drop: &'a [u8]) -> Result<(Client, &'a [u8])> {
    let mut client = Client::connect(address)?;
    client.send(begin.as_bytes());
    Ok((client, drop))
}

/// A request that must be refused: its name, its head without the length, and the status it gets.
const REFUSED: [(&str, &str, u16); 8] = [
    (
        "page of another origin",
        "POST / HTTP/1.1\r\nHost: HOST\r\nOrigin: http://evil.example\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n",
        403,
    ),
    (
        "host of another name",
        "POST / HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n",
        403,
    ),
    (
        "no token",
        "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n",
        401,
    ),
    (
        "wrong token",
        "POST / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n",
        401,
    ),
    (
        "another method",
        "PUT / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n",
        405,
    ),
    (
        "no type",
        "POST / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n",
        415,
    ),
    (
        "form",
        "POST / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        415,
    ),
    (
        "compressed body",
        "POST / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n",
        415,
    ),
];

/// What must be refused is, and nothing of it is stored.
fn refusals(place: &mut Place, outcome: &mut Outcome) -> Result<()> {
    let (store, token) = (place.path("refused.db"), place.path("token"));
    std::fs::write(&token, TOKEN).context("write the token")?;
    let token = token.to_string_lossy().into_owned();
    let listener = Listener::start(place, &store, &["--token-file", &token])?;
    let host = listener.address.to_string();
    let fill = |head: &str| head.replace("HOST", &host).replace("TOKEN", TOKEN);
    let mut ledger = Ledger::new(place.random.fork());
    let body = ledger.lines(1);
    for (name, head, status) in REFUSED {
        let mut client = Client::connect(listener.address)?;
        client
            .send(format!("{}Content-Length: {}\r\n\r\n{body}", fill(head), body.len()).as_bytes());
        expect(outcome, name, client.status(), status);
    }
    let allowed = fill(
        "POST / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/x-ndjson\r\n",
    );
    let begin = |head: &str| -> Result<Client> {
        let mut client = Client::connect(listener.address)?;
        client.send(format!("{allowed}{head}\r\n").as_bytes());
        Ok(client)
    };
    let mut client = begin(&format!("Content-Length: {TOO_LONG}\r\n"))?;
    expect(outcome, "body too long by its length", client.status(), 413);
    let mut client = begin("Transfer-Encoding: chunked\r\n")?;
    client.send(format!("{TOO_LONG:x}\r\n").as_bytes());
    client.send(&vec![b' '; TOO_LONG]);
    expect(outcome, "body too long in chunks", client.status(), 413);
    // A body that breaks off behind a whole line: nothing of it may be stored.
    let mut client = begin(&format!("Content-Length: {}\r\n", body.len() + 10))?;
    client.send(body.as_bytes());
    drop(client);
    let mut client = begin("Transfer-Encoding: chunked\r\n")?;
    client.send(format!("{:x}\r\n{body}\r\n", body.len()).as_bytes());
    drop(client);
    let (code, messages) = listener.recorder.stop()?;
    outcome.must(code == Some(0), || {
        format!("refusals: ended badly: {messages}")
    });
    let stored = super::checker::count(&store) as u64;
    outcome.none_of("rows of refused posts and of bodies that broke off", stored);
    Ok(())
}

fn expect(outcome: &mut Outcome, name: &str, status: Option<u16>, expected: u16) {
    let shown = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    outcome.must(status == Some(expected), || {
        format!("{name}: {shown} where {expected} was due")
    });
    outcome.figure(name, shown);
}

/// Clients post, the recorder is killed at any moment, and what was not answered is posted again.
fn killed(place: &mut Place, kills: u32, outcome: &mut Outcome) -> Result<()> {
    let store = place.path("killed.db");
    let mut ledger = Ledger::new(place.random.fork());
    let mut waiting: Vec<VecDeque<String>> = vec![VecDeque::new(); POSTERS];
    let (mut answered, mut unanswered, mut refused) = (0, 0, 0);
    for _ in 0..kills {
        let listener = Listener::start(place, &store, &[])?;
        let address = listener.address;
        for bodies in &mut waiting {
            while bodies.len() < 400 {
                bodies.push_back(ledger.lines(EVENTS));
            }
        }
        let pause_of = Duration::from_micros(place.random.u64(500..150_000));
        let posted = std::thread::scope(|scope| {
            let posters: Vec<_> = waiting
                .iter_mut()
                .map(|bodies| scope.spawn(move || post_all(address, bodies)))
                .collect();
            pause(pause_of);
            let killed = listener.recorder.kill();
            let posted = posters.into_iter().map(|it| it.join().expect("no panic"));
            killed.map(|()| posted.collect::<Vec<Posted>>())
        })?;
        answered += posted.iter().map(|it| it.answered).sum::<u64>();
        unanswered += posted.iter().map(|it| it.unanswered).sum::<u64>();
        refused += posted.iter().map(|it| it.refused).sum::<u64>();
    }
    let listener = Listener::start(place, &store, &[])?;
    for bodies in &mut waiting {
        refused += post_all(listener.address, bodies).refused;
    }
    refused += together(listener.address, &ledger.lines(EVENTS))?;
    listener.recorder.stop()?;
    outcome.figure("kills while clients posted", kills);
    outcome.figure("posts answered before the kills", answered);
    outcome.figure(
        "posts the kills left without an answer, sent again",
        unanswered,
    );
    outcome.none_of("posts refused", refused);
    note_store(place, &store, &ledger, outcome)
}

/// The same post from several clients at once: how often it was refused.
fn together(address: SocketAddr, body: &str) -> Result<u64> {
    let statuses = std::thread::scope(|scope| {
        let posters: Vec<_> = (0..POSTERS)
            .map(|_| scope.spawn(|| anyhow::Ok(Client::connect(address)?.post(body))))
            .collect();
        let statuses = posters.into_iter().map(|it| it.join().expect("no panic"));
        statuses.collect::<Result<Vec<_>>>()
    })?;
    Ok(statuses.iter().filter(|&&it| it != Some(200)).count() as u64)
}

/// What became of a client's posts.
#[derive(Default)]
struct Posted {
    answered: u64,
    unanswered: u64,
    refused: u64,
}

/// Posts bodies one after the other until all are answered or the recorder is gone.
fn post_all(address: SocketAddr, bodies: &mut VecDeque<String>) -> Posted {
    let mut posted = Posted::default();
    let Ok(mut client) = Client::connect(address) else {
        return posted;
    };
    while let Some(body) = bodies.front() {
        match client.post(body) {
            Some(200) => posted.answered += 1,
            Some(_) => posted.refused += 1,
            None => {
                posted.unanswered += 1;
                return posted;
            }
        }
        bodies.pop_front();
    }
    posted
}

fn note_store(place: &Place, store: &Path, ledger: &Ledger, outcome: &mut Outcome) -> Result<()> {
    compare(store, ledger)?.note(outcome);
    let is_whole = place.is_whole(store)?;
    outcome.must(is_whole, || "store verify --full found damage".to_owned());
    Ok(())
}
