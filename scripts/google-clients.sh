#!/usr/bin/env bash
# Installs Google's own Python clients into a folder of their own: google-clients.sh VENV-FOLDER
# Does and says nothing when they are there; exits with 75 when they cannot be had.
set -euo pipefail
venv=$1
"$venv/bin/python" -c 'import google.cloud.datastore, google.cloud.pubsub, googleapiclient' 2>/dev/null && exit 0
python3 -m venv "$venv" >/dev/null 2>&1 &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check google-cloud-datastore google-cloud-pubsub \
        google-api-python-client >/dev/null 2>&1 || {
    rm -rf "$venv"
    echo "google-clients: Google's Python clients could not be installed from PyPI" >&2
    exit 75
}
