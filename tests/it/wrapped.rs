//! Lines in wrappers through the built program: stored whatever stands around them, each part of a line
//! once, and nothing passed over in silence.

use super::program::{Home, capture};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;

fn event(id: u32, tool: &str) -> String {
    let event = json!({
        "id": format!("00000000-0000-4000-8000-{id:012}"), "ts": 1_795_224_422_390_u64, "proxy": "p",
        "method": "POST", "path": "/", "mcp_method": "tools/call", "tool": tool, "status": 200,
        "latency_us": 1, "note": "x",
    });
    // `type` stands first, as the proxy prints it.
    event.to_string().replacen('{', r#"{"type":"request","#, 1)
}

fn tools(home: &Home) -> Vec<String> {
    let mut tools: Vec<String> = home
        .rows_or_none()
        .iter()
        .map(|row| row["tool"].as_str().unwrap_or_default().to_owned())
        .collect();
    tools.sort();
    tools
}

fn stats(home: &Home) -> Value {
    serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap()
}

#[test]
fn whatever_stands_around_a_line_the_event_in_it_is_stored_or_called_bad() {
    let home = Home::new();
    let lines = [
        format!("\u{feff}{}", event(1, "marked")),
        format!("  {}", event(2, "indented")),
        format!("\u{1b}[0m{}\u{1b}[0m", event(3, "coloured")),
        format!("2026-11-29T04:00:00Z stderr F {}", event(4, "cri")),
        json!({"log": event(5, "docker") + "\n", "stream": "stderr", "time": "2026-11-29T04:00:00Z"})
            .to_string(),
        json!({"MESSAGE": event(6, "journal"), "__CURSOR": "s=1"}).to_string(),
        format!("Nov 29 04:00:00 host mcpr[12]: {}", event(7, "syslog")),
        format!("[pod/web-1/mcpr] {}", event(8, "pod")),
        format!("Starting server... {}", event(9, "glued")),
        "listening on 3000".to_owned(),
    ];
    let file = home.write("p.log", lines.join("\n") + "\n");
    home.record(&[&file]);
    let expected = [
        "coloured", "cri", "docker", "indented", "journal", "marked", "pod", "syslog",
    ];
    assert_eq!(tools(&home), expected);
    let stats = stats(&home);
    let kept = stats["kept_bad_lines"].as_array().unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let reason = "text stands before the event at byte 19, on the same line";
    assert_eq!(kept[0]["reason"], reason);
    assert_eq!(stats["sources"][0]["text"], 1);
}

#[test]
fn a_captured_log_says_the_same_through_a_container_and_the_journal() {
    let original = fs::read_to_string(capture("mcpr-0.5.44/weather.stderr.log")).unwrap();
    let plain = Home::new();
    let file = plain.write("weather.log", &original);
    plain.record(&[&file]);
    let expected = plain.rows(&[]);
    let time = "2026-11-29T04:00:00.000000000Z";
    // As the engines do it: no part is longer than 16 KiB.
    let cut = |line: &str, wrap: &dyn Fn(&str, bool) -> String| {
        let chars: Vec<char> = line.chars().collect();
        let last = chars.chunks(16_000).count().max(1) - 1;
        let parts = chars.chunks(16_000).enumerate();
        parts
            .map(|(at, part)| wrap(&part.iter().collect::<String>(), at == last) + "\n")
            .collect::<String>()
    };
    let docker = |part: &str, is_last: bool| {
        let end = if is_last { "\n" } else { "" };
        json!({"log": format!("{part}{end}"), "stream": "stderr", "time": time}).to_string()
    };
    let cri = |part: &str, is_last: bool| {
        format!("{time} stderr {} {part}", if is_last { "F" } else { "P" })
    };
    let journal = |part: &str, is_last: bool| {
        let end = if is_last { "nl" } else { "line-max" };
        json!({"MESSAGE": part, "_STREAM_ID": "7", "_LINE_BREAK": end}).to_string()
    };
    for wrap in [&docker as &dyn Fn(&str, bool) -> String, &cri, &journal] {
        let home = Home::new();
        let wrapped: String = original.lines().map(|line| cut(line, wrap)).collect();
        let file = home.write("weather.log", wrapped);
        home.record(&[&file]);
        assert_eq!(home.rows(&[]), expected);
    }
}

#[test]
fn a_line_whose_parts_are_read_by_two_recorders_is_stored_once() {
    let home = Home::new();
    let (whole, cut) = (event(1, "whole"), event(2, "cut"));
    let part = |tag: &str, text: &str| format!("2026-11-29T04:00:00Z stderr {tag} {text}\n");
    let file = home.write("p.log", part("F", &whole) + &part("P", &cut[..40]));
    home.record(&[&file]);
    assert_eq!(tools(&home), ["whole"]);
    let mut more = fs::OpenOptions::new().append(true).open(&file).unwrap();
    more.write_all((part("P", &cut[40..80]) + &part("F", &cut[80..])).as_bytes())
        .unwrap();
    home.record(&[&file]);
    assert_eq!(tools(&home), ["cut", "whole"]);
    let last = home.record(&[&file]);
    assert!(last.contains("recorded 0 lines"), "{last}");
}

#[test]
fn a_source_in_no_known_format_says_so_with_those_that_are() {
    let home = Home::new();
    let line = "{\"level\":\"info\",\"msg\":\"request\"}\n";
    let files = ["a.log", "b.log", "c.log"].map(|name| home.write(name, line.repeat(150)));
    let shown = home.record(&[&files[0], &files[1], &files[2]]);
    for file in &files {
        let name = file.to_str().unwrap();
        let of_file = shown.lines().filter(|it| it.starts_with(name));
        let of_file: Vec<&str> = of_file.collect();
        assert_eq!(of_file.len(), 1, "{shown}");
        assert!(of_file[0].contains("none of its 150 lines is"), "{shown}");
    }
    assert_eq!(shown.matches("mcpr_v05_stderr").count(), 1, "{shown}");
    // A stream may never end, so that it is reported of before.
    let stream = home.write("stream.log", line.repeat(250));
    let mut command = home.command(&["record", "-"]);
    let output = command.stdin(fs::File::open(stream).unwrap()).output();
    let streamed = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(
        streamed.contains("no event in the first 100 lines"),
        "{streamed}"
    );
    assert_eq!(streamed.matches("mcpr_v05_stderr").count(), 1, "{streamed}");
}

#[test]
fn utf_16_is_called_so() {
    let home = Home::new();
    let text = format!("{}\n{}\n", event(1, "a"), event(2, "b"));
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let file = home.write("p.log", bytes);
    home.record(&[&file]);
    let stats = stats(&home);
    let kept = stats["kept_bad_lines"].as_array().unwrap();
    assert!(!kept.is_empty());
    for line in kept {
        assert!(
            line["reason"].as_str().unwrap().starts_with("UTF-16"),
            "{line}"
        );
    }
}

/// The page promises each of its examples.
#[test]
fn every_wrapper_of_the_documentation_comes_off() {
    let page = fs::read_to_string("docs/wrappers.md").unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let examples = rows.filter_map(|row| row.rsplit_once(" | `")?.1.strip_suffix("` |"));
    let mut lines = String::new();
    let mut expected = Vec::new();
    for (number, example) in (0..).zip(examples) {
        let tool = format!("tool{number:02}");
        let event = event(number, &tool);
        let escaped = serde_json::to_string(&event).unwrap();
        let line = example
            .replace("{\"event\":…}", &event)
            .replace("{\\\"event\\\":…}", escaped.trim_matches('"'))
            .replace("EF BB BF ", "\u{feff}")
            .replace("ESC", "\u{1b}")
            .replace("\\|", "|");
        lines.push_str(&line);
        lines.push('\n');
        expected.push(tool);
    }
    assert!(expected.len() >= 10, "{expected:?}");
    let home = Home::new();
    let file = home.write("p.log", lines);
    home.record(&[&file]);
    assert_eq!(tools(&home), expected);
}
