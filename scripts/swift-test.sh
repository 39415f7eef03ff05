#!/usr/bin/env bash
# swift-test.sh [OPTION…]: swift test, one test after another; where some failed, what failed comes last once more.
#
# Many tests have servers on loopback and deadlines of seconds; all at once on two cores, some would only measure how long
# they waited for their turn.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --no-parallel "$@" 2>&1 | tee "$log"
code=${PIPESTATUS[0]}
if [ "$code" -ne 0 ]; then
    echo "test: failed with exit code $code; what failed, and the last test that began:"
    # A failed expectation of several lines goes on in lines that begin with an arrow or are indented.
    grep -aE '^✘|^↳|recorded an issue|: error: |^error: |Fatal error' "$log" | tail -n 200
    grep -aE '^◇ Test .*started\.$' "$log" | tail -n 1
fi
exit "$code"
