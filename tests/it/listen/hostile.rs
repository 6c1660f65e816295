//! Clients that are slow on purpose, and many.

use super::client::{Client, Listener};
use crate::kill::line;
use crate::program::Home;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 500;

/// Whether the other side has ended a connection.
fn is_over(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let over = match stream.read(&mut [0; 512]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).unwrap();
    over
}

#[test]
fn slow_clients_are_sent_away_and_a_normal_post_is_served_meanwhile() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let began = Instant::now();
    let mut open: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = TcpStream::connect(listener.address).unwrap();
            stream.write_all(b"POST / HTTP/1.1\r\nX-Slow: ").unwrap();
            stream
        })
        .collect();
    let mut slow_body = Client::connect(listener.address);
    slow_body.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[",
        listener.address
    ));
    let mut idle = Client::connect(listener.address);
    let mut posted = 0;
    while !open.is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{} are left",
            open.len()
        );
        // Each keeps its head going, byte by byte.
        for stream in &mut open {
            let _ = stream.write_all(b"x");
        }
        open.retain_mut(|stream| !is_over(stream));
        let asked = Instant::now();
        assert_eq!(
            Client::connect(listener.address)
                .post("/", &line(posted))
                .status,
            200
        );
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "a normal post waited"
        );
        // A connection that is used again and again is none of the slow ones.
        assert_eq!(idle.post("/", &line(posted + 1)).status, 200);
        posted += 2;
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let refused = slow_body.reply().unwrap();
    assert_eq!(refused.status, 408, "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!(
        idle.post("/", &line(0)).status,
        200,
        "idle for some seconds"
    );
    let messages = listener.stop();
    assert!(messages.contains(&format!("{posted} stored")), "{messages}");
}
