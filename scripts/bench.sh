#!/usr/bin/env bash
# Prints figures as ratios against a named reference in the same run; nothing here can fail a test.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh mariadb-server wrk

echo "bench: building (release)"
[ -x dist/drover ] || scripts/release.sh >/dev/null
swift build --configuration release --package-path Benchmarks 2>&1 | tail -n 1
bin=$(swift build --configuration release --package-path Benchmarks --show-bin-path)
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

echo "bench: 200,000 rows from MariaDB"
port=$(free_port)
mariadb-install-db --no-defaults --datadir="$work/data" --skip-test-db --auth-root-authentication-method=normal >/dev/null
cat >"$work/init.sql" <<SQL
CREATE DATABASE bench;
CREATE USER bench@'%' IDENTIFIED BY 'bench';
GRANT ALL ON *.* TO bench@'%';
SQL
mariadbd --no-defaults --datadir="$work/data" --socket="$work/socket" --pid-file="$work/pid" \
    --bind-address=127.0.0.1 --port="$port" --user="$(id -un)" --init-file="$work/init.sql" >"$work/mariadbd.log" 2>&1 &
pids+=($!)
client=(mariadb --no-defaults -h127.0.0.1 -P"$port" -ubench -pbench --skip-ssl bench)
for _ in $(seq 200); do "${client[@]}" -e 'SELECT 1' >/dev/null 2>&1 && break; sleep 0.1; done
"${client[@]}" -e "CREATE TABLE t AS SELECT seq id, MD5(seq) a, REPEAT('x', 80) b, seq*7 c, NULL d FROM seq_1_to_200000"
query='SELECT * FROM t'
for round in 1 2 3; do
    ours=$("$bin/client-rows" "$port" bench bench "$query")
    theirs=$(python3 - "${client[@]}" --batch --quick -e "$query" <<'PY'
import json, os, resource, subprocess, sys, time
start = time.monotonic()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": time.monotonic() - start, "peakKiB": usage.ru_maxrss}))
PY
    )
    python3 - "$ours" "$theirs" "$round" <<'PY'
import json, sys
ours, theirs = json.loads(sys.argv[1]), json.loads(sys.argv[2])
print("  round %s: drover %d rows/s (peak %.0f MiB), mariadb client %d rows/s (peak %.0f MiB): ratio %.2f" % (
    sys.argv[3], ours["rows"] / ours["seconds"], ours["peakKiB"] / 1024, 200000 / theirs["seconds"],
    theirs["peakKiB"] / 1024, theirs["seconds"] / ours["seconds"]))
PY
done

echo "bench: alerts made durable (webhook, 32 connections) against bare fsync'd inserts"
ingest=$(free_port)
api=$(free_port)
dist/drover serve --set state.directory="$work/serve" --set ingest.address=127.0.0.1:"$ingest" \
    --set api.address=127.0.0.1:"$api" --set api.authentication=none --set api.requests-per-second=1000000 \
    --set log.level=error 2>"$work/serve.log" &
pids+=($!)
for _ in $(seq 100); do curl -fs "http://127.0.0.1:$ingest/healthz" >/dev/null 2>&1 && break; sleep 0.1; done
"$bin/alerts" "http://127.0.0.1:$ingest/" "$work" 5000

echo "bench: the management API under 64 connections, against a bare Hummingbird"
hello=$(free_port)
"$bin/hello" "$hello" &
pids+=($!)
for _ in $(seq 100); do curl -fs "http://127.0.0.1:$hello/" >/dev/null 2>&1 && break; sleep 0.1; done
Benchmarks/api.py "http://127.0.0.1:$api" "http://127.0.0.1:$hello/" 5

echo "bench: one planning pass over 1,000 groups with 10,000 replicas"
swift build --configuration release --product planning-bench 2>&1 | tail -n 1
"$(swift build --configuration release --show-bin-path)/planning-bench"

if scripts/google-clients.sh .cache/google-clients &&
    python3 -c 'import sys; sys.path.insert(0, "scripts/google"); import world; sys.exit(world.platform() is None)'; then
    echo "bench: Datastore and Pub/Sub on Google's emulators, 16 at once, against Google's own Python clients"
    swift build --configuration release --product google-bench 2>&1 | tail -n 1
    .cache/google-clients/bin/python Benchmarks/emulators.py \
        "$(swift build --configuration release --show-bin-path)/google-bench"
else
    echo "bench: nothing on Google's emulators: they or Google's Python clients are not installed"
fi

echo "bench: a scaler that was killed, and one with nothing to do"
swift build --configuration release --product restart-bench 2>&1 | tail -n 1
"$(swift build --configuration release --show-bin-path)/restart-bench"

echo "bench: from the end of the Cloud SQL operation to ONLINE on all nodes (2 cores, 2 satellites)"
dist/drover demo --cores 2 --satellites 2 --operation-seconds 1 --cooldown-seconds 1 --json |
    python3 -c '
import json, sys
for line in sys.stdin:
    event = json.loads(line)
    if "online-seconds" in event:
        print("  %.3f s, %.2f of the 1 s that the operation took" % (event["online-seconds"], event["online-seconds"]))'
echo "bench: many groups on many nodes"
python3 Benchmarks/fleet.py dist/drover 100 11
if [ -n "${PROXYSQL_BIN:-}" ] && [ -x "$PROXYSQL_BIN" ]; then
    echo "bench: about 200,000 digests of a real ProxySQL into a file, against mariadb --batch --quick"
    admin=$(free_port)
    cat >"$work/proxysql.cnf" <<CNF
datadir="$work/proxysql"
admin_variables={ admin_credentials="radmin:radmin" mysql_ifaces="127.0.0.1:$admin" }
mysql_variables={ interfaces="127.0.0.1:$(free_port)" monitor_enabled=false threads=2 }
CNF
    mkdir "$work/proxysql"
    "$PROXYSQL_BIN" -f -M --no-version-check -c "$work/proxysql.cnf" -D "$work/proxysql" >"$work/proxysql.log" 2>&1 &
    pids+=($!)
    client=(mariadb --no-defaults -h127.0.0.1 -P"$admin" -uradmin -pradmin --skip-ssl)
    for _ in $(seq 100); do "${client[@]}" -e 'SELECT 1' >/dev/null 2>&1 && break; sleep 0.1; done
    # ProxySQL's own test command: that many thousand random queries into the digests.
    "${client[@]}" -e 'PROXYSQLTEST 1 200'
    AGENT_PROXYSQL_PASSWORD=radmin Benchmarks/dump.py "$work" "$admin" dist/drover
else
    echo "bench: no dump of digests: PROXYSQL_BIN does not name a binary"
fi

echo "bench: drover agent"
python3 Benchmarks/agent.py dist/drover "${PROXYSQL_BIN:-}" "${AGENT_BENCH_SECONDS:-60}"
echo "bench: done"
