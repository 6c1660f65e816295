//! What is written, in both formats.

use super::*;
use crate::SourceState;
use crate::operations::tests::{call, clean};
use mcpr_store::Sizes;

fn state() -> RecorderState {
    RecorderState {
        version: "1.2.3".to_owned(),
        started_at: 1_500,
        is_ready: true,
        last_commit: Some(2_250),
        store: Some(Sizes {
            store_bytes: 4096,
            log_bytes: 10,
        }),
        sources: vec![SourceState {
            name: "a\"b\\c\nd".into(),
            lag_bytes: Some(7),
            last_commit: None,
        }],
        ..RecorderState::default()
    }
}

#[test]
fn a_format_is_what_was_asked_for() {
    let cases = [
        ("", Format::Prometheus),
        ("*/*", Format::Prometheus),
        ("text/plain;version=0.0.4", Format::Prometheus),
        ("application/openmetrics-text-not", Format::Prometheus),
        (
            "application/openmetrics-text; version=1.0.0,text/plain;q=0.5",
            Format::OpenMetrics,
        ),
        (
            "text/plain, Application/OpenMetrics-Text",
            Format::OpenMetrics,
        ),
    ];
    for (accept, expected) in cases {
        assert_eq!(Format::of_accept(accept), expected, "{accept}");
    }
}

#[test]
fn values_and_labels_are_written_in_both_formats() {
    let mut operations = Operations::new(clean());
    operations.add(&call("p", "say \"hi\"\\\n# EOF", 10_000));
    let labels = r#"proxy="p",mcp_method_name="tools/call",gen_ai_tool_name="say \"hi\"\\\n# EOF""#;
    for format in [Format::OpenMetrics, Format::Prometheus] {
        let text = render(state(), &operations, format).unwrap();
        for expected in [
            &*format!("mcp_server_operation_duration_seconds_sum{{{labels}}} 0.01\n"),
            &format!("mcp_server_operation_duration_seconds_count{{{labels}}} 1\n"),
            "mcpr_build_info{version=\"1.2.3\"} 1\n",
            "mcpr_ready 1\n",
            "mcpr_start_timestamp_seconds 1.5\n",
            "mcpr_last_commit_timestamp_seconds 2.25\n",
            "mcpr_store_size_bytes{part=\"log\"} 10\n",
            "mcpr_source_lag_bytes{source=\"a\\\"b\\\\c\\nd\"} 7\n",
            "mcpr_lines_total 0\n",
            "mcpr_input_bytes_total 0\n",
        ] {
            assert!(text.contains(expected), "no {expected} in {text}");
        }
        for le in ["0.01", "+Inf"] {
            let le = format!("le=\"{le}\"");
            let is_it = |line: &&str| {
                line.starts_with("mcp_server_operation_duration_seconds_bucket{")
                    && line.contains(labels)
                    && line.contains(&le)
            };
            let bucket = text.lines().find(is_it).unwrap();
            assert!(bucket.ends_with("} 1"), "{bucket}");
        }
        assert!(!text.contains("mcp_client_operation_duration_seconds_count"));
        // The library ends the one format, and the other has no end.
        let ends = text.lines().filter(|line| *line == "# EOF").count();
        assert_eq!(ends, usize::from(format == Format::OpenMetrics), "{text}");
    }
}
