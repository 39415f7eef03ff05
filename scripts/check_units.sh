#!/usr/bin/env bash
# Lets systemd-analyze verify the units of deploy/systemd, and rate their exposure: 0 is none, 10 all, and they stay at
# 1.5. Exit code 75: it is absent.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v systemd-analyze >/dev/null || { echo "units: not run: no systemd-analyze"; exit 75; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for unit in deploy/systemd/*.service; do
    # The program need not be installed here: any that is there stands for it.
    sed 's#^ExecStart=/usr/local/bin/drover #ExecStart=/bin/true #' "$unit" >"$work/$(basename "$unit")"
    answer=$(systemd-analyze verify --man=no "$work/$(basename "$unit")" 2>&1) || { echo "$answer"; exit 1; }
    [ -z "$answer" ] || { echo "$answer"; exit 1; }
    # --offline came with systemd 250.
    if systemd-analyze security --help | grep -q -- --offline; then
        systemd-analyze security --offline=true --threshold=15 "$unit" >"$work/rating" 2>&1 ||
            { tail -n 1 "$work/rating"; exit 1; }
    fi
done
echo "units: $(find deploy/systemd -name '*.service' | wc -l) verified, none more exposed than 1.5"
