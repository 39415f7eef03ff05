#!/usr/bin/env bash
# Runs the suites that need real systems, and says which of those ran and which did not.
set -euo pipefail
cd "$(dirname "$0")/.."

ran=()
absent=()
if scripts/setup.sh mariadb-server; then
    ran+=("MariaDB ($(mariadbd --version | awk '{print $3}'))")
else
    absent+=("MariaDB: the Debian package mariadb-server could not be installed")
fi
if [ -n "${PROXYSQL_BIN:-}" ] && [ -x "$PROXYSQL_BIN" ]; then
    ran+=("ProxySQL ($("$PROXYSQL_BIN" --version 2>/dev/null | awk '{print $3}' | tr -d ,))")
else
    absent+=("ProxySQL: PROXYSQL_BIN does not name a binary")
fi

scripts/release.sh
swift build --product drover
DROVER_INTEGRATION=1 swift test --filter 'Integration'

echo "integration: Cloud SQL stand-in against Google's schemas and gcloud"
scripts/check_cloudsql.py "$(swift build --show-bin-path)/drover" .cache/google

for system in "${ran[@]}"; do echo "integration: ran against $system"; done
for system in "${absent[@]}"; do echo "integration: not run: $system"; done
