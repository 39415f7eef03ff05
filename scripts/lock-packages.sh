#!/usr/bin/env bash
# Holds the Swift packages, with those that they need themselves, at the versions in packages.lock.
#
#   scripts/lock-packages.sh [SCRATCH]            brings Package.resolved to the lock, and fails where that cannot be done
#   scripts/lock-packages.sh --update [SCRATCH]   writes the lock from Package.resolved
#
# Package.resolved itself is not in the repository: a mirror of a package may have other commits for the same version.
set -euo pipefail
cd "$(dirname "$0")/.."

update=0
if [ "${1:-}" = --update ]; then update=1; shift; fi
scratch=${1:-.build}

resolved() {
    python3 - <<'PY'
import json
for pin in sorted(json.load(open("Package.resolved"))["pins"], key=lambda pin: pin["identity"]):
    print(pin["identity"], pin["state"].get("version") or pin["state"].get("branch") or pin["state"]["revision"])
PY
}
differences() { diff <(grep -v '^#' packages.lock) <(resolved); }

[ -f Package.resolved ] || swift package resolve --scratch-path "$scratch"
if [ "$update" = 1 ]; then
    { echo "# Written by scripts/lock-packages.sh --update; a release is built of exactly these."; resolved; } >packages.lock
    echo "lock: $(resolved | wc -l) packages in packages.lock"
    exit
fi
differences >/dev/null && exit
while read -r sign name version; do
    [ "$sign" = "<" ] || continue
    swift package resolve "$name" --version "$version" --scratch-path "$scratch" >/dev/null || true
done < <(differences || true)
if ! differences; then
    echo "lock: the packages differ from packages.lock (<: wanted, >: resolved)." >&2
    echo "lock: to take over what was resolved, run scripts/lock-packages.sh --update and commit the file" >&2
    exit 1
fi
