#!/usr/bin/env bash
# Plays the story of the agents as a user without any capability, as containers and hardened units run: what only root
# may do fails here, where every other test may be run by root. Exit code 75: not root, or no setpriv, so nothing to drop.
#
#   check_unprivileged.sh DROVER
set -euo pipefail
if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
    echo "unprivileged: not run: it takes root and setpriv to become nobody"
    exit 75
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The build folder may lie where nobody cannot look.
install -m 755 "$1" "$work/drover"
install -d -o 65534 -g 65534 "$work/home"
chmod 755 "$work"
cd "$work/home"
env -i PATH=/usr/bin:/bin HOME="$work/home" TMPDIR="$work/home" timeout 300 \
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    "$work/drover" demo agents >"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
echo "unprivileged: $(tail -n 1 "$work/log")"
