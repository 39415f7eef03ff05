#!/usr/bin/env bash
# Holds the management API against its OpenAPI document by schemathesis: check_api.sh DROVER VENV-FOLDER
# Exits with 75 when schemathesis is not there and cannot be installed.
set -euo pipefail
drover=$1
venv=$2
examples=${DROVER_API_EXAMPLES:-15}

if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv" >/dev/null 2>&1 &&
        "$venv/bin/pip" install --quiet --disable-pip-version-check 'schemathesis>=4,<5' >/dev/null 2>&1 || {
        rm -rf "$venv"
        echo "check_api: schemathesis could not be installed" >&2
        exit 75
    }
fi

work=$(mktemp -d)
finish() {
    kill "${pid:-}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
# An environment of its own: drover refuses variables that it does not know, and the caller's tests have some.
env -i PATH="$PATH" HOME="${HOME:-/}" "$drover" api --set state.directory="$work/state" --set api.address=127.0.0.1:"$port" --set api.authentication=none \
    --set api.requests-per-second=1000000 --set log.level=warning 2>"$work/log" &
pid=$!
api=http://127.0.0.1:$port
for _ in $(seq 300); do curl -fs "$api/healthcheck" >/dev/null 2>&1 && break; sleep 0.1; done
curl -fs -o /dev/null "$api/healthcheck" || { echo "check_api: drover api does not answer:" >&2; cat "$work/log" >&2; exit 1; }
# Something to look at and to change.
curl -fs -o /dev/null -X PUT -H 'Content-Type: application/json' "$api/v1/groups/shop" -d '{"servers":[{"name":"shop","address":"127.0.3.1","origin":"primary"},
  {"name":"shop-r","address":"127.0.3.2"}],"users":[{"username":"app","password":"secret"}]}'

# First whatever schemathesis comes upon, most of it about groups that do not exist; then about the one that does,
# where a wrong group cannot be asked for. A stream does not end, so it is left out.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
checks+=,response_headers_conformance
look() {
    "$venv/bin/schemathesis" --config-file "$1" run "$api/v1/openapi.json" --exclude-path /v1/events \
        --checks "$2" --max-examples "$examples" --request-timeout 10 --seed 1 --suppress-health-check all \
        --warnings off --no-color
}
folder=$(dirname "$0")
look "$folder/schemathesis.toml" "$checks,negative_data_rejection"
{ cat "$folder/schemathesis.toml"; printf '[parameters]\n"path.group" = "shop"\n'; } >"$work/config.toml"
look "$work/config.toml" "$checks"
kill -0 "$pid" || { echo "check_api: drover api ended" >&2; exit 1; }
if grep -q '"level":"critical"\|Fatal error' "$work/log"; then
    cat "$work/log" >&2
    exit 1
fi
