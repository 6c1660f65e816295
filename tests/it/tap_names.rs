//! What a tap without a name calls its server.

use super::program::Home;
use std::fs;
use std::process::Stdio;

/// Runs a tap without a name, whose server answers the first question with this.
fn proxies(answer: &str) -> Vec<String> {
    let home = Home::new();
    let question = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}\n";
    let asked = home.write("asked", question);
    let script = format!("read question; echo '{answer}'");
    let server = home.write("tickets.sh", script);
    let mut command = home.command(&["tap", "--", "/bin/sh", server.to_str().unwrap()]);
    command.stdin(Stdio::from(fs::File::open(asked).unwrap()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let rows = home.rows(&[]);
    let names = rows
        .iter()
        .map(|row| row["proxy"].as_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn a_tap_without_a_name_has_its_servers_own() {
    let answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"serverInfo\":{\"name\":\"ticket-office\",\"version\":\"1\"}}}";
    assert_eq!(proxies(answer), ["ticket-office"]);
}

#[test]
fn a_tap_whose_server_says_no_name_has_the_one_of_what_it_runs() {
    let answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}";
    assert_eq!(proxies(answer), ["tickets"]);
}
