#!/usr/bin/env bash
# Installs what building and testing need on Debian or Ubuntu. Does and says nothing when there is nothing to do.
set -euo pipefail

if ! command -v swift >/dev/null 2>&1; then
    echo "setup: no Swift toolchain was found on PATH; install Swift 6.2 or later from swift.org, then run this again" >&2
    exit 1
fi

wanted=(libsqlite3-dev zlib1g-dev)
# Named on the command line, for example by test-integration.
wanted+=("$@")

missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: install these yourself, apt-get was not found: ${missing[*]}" >&2
    exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "setup: run as root or install sudo" >&2; exit 1; }
    root=(sudo)
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq
# A database server must not start by itself: the tests run private instances.
"${root[@]}" env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
