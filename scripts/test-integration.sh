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

scripts/release.sh

# A real API server: any that is named, else one of our own, built once into a cache folder unless
# DROVER_KUBE_BUILD=0.
if [ -n "${DROVER_TEST_KUBECONFIG:-}" ]; then
    ran+=("Kubernetes (DROVER_TEST_KUBECONFIG)")
elif { scripts/kube-apiserver.sh built || [ "${DROVER_KUBE_BUILD:-1}" != 0 ]; } && scripts/kube-apiserver.sh build; then
    export DROVER_KUBE_RUN="${TMPDIR:-/tmp}/drover-kube-$$"
    trap 'scripts/kube-apiserver.sh stop; rm -rf "$DROVER_KUBE_RUN"' EXIT
    DROVER_TEST_KUBECONFIG=$(scripts/kube-apiserver.sh start)
    export DROVER_TEST_KUBECONFIG DROVER_TEST_KUBE_RUN="$DROVER_KUBE_RUN"
    ran+=("kube-apiserver (1.20.2)")
else
    absent+=("kube-apiserver: it is not built; run scripts/kube-apiserver.sh build")
fi

# Google's discovery documents come with its Python client.
if scripts/google-clients.sh .cache/google-clients; then
    DROVER_TEST_DISCOVERY=$(.cache/google-clients/bin/python -c \
        'import googleapiclient, os; print(os.path.join(os.path.dirname(googleapiclient.__file__), "discovery_cache", "documents"))')
    export DROVER_TEST_DISCOVERY
    ran+=("Google's discovery documents")
else
    absent+=("Google's discovery documents: google-api-python-client could not be installed from PyPI")
fi

swift build --product drover
DROVER_INTEGRATION=1 swift test --no-parallel --filter 'Integration'

echo "integration: alert rules and dashboard against a real Prometheus and the sources"
if scripts/check_observability.sh "$(swift build --show-bin-path)/drover"; then
    ran+=("Prometheus ($(prometheus --version 2>&1 | awk 'NR == 1 {print $3}'))")
else
    [ $? -eq 75 ] || exit 1
    absent+=("Prometheus: the Debian package prometheus could not be installed")
fi

echo "integration: Cloud SQL stand-in against Google's schemas and gcloud"
scripts/check_cloudsql.py "$(swift build --show-bin-path)/drover" .cache/google

echo "integration: Google's emulators, through outages and beside Google's own Python clients"
if scripts/check_google.sh "$(swift build --show-bin-path)/drover" .cache/google-clients; then
    ran+=("Google's Python clients of Datastore and Pub/Sub, in both modes of the Datastore emulator")
else
    [ $? -eq 75 ] || exit 1
    absent+=("Google's Python clients: they or the emulators are not installed")
fi

echo "integration: the commands of the manual, as they stand there"
scripts/check_docs.py "$(swift build --show-bin-path)/drover"

echo "integration: a dry run on a Chester's data in the Datastore emulator"
scripts/check_dry_run.py "$(swift build --show-bin-path)/drover" || [ $? -eq 75 ] || exit 1

echo "integration: the management API against its own description"
if scripts/check_api.sh "$(swift build --show-bin-path)/drover" .cache/schemathesis; then
    ran+=("schemathesis")
else
    [ $? -eq 75 ] || exit 1
    absent+=("schemathesis: it could not be installed from PyPI")
fi

echo "integration: every verb of every route, in a sandbox"
scripts/check_verbs.py "$(swift build --show-bin-path)/drover"

echo "integration: as a user without any capability"
if scripts/check_unprivileged.sh "$(swift build --show-bin-path)/drover"; then
    ran+=("the kernel's rights of nobody")
else
    [ $? -eq 75 ] || exit 1
    absent+=("an unprivileged user: only root can become one")
fi

echo "integration: the systemd units"
if scripts/check_units.sh; then
    ran+=("systemd-analyze")
else
    [ $? -eq 75 ] || exit 1
    absent+=("systemd-analyze: it is not installed")
fi

echo "integration: the Kubernetes manifests"
if scripts/check_manifests.sh "${DROVER_TEST_KUBECONFIG:-}" "$(swift build --show-bin-path)/drover"; then
    ran+=("the Kubernetes manifests, by kubectl and that API server")
else
    [ $? -eq 75 ] || exit 1
    absent+=("the Kubernetes manifests: kubectl 1.21 or later, python3-yaml or an API server is absent")
fi

for system in "${ran[@]}"; do echo "integration: ran against $system"; done
for system in "${absent[@]}"; do echo "integration: not run: $system"; done
