//! A server that is killed, and a connection that is cut where nobody knows whether the COMMIT was done.

use super::{batch, beside, open, rows};
use crate::test_server::{PORT, TestServer, database};
use mcpr_store::{StoreUrl, Writer};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often the connection is cut.
const ROUNDS: i64 = 100;

/// Whether bytes to a server hold the text of a COMMIT.
fn commits(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|part| part == b"COMMIT\0")
}

/// Passes one connection on to a socket, and cuts it when a COMMIT has gone through while `cut` is set.
fn pass_on(client: TcpStream, socket: &Path, cut: &Arc<AtomicBool>) {
    let server = UnixStream::connect(socket).expect("the server");
    let (mut from_client, mut to_client) = (client.try_clone().expect("a clone"), client);
    let (mut from_server, mut to_server) = (server.try_clone().expect("a clone"), server);
    let is_cut = Arc::new(AtomicBool::new(false));
    let answers = {
        let is_cut = Arc::clone(&is_cut);
        std::thread::spawn(move || {
            let mut bytes = [0; 16384];
            while let Ok(read) = from_server.read(&mut bytes)
                && read > 0
            {
                // The answer of the server is there, and the client never gets it.
                if is_cut.load(Ordering::SeqCst) {
                    break;
                }
                if to_client.write_all(&bytes[..read]).is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
        })
    };
    let mut bytes = [0; 16384];
    while let Ok(read) = from_client.read(&mut bytes)
        && read > 0
    {
        if commits(&bytes[..read]) && cut.swap(false, Ordering::SeqCst) {
            is_cut.store(true, Ordering::SeqCst);
        }
        if to_server.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to_server.shutdown(Shutdown::Both);
    let _ = answers.join();
}

#[test]
fn a_connection_cut_between_commit_and_its_answer_loses_and_repeats_nothing() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let socket = database
        .server()
        .directory()
        .join(format!(".s.PGSQL.{PORT}"));
    let cut = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&cut);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (socket, cut) = (socket.clone(), Arc::clone(&shared));
            std::thread::spawn(move || pass_on(client, &socket, &cut));
        }
    });
    let text = database.text();
    let name = text.split(['/', '?']).nth(3).expect("a name");
    let through = format!("postgres://mcpr@127.0.0.1:{port}/{name}?sslmode=disable");
    let through = StoreUrl::parse(through).expect("a URL");
    let mut store = open(&through, &beside()).expect("a store");
    let mut failures = 0;
    for round in 0..ROUNDS {
        let batch = batch(1, round, round * 3..round * 3 + 3);
        cut.store(true, Ordering::SeqCst);
        let mut tries = 0;
        while let Err(error) = store.append(&batch) {
            assert!(error.is_retryable(), "{error:#}");
            failures += 1;
            tries += 1;
            assert!(tries < 10, "{error:#}");
        }
    }
    assert_eq!(failures, ROUNDS, "each round lost one answer");
    let expected: Vec<(i64, String)> = (0..ROUNDS * 3).map(|at| (at + 1, at.to_string())).collect();
    assert_eq!(rows(&database.url()), expected);
}

#[test]
fn a_server_that_is_killed_has_what_it_acknowledged_and_nothing_twice() {
    // With its own disk: what is acknowledged has to be there after a crash.
    let Some(server) = TestServer::start(&["fsync=on"]) else {
        return;
    };
    server.execute("CREATE DATABASE d");
    let place = StoreUrl::parse(server.text("d")).expect("a URL");
    let mut store = open(&place, &beside()).expect("a store");
    for round in 0..5_i64 {
        let batch = batch(1, round, round * 10..round * 10 + 10);
        store.append(&batch).expect("append");
        // The process that serves the writer dies, and the server throws all others out with it.
        server.kill_backends("d");
        let mut tries = 0_u32;
        // The same batch once more: whoever has lost an answer sends it again.
        while let Err(error) = store.append(&batch) {
            assert!(error.is_retryable(), "{error:#}");
            tries += 1;
            assert!(tries < 600, "{error:#}");
            std::thread::park_timeout(std::time::Duration::from_millis(100));
        }
    }
    let expected: Vec<(i64, String)> = (0..50).map(|at| (at + 1, at.to_string())).collect();
    assert_eq!(rows(&place), expected);
}
