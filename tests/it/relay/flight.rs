//! Requests in flight at an address.

use super::super::program::{Home, json_lines, until};
use super::super::web::Web;
use super::Relay;
use super::ways::{call, of_port, post, result_of};
use serde_json::{Value, json};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

#[test]
fn a_call_at_a_url_is_pending_until_its_answer_comes() {
    let home = Home::new();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let held = Arc::clone(&gate);
    let web = Web::new(move |asked| {
        let (is_open, news) = &*held;
        let is_open = is_open.lock().unwrap();
        drop(news.wait_while(is_open, |is_open| !*is_open).unwrap());
        result_of(asked)
    });
    let relay = Relay::start(&home, &["--url", &of_port(web.port()), "--name", "far"]);
    let authority = relay.authority().to_owned();
    let client = thread::spawn(move || post(&authority, &call(1, "slow")));
    let pending = || {
        let ran = home.run(&["logs", "--status", "pending", "--json"]);
        json_lines(&ran.out)
    };
    until("the call is in flight", || pending().len() == 1);
    let open = &pending()[0];
    assert_eq!(
        (&open["tool"], &open["proxy"]),
        (&json!("slow"), &json!("far"))
    );
    let table = home.succeed(&["logs"]);
    assert!(
        table.contains("▸ pending") && table.contains("a=1"),
        "{table}"
    );
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    client.join().unwrap();
    until("its answer is stored", || home.rows_or_none().len() == 1);
    assert_eq!(pending(), [Value::Null; 0]);
    relay.end();
    home.succeed(&["store", "verify", "--full"]);
}
