#!/usr/bin/env bash
# Checks alert rules and dashboard: the rules and the dashboard's expressions with promtool, that every metric named
# by them is one of ours, and that every alert has its runbook. With a drover binary named, a real Prometheus also
# scrapes every role and must find each of those metrics. Exits with 75 when Prometheus cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."

rules=deploy/observability/drover-alerts.yaml
dashboard=deploy/observability/drover-dashboard.json
command -v promtool >/dev/null || scripts/setup.sh prometheus >/dev/null || exit 75

promtool check rules "$rules"
promtool test rules deploy/observability/drover-alerts.test.yaml

# The dashboard's expressions become recording rules, with Grafana's variables replaced, so that promtool parses them.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 - "$dashboard" >"$work/dashboard.yaml" <<'PYTHON'
import json, sys

expressions = [
    target["expr"].replace("$__rate_interval", "5m").replace("$group", ".*")
    for panel in json.load(open(sys.argv[1]))["panels"] for target in panel.get("targets", [])
]
assert expressions, "the dashboard has no expression"
rules = [{"record": f"dashboard:{index}", "expr": each} for index, each in enumerate(expressions)]
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
promtool check rules "$work/dashboard.yaml"

wrong=0
while read -r name; do
    base=$(sed -E 's/(_seconds)_(bucket|sum|count)$/\1/' <<<"$name")
    # The page is made from the sources, and a unit test holds it to them.
    grep -qF "| \`$base\` |" docs/reference/metrics.md || {
        echo "docs/reference/metrics.md has no $name" >&2
        wrong=1
    }
done < <({ sed -n 's/^ *expr: //p' "$rules"; cat "$work/dashboard.yaml"; } | grep -ohE 'drover_[a-z_]+' | sort -u)
while read -r alert; do
    [ -s "docs/runbooks/$alert.md" ] || { echo "no runbook for $alert" >&2; wrong=1; }
    grep -A 8 "alertname: $alert\$" "${rules%.yaml}.test.yaml" | grep -q exp_alerts ||
        { echo "no test in which $alert fires" >&2; wrong=1; }
done < <(sed -n 's/^ *- alert: //p' "$rules")
[ "$wrong" = 0 ] || exit 1
if [ -n "${1:-}" ]; then scripts/scrape_sandbox.py "$1" "$rules" "$dashboard"; fi
echo "observability: rules, dashboard and runbooks agree with the sources"
