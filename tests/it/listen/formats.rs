//! Each sample of a format, posted.

use super::client::{Client, Listener};
use crate::formats::{rows, samples, whole};
use crate::program::{Home, capture};
use std::fs;

#[test]
fn a_sample_that_is_posted_is_stored_as_from_its_file() {
    for name in samples().iter().filter(|name| name.ends_with(".ndjson")) {
        let home = Home::new();
        // The proxy's name comes from the file where the stream says none.
        let stem = name.split('.').next().unwrap();
        let listener = Listener::start(&home, &["--proxy", stem]);
        let mut client = Client::connect(listener.address);
        let text = fs::read_to_string(capture("formats").join(name)).unwrap();
        let array = format!("[{}]", text.trim_end().replace('\n', ","));
        for line in text.lines().chain([array.as_str()]) {
            let reply = client.post("/", line);
            assert_eq!(reply.status, 200, "{name}: {reply:?}");
            assert_eq!(reply.json()["bad"], 0, "{name}: {reply:?}");
        }
        listener.stop();
        assert_eq!(rows(&home), whole(name), "{name}");
    }
}
