#!/usr/bin/env bash
# Runs the suites that need real systems, and says which of those ran and which did not.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/stages.sh

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

sdk="$(dirname "$(dirname "$(readlink -f "$(command -v gcloud || echo /)")")")/platform"
if [ -d "$sdk/pubsub-emulator" ] && [ -d "$sdk/cloud-datastore-emulator" ] && command -v java >/dev/null; then
    ran+=("Google's Pub/Sub and Datastore emulators")
else
    absent+=("Google's emulators: java and the Google Cloud CLI's Pub/Sub and Datastore emulators are not installed")
fi

if scripts/setup.sh chromium; then
    ran+=("Chromium ($(chromium --version 2>/dev/null | awk '{print $2}'); screenshots are in .cache/ui)")
else
    absent+=("Chromium: the Debian package chromium could not be installed")
fi

# check NAME "what it ran against" "what is absent" COMMAND…: a command that ends with 75 could not have its system.
check() {
    local name=$1 present=$2 absence=$3 code=0
    shift 3
    echo "integration: $name"
    stage "$name" "$@" || code=$?
    case "$code" in
        0) [ -z "$present" ] || ran+=("$present") ;;
        75) [ -n "$absence" ] || exit 1; absent+=("$absence") ;;
        *) exit "$code" ;;
    esac
}

stage "release build" scripts/release.sh

# A real API server: any that is named, else one of our own, built once into a cache folder unless
# DROVER_KUBE_BUILD=0.
if [ -n "${DROVER_TEST_KUBECONFIG:-}" ]; then
    ran+=("Kubernetes (DROVER_TEST_KUBECONFIG)")
elif { scripts/kube-apiserver.sh built || [ "${DROVER_KUBE_BUILD:-1}" != 0 ]; } &&
    stage "kube-apiserver build" scripts/kube-apiserver.sh build; then
    export DROVER_KUBE_RUN="${TMPDIR:-/tmp}/drover-kube-$$"
    at_end 'scripts/kube-apiserver.sh stop; rm -rf "$DROVER_KUBE_RUN"'
    DROVER_TEST_KUBECONFIG=$(scripts/kube-apiserver.sh start)
    export DROVER_TEST_KUBECONFIG DROVER_TEST_KUBE_RUN="$DROVER_KUBE_RUN"
    ran+=("kube-apiserver (1.20.2)")
else
    absent+=("kube-apiserver: it is not built; run scripts/kube-apiserver.sh build")
fi

# Google's discovery documents come with its Python client.
if stage "Google's Python clients" scripts/google-clients.sh .cache/google-clients; then
    DROVER_TEST_DISCOVERY=$(.cache/google-clients/bin/python -c \
        'import googleapiclient, os; print(os.path.join(os.path.dirname(googleapiclient.__file__), "discovery_cache", "documents"))')
    export DROVER_TEST_DISCOVERY
    ran+=("Google's discovery documents")
else
    absent+=("Google's discovery documents: google-api-python-client could not be installed from PyPI")
fi

stage "debug build" swift build --product drover
drover="$(swift build --show-bin-path)/drover"
DROVER_INTEGRATION=1 stage "integration suites" scripts/swift-test.sh --filter 'Integration'

check "alert rules and dashboard against a real Prometheus and the sources" \
    "Prometheus (of Debian)" "Prometheus: the Debian package prometheus could not be installed" \
    scripts/check_observability.sh "$drover"
check "Cloud SQL stand-in against Google's schemas and gcloud" "" "" scripts/check_cloudsql.py "$drover" .cache/google
check "Google's emulators, through outages and beside Google's own Python clients" \
    "Google's Python clients of Datastore and Pub/Sub, in both modes of the Datastore emulator" \
    "Google's Python clients: they or the emulators are not installed" \
    scripts/check_google.sh "$drover" .cache/google-clients
check "the commands of the manual, as they stand there" "" "" scripts/check_docs.py "$drover"
check "a dry run on a Chester's data in the Datastore emulator" \
    "" "a dry run on a Chester's data: Google's Datastore emulator is not installed" scripts/check_dry_run.py "$drover"
check "the management API against its own description" \
    "schemathesis" "schemathesis: it could not be installed from PyPI" \
    scripts/check_api.sh "$drover" .cache/schemathesis
check "what serve refuses to start with" "" "" scripts/check_start.py "$drover"
check "that no command shows a secret" "" "" scripts/check_secrets.py "$drover"
check "an upgrade of the store and the way back" "" "" scripts/check_upgrade.py "$drover"
check "every verb of every route, in a sandbox" "" "" scripts/check_verbs.py "$drover"
check "as a user without any capability" \
    "the kernel's rights of nobody" "an unprivileged user: only root can become one" \
    scripts/check_unprivileged.sh "$drover"
check "the systemd units" "systemd-analyze" "systemd-analyze: it is not installed" scripts/check_units.sh
check "the Kubernetes manifests" \
    "the Kubernetes manifests, by kubectl and that API server" \
    "the Kubernetes manifests: kubectl 1.21 or later, python3-yaml or an API server is absent" \
    scripts/check_manifests.sh "${DROVER_TEST_KUBECONFIG:-}" "$drover"

for system in "${ran[@]}"; do echo "integration: ran against $system"; done
for system in "${absent[@]}"; do echo "integration: not run: $system"; done
