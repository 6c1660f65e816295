//! How whole lists look to programs.

use super::*;

#[test]
fn ndjson_has_every_key_of_the_contract() {
    check(
        Format::Ndjson,
        REQUEST_COLUMNS,
        None,
        &expect![[r#"
            {"seq":1,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224423407,"time":"2026-11-21T01:27:03.407Z","proxy":"everything","kind":"mcp","session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","session":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","client_name":"claude-desktop","client_version":"1.2.0","method":"initialize","tool":null,"resource_uri":null,"prompt_name":null,"latency_us":5295,"upstream_us":5100,"status":"ok","error_kind":null,"error_code":null,"error_msg":null,"bytes_in":163,"bytes_out":7705,"http_status":null,"first_event_us":null,"format":null,"trace_id":null}
            {"seq":2,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224424424,"time":"2026-11-21T01:27:04.424Z","proxy":"everything","kind":"mcp","session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","session":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","client_name":"claude-desktop","client_version":"1.2.0","method":"tools/call","tool":"get-sum","resource_uri":null,"prompt_name":null,"latency_us":5295,"upstream_us":5100,"status":"ok","error_kind":null,"error_code":null,"error_msg":null,"bytes_in":163,"bytes_out":7705,"http_status":null,"first_event_us":null,"format":null,"trace_id":null}
            {"seq":3,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224425441,"time":"2026-11-21T01:27:05.441Z","proxy":"everything","kind":"mcp","session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","session":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","client_name":"claude-desktop","client_version":"1.2.0","method":"tools/call","tool":"nope","resource_uri":null,"prompt_name":null,"latency_us":604000,"upstream_us":5100,"status":"error","error_kind":"rpc","error_code":"-32602","error_msg":"MCP error -32602: Tool nope not found\u001b[2J, ask for the list","bytes_in":163,"bytes_out":7705,"http_status":null,"first_event_us":null,"format":null,"trace_id":null}
            {"seq":4,"request_id":null,"ts":1795224426000,"time":"2026-11-21T01:27:06.000Z","proxy":null,"kind":"gap","session_id":null,"session":null,"client_name":null,"client_version":null,"method":null,"tool":null,"resource_uri":null,"prompt_name":null,"latency_us":null,"upstream_us":null,"status":null,"error_kind":null,"error_code":null,"error_msg":"1204 events dropped","bytes_in":null,"bytes_out":null,"http_status":null,"first_event_us":null,"format":null,"trace_id":null}
            {"seq":5,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224427475,"time":"2026-11-21T01:27:07.475Z","proxy":"everything","kind":"mcp","session_id":null,"session":"~0123abcd","client_name":null,"client_version":null,"method":"resources/templates/list","tool":null,"resource_uri":null,"prompt_name":null,"latency_us":30000000,"upstream_us":null,"status":"timeout","error_kind":"timeout","error_code":null,"error_msg":null,"bytes_in":163,"bytes_out":null,"http_status":null,"first_event_us":null,"format":null,"trace_id":null}
        "#]],
    );
}

#[test]
fn json_is_one_array() {
    check(
        Format::Json,
        &["seq", "tool"],
        None,
        &expect![[r#"
        [{"seq":1,"tool":null},
        {"seq":2,"tool":"get-sum"},
        {"seq":3,"tool":"nope"},
        {"seq":4,"tool":null},
        {"seq":5,"tool":null}]
    "#]],
    );
}

#[test]
fn csv_has_a_header_and_safe_cells() {
    check(
        Format::Csv,
        &["seq", "time", "kind", "error_code", "error_msg"],
        None,
        &expect![[r#"
            seq,time,kind,error_code,error_msg␍
            1,2026-11-21T01:27:03.407Z,mcp,,␍
            2,2026-11-21T01:27:04.424Z,mcp,,␍
            3,2026-11-21T01:27:05.441Z,mcp,-32602,"MCP error -32602: Tool nope not found\x1b[2J, ask for the list"␍
            4,2026-11-21T01:27:06.000Z,gap,,1204 events dropped␍
            5,2026-11-21T01:27:07.475Z,mcp,,␍
        "#]],
    );
}

#[test]
fn an_empty_list_in_every_format() {
    let cases = [
        (Format::Table, ""),
        (Format::Json, "[]\n"),
        (Format::Ndjson, ""),
        (Format::Csv, "seq,tool\r\n"),
    ];
    for (format, expected) in cases {
        let columns = select(LOG_COLUMNS, &["seq", "tool"]).expect("known names");
        let mut listing = Listing::new(columns, format, plain(None));
        assert_eq!(listing.page(&[]) + &listing.finish(), expected);
    }
}
