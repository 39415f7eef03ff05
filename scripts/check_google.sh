#!/usr/bin/env bash
# Holds drover against Google's emulators and Google's own Python clients: check_google.sh DROVER VENV-FOLDER
# Exits with 75 when the emulators are not installed, or the clients are not there and cannot be installed.
set -euo pipefail
drover=$1
venv=$2
folder=$(dirname "$0")/google

python3 -c "import sys; sys.path.insert(0, '$folder'); import world; sys.exit(world.platform() is None)" || {
    echo "check_google: java and the Google Cloud CLI's emulators of Pub/Sub, Datastore and Firestore are needed" >&2
    exit 75
}
"$(dirname "$0")/google-clients.sh" "$venv" || exit 75
for mode in optimistic pessimistic; do
    "$venv/bin/python" "$folder/check_clients.py" "$drover" "$mode"
done
"$venv/bin/python" "$folder/check_outage.py" "$drover" "${DROVER_OUTAGE_SECONDS:-60}"
