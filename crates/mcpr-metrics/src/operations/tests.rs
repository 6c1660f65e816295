//! Which series there are, and how many at most.

use super::*;
use crate::labels::limits::{
    ERROR_TYPES, LABEL_BYTES, METHODS, PROXIES, SERIES, SERIES_OF_PROXY, TOOLS,
};
use mcpr_model::ErrorKind;
use mcpr_store::query::OTHER;
use std::collections::BTreeSet;

/// A row of a call.
pub(crate) fn call(proxy: &str, tool: &str, latency_us: i64) -> RequestRow {
    RequestRow {
        seq: 1,
        ts: 0,
        proxy: proxy.to_owned(),
        method: "tools/call".to_owned(),
        tool: Some(tool.to_owned()),
        latency_us: Some(latency_us),
        ..RequestRow::default()
    }
}

/// Nothing is a secret.
pub(crate) fn clean() -> Clean {
    Clean::by(|_| None)
}

fn failed(kind: ErrorKind, code: Option<&str>) -> RequestRow {
    RequestRow {
        error_kind: Some(kind),
        error_code: code.map(str::to_owned),
        ..call("p", "t", 1)
    }
}

fn counted(operations: &Operations) -> u64 {
    let series = operations.requests.values();
    series.map(|durations| durations.server.count()).sum()
}

fn values(operations: &Operations, of: impl Fn(&OperationLabels) -> Option<Text>) -> usize {
    let values: BTreeSet<_> = operations.requests.keys().filter_map(of).collect();
    values.len()
}

#[test]
fn an_error_type_is_the_code_or_what_ended_the_request() {
    let cases = [
        (ErrorKind::Rpc, Some("-32602"), "-32602"),
        (ErrorKind::Rpc, None, "rpc"),
        (ErrorKind::Tool, Some("7"), "tool_error"),
        (ErrorKind::Http, Some("502"), "502"),
        (ErrorKind::Cancelled, None, "cancelled"),
        (ErrorKind::Timeout, None, "timeout"),
    ];
    for (kind, code, expected) in cases {
        let mut operations = Operations::new(clean());
        operations.add(&failed(kind, code));
        let labels = operations.requests.keys().next().unwrap();
        assert_eq!(labels.error_type.as_deref(), Some(expected));
    }
    let mut operations = Operations::new(clean());
    operations.add(&call("p", "t", 1));
    assert_eq!(operations.requests.keys().next().unwrap().error_type, None);
}

#[test]
fn the_upstreams_share_counts_where_it_is_known() {
    let mut operations = Operations::new(clean());
    operations.add(&call("p", "t", 30_000));
    operations.add(&RequestRow {
        upstream_us: Some(20_000),
        ..call("p", "t", 30_000)
    });
    let durations = operations.requests.values().next().unwrap();
    assert_eq!((durations.server.count(), durations.client.count()), (2, 1));
}

#[test]
fn what_is_no_request_of_mcp_counts_nowhere() {
    let mut operations = Operations::new(clean());
    for kind in [Kind::Http, Kind::Oauth] {
        operations.add(&RequestRow {
            kind,
            ..call("p", "t", 1)
        });
    }
    assert_eq!(operations.requests.len(), 0);
}

#[test]
fn invented_names_make_no_series_without_end_and_every_request_counts() {
    let mut operations = Operations::new(clean());
    let mut rows = 0;
    for number in 0..5000 {
        let name = number.to_string();
        let odd = [
            call("p", &name, 1),
            call(&name, "t", 1),
            RequestRow {
                method: name.clone(),
                ..call("p", "t", 1)
            },
            failed(ErrorKind::Rpc, Some(&name)),
        ];
        rows += odd.len() as u64;
        for row in &odd {
            operations.add(row);
        }
    }
    assert_eq!(counted(&operations), rows);
    let of = |get: fn(&OperationLabels) -> Option<Text>| values(&operations, get);
    assert_eq!(of(|labels| Some(labels.proxy.clone())), PROXIES + 1);
    assert_eq!(of(|labels| Some(labels.method.clone())), METHODS + 1);
    assert_eq!(of(|labels| labels.tool.clone()), TOOLS + 1);
    assert_eq!(of(|labels| labels.error_type.clone()), ERROR_TYPES + 1);
}

#[test]
fn names_that_are_multiplied_have_a_bound_in_each_proxy_and_in_all() {
    let mut operations = Operations::new(clean());
    let mut rows = 0;
    for proxy in 0..PROXIES {
        for tool in 0..TOOLS {
            for code in 0..ERROR_TYPES / 4 {
                let mut row = failed(ErrorKind::Rpc, Some(&code.to_string()));
                row.proxy = proxy.to_string();
                row.tool = Some(tool.to_string());
                operations.add(&row);
                rows += 1;
            }
        }
    }
    assert_eq!(counted(&operations), rows);
    // What has no series of its own: one for what went well, and one for the rest.
    let rest = 2 * (PROXIES + 1);
    assert!(operations.requests.len() <= SERIES + rest);
    let first = operations.requests.keys();
    let first = first.filter(|labels| labels.proxy == "0").count();
    assert!((SERIES_OF_PROXY..=SERIES_OF_PROXY + 2).contains(&first));
    let last = OperationLabels {
        proxy: (PROXIES - 1).to_string().into(),
        method: OTHER.into(),
        tool: None,
        error_type: Some(OTHER.into()),
    };
    let last = &operations.requests[&last];
    assert_eq!(last.server.count(), (TOOLS * (ERROR_TYPES / 4)) as u64);
}

#[test]
fn a_name_too_long_for_a_label_is_other() {
    let mut operations = Operations::new(clean());
    for bytes in [LABEL_BYTES, LABEL_BYTES + 1] {
        operations.add(&call("p", &"x".repeat(bytes), 1));
    }
    let tools: Vec<_> = operations
        .requests
        .keys()
        .filter_map(|labels| Some(labels.tool.as_ref()?.len()))
        .collect();
    assert_eq!(tools, [OTHER.len(), LABEL_BYTES]);
}

#[test]
fn names_that_are_one_without_their_secrets_are_one_series() {
    let clean = Clean::by(|name| name.starts_with("key-").then(|| "[redacted]".to_owned()));
    let mut operations = Operations::new(clean);
    operations.add(&call("p", "key-1", 1));
    operations.add(&call("p", "key-2", 1));
    operations.add_session("key-3", 5);
    let (labels, durations) = operations.requests.first_key_value().unwrap();
    assert_eq!(labels.tool.as_deref(), Some("[redacted]"));
    assert_eq!(durations.server.count(), 2);
    assert!(operations.sessions.contains_key("[redacted]"));
}
