#!/bin/sh
# lnav reads what `mcpr logs --json` prints with the format of contrib/lnav: lnav.sh [MCPR]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mcpr=$(realpath "${1:-$root/target/debug/mcpr}")
HOME=$(mktemp -d)
export HOME
trap 'rm -r "$HOME"' EXIT
cd "$HOME"
"$mcpr" record --once "$root/samples/everything.stderr.log" 2> /dev/null
"$mcpr" logs -n all --json > requests.jsonl
# The format is checked against its own sample when it is installed.
lnav -i "$root/contrib/lnav/mcpr.json" > /dev/null
ask() { lnav -n -c ";$1" -c ':write-csv-to -' requests.jsonl | tail -n +2; }
is() {
    if [ "$2" != "$3" ]; then
        printf '%s: %s, not %s\n' "$1" "$2" "$3" >&2
        exit 1
    fi
}
is 'lines' "$(ask 'select count(*) from mcpr_log')" "$(wc -l < requests.jsonl)"
errors=$("$mcpr" logs -n all --json --status error | wc -l)
is 'lines of the level error' "$(ask "select count(*) from mcpr_log where log_level = 'error'")" "$errors"
slowest=$("$mcpr" slow --since 10y --threshold 0 -n 1 --json --fields latency_us | tr -dc 0-9)
is 'the slowest' "$(ask 'select max(latency_us) from mcpr_log')" "$slowest"
echo "lnav reads $(wc -l < requests.jsonl) requests"
