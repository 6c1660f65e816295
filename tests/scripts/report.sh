#!/usr/bin/env bash
# Real work with mcpr and jq: a report over a store (MCPR_DB), each figure got in two ways that must
# agree. Needs mcpr and jq on the PATH. Prints the report; ends with 1 where two figures differ.
set -euo pipefail

fail() {
    printf 'differs: %s: %s is not %s\n' "$1" "$2" "$3" >&2
    exit 1
}

same() {
    [ "$2" = "$3" ] || fail "$1" "$2" "$3"
}

everything=(--since @0)
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
mcpr logs "${everything[@]}" --tail all --json > "$work/requests.ndjson"

# Calls per tool or method: counted by hand, and by `stats`.
by_hand=$(jq -s -c '
    group_by([.proxy, .method, .tool])
    | map({key: [.[0].proxy, .[0].method, .[0].tool], calls: length,
           errors: map(select(.status != "ok")) | length})
    | sort_by(.key)' "$work/requests.ndjson")
by_stats=$(mcpr stats "${everything[@]}" --json |
    jq -s -c 'map({key: [.proxy, .method, .tool], calls, errors}) | sort_by(.key)')
same 'calls and errors per tool' "$by_hand" "$by_stats"

# The slowest request: the first of `slow`, and the largest latency of all.
slowest=$(jq -s 'map(.latency_us) | max' "$work/requests.ndjson")
same 'slowest' "$(mcpr slow "${everything[@]}" --threshold 1us --limit 1 --json | jq .latency_us)" \
    "$slowest"

# Every session's calls: its own counter, its requests, and the requests of all with its id.
mcpr sessions --limit all --json | jq -r .session_id | while read -r id; do
    document=$(mcpr session "$id" --json)
    counted=$(jq .total_calls <<< "$document")
    same "calls of $id" "$counted" "$(jq '[.requests[] | select(.kind == "mcp")] | length' <<< "$document")"
    same "requests of $id" "$counted" \
        "$(jq -s --arg id "$id" 'map(select(.session == $id)) | length' "$work/requests.ndjson")"
done

# Reading on from a cursor, a few at a time, gives every request once.
mcpr logs --cursor-file "$work/cursor" --kind all --json > "$work/first.ndjson"
same 'nothing is left after the cursor' "$(mcpr logs --cursor-file "$work/cursor" --kind all --json | wc -l)" 0
after=0
: > "$work/pages.ndjson"
while true; do
    mcpr logs --kind all --after "$after" --follow --max 50 --timeout 200ms --json > "$work/page.ndjson"
    [ -s "$work/page.ndjson" ] || break
    cat "$work/page.ndjson" >> "$work/pages.ndjson"
    after=$(tail -n 1 "$work/page.ndjson" | jq .seq)
done
cmp "$work/first.ndjson" "$work/pages.ndjson"

# CSV and JSON show the same.
same 'rows as CSV' "$(mcpr logs "${everything[@]}" --tail all --format csv --fields seq | tail -n +2 | wc -l)" \
    "$(wc -l < "$work/requests.ndjson")"
same 'rows as an array' "$(mcpr logs "${everything[@]}" --tail all --format json | jq length)" \
    "$(wc -l < "$work/requests.ndjson")"

printf 'requests  %s\n' "$(wc -l < "$work/requests.ndjson")"
printf 'errors    %s\n' "$(jq -s 'map(select(.status != "ok")) | length' "$work/requests.ndjson")"
printf 'slowest   %s us\n' "$slowest"
mcpr clients "${everything[@]}" --json | jq -r '"client    \(.client_name) \(.client_version): \(.total_calls) calls"'
