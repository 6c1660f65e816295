#!/usr/bin/env python3
"""Derives, from a captured stream, the rows that a recorder must make of it.

Written from the description of the formats alone; it shares nothing with the decoders it checks.
usage: derive.py CAPTURE PROXY > EXPECTED.tsv
"""
import datetime
import json
import sys

COLUMNS = [
    "kind", "method", "target", "session_id", "status", "error_kind", "error_code", "error_msg",
    "latency_us", "upstream_us", "request_id", "client_name", "client_version", "proxy", "ts",
    "bytes_in", "bytes_out",
]
CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
DECODER = json.JSONDecoder()


def skip(text, at):
    while text[at] in " \t\r\n":
        at += 1
    return at


def spans(text, at=0):
    """The members of the object (or elements of the array) at `at`: name or index -> its own text."""
    at, found, index = skip(text, at), {}, 0
    is_object, at = text[at] == "{", skip(text, at + 1)
    while text[at] not in "}]":
        name = index
        if is_object:
            name, at = DECODER.raw_decode(text, at)
            at = skip(text, skip(text, at) + 1)
        _, end = DECODER.raw_decode(text, at)
        found[name] = text[at:end]
        at, index = skip(text, end), index + 1
        if text[at] == ",":
            at = skip(text, at + 1)
    return found


def size(text):
    return None if text is None else len(text.encode())


def ms(rfc3339):
    head, fraction = rfc3339[:19], "0"
    if rfc3339[19] == ".":
        fraction = rfc3339[20:].rstrip("Z").split("+")[0]
    assert rfc3339.endswith(("Z", "+00:00"))
    moment = datetime.datetime.strptime(head, "%Y-%m-%dT%H:%M:%S")
    moment = moment.replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 1000 + int(fraction[:3].ljust(3, "0"))


def outcome(method, answer, http_status, answered):
    """-> (status, error_kind, error_code, error_msg)"""
    if answer is not None and "error" in answer:
        error = answer["error"]
        return "error", "rpc", str(error["code"]), error["message"][:512]
    if method == "tools/call" and answer and answer.get("result", {}).get("isError") is True:
        texts = [c["text"] for c in answer["result"]["content"] if c["type"] == "text"]
        return "error", "tool", None, texts[0][:512]
    if http_status and http_status >= 400:
        return "error", "http", str(http_status), None
    if not answered:
        return "timeout", "timeout", None, None
    return "ok", None, None, None


def rpc_row(rpc, answer, http_status, answered):
    params = rpc.get("params") or {}
    client = (params.get("_meta") or {}).get(CLIENT_INFO)
    if client is None and rpc["method"] == "initialize":
        client = params.get("clientInfo")
    client = client or {}
    target = None
    if rpc["method"] in ("tools/call", "prompts/get"):
        target = params.get("name")
    if rpc["method"] in ("resources/read", "resources/subscribe", "resources/unsubscribe"):
        target = params.get("uri")
    status, kind, code, message = outcome(rpc["method"], answer, http_status, answered)
    return {
        "kind": "mcp", "method": rpc["method"], "target": target, "status": status,
        "error_kind": kind, "error_code": code, "error_msg": message,
        "request_id": str(rpc["id"]), "client_name": client.get("name"),
        "client_version": client.get("version"),
    }


def from_a(event, _text, proxy):
    if event["type"] != "request":
        return
    method, kind = event["mcp_method"], "mcp"
    if method is None:
        method, kind = event["method"], "http"
    elif method == "SSE":
        kind = "http"
    status, error_kind, code = "ok", None, None
    if event["error_code"] is not None:
        status, error_kind, code = "error", "rpc", str(event["error_code"])
    elif event["status"] >= 400:
        status, error_kind, code = "error", "http", str(event["status"])
    yield {
        "kind": kind, "method": method, "status": status, "error_kind": error_kind,
        "error_code": code, "error_msg": event["error_msg"], "request_id": event["id"],
        "target": event["tool"] or event["prompt_name"] or event["resource_uri"],
        "session_id": event["session_id"], "latency_us": event["latency_us"],
        "upstream_us": event["upstream_us"], "client_name": event["client_name"],
        "client_version": event["client_version"], "proxy": event["proxy"], "ts": event["ts"],
        "bytes_in": event["request_size"], "bytes_out": event["response_size"],
    }


def from_b(event, text, proxy):
    if event["type"] != "transaction":
        return
    request, response = event["request"], event.get("response")
    parts = spans(text)
    asked = spans(parts["request"])
    answered = spans(parts["response"]) if response else {}
    if request["kind"] == "mcp":
        answer = response.get("result") if response else None
        row = rpc_row(request["rpc"], answer, (response or {}).get("status"), response is not None)
        row["bytes_in"], row["bytes_out"] = size(asked["rpc"]), size(answered.get("result"))
    else:
        answer = response.get("result") if response else None
        status, kind, code, message = outcome(
            None, answer, (response or {}).get("status"), response is not None)
        row = {
            "kind": request["kind"], "method": request["method"], "status": status,
            "error_kind": kind, "error_code": code, "error_msg": message,
            "request_id": event["request_id"], "bytes_in": request["size"],
            "bytes_out": size(answered.get("result")) if answer else response["size"],
        }
    row.update(
        session_id=event["session_id"], latency_us=event["latency_us"],
        upstream_us=event["upstream_us"], proxy=proxy, ts=event["ts"] * 1000)
    yield row


def from_c(event, text, _proxy):
    if event["kind"] != "request":
        return
    payload = event["payload"]
    parts = spans(spans(text)["payload"])
    http_status = payload["http_status"]
    if payload["kind"] == "mcp":
        answered = "result" in payload or http_status != 0
        row = rpc_row(payload["rpc"], payload.get("result"), http_status, answered)
        row["bytes_in"], row["bytes_out"] = size(parts["rpc"]), size(parts.get("result"))
    else:
        status, kind, code, message = outcome(None, None, http_status, http_status != 0)
        row = {
            "kind": payload["kind"], "method": payload["http_method"], "status": status,
            "error_kind": kind, "error_code": code, "error_msg": message,
            "request_id": payload["request_id"], "bytes_in": payload["request_size"],
            "bytes_out": payload["response_size"] if http_status else None,
        }
    row.update(
        session_id=payload["session_id"] or None, latency_us=payload["latency_us"],
        upstream_us=payload["upstream_us"], proxy=event["server"], ts=ms(event["ts"]))
    yield row


def rows(line, proxy):
    if line.startswith("[{"):
        texts = spans(line).values()
    elif line.startswith("{"):
        texts = [line]
    else:
        return
    for text in texts:
        event = json.loads(text)
        if "payload" in event and "kind" in event:
            yield from from_c(event, text, proxy)
        elif event["type"] in ("transaction", "session", "schema") or "latency_us" not in event:
            yield from from_b(event, text, proxy)
        else:
            yield from from_a(event, text, proxy)


def cell(value):
    if value is None:
        return "-"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def main():
    path, proxy = sys.argv[1:]
    print("\t".join(COLUMNS))
    with open(path, encoding="utf-8", newline="\n") as capture:
        for line in capture:
            for row in rows(line.rstrip("\n"), proxy):
                print("\t".join(cell(row.get(column)) for column in COLUMNS))


if __name__ == "__main__":
    main()
