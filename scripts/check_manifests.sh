#!/usr/bin/env bash
# Renders every overlay of deploy/kubernetes, sees that no base and component is left out, holds the pods to Pod
# Security's profile "restricted" and to what a drain needs, applies all of it with server-side dry-run to a real API
# server, and makes there, with each service account's own token, the calls that it needs and those that it must not make.
#
#   check_manifests.sh [KUBECONFIG [DROVER]]   else DROVER_TEST_KUBECONFIG, else a server of our own, if it is built
#
# With DROVER, the program, agents with the rights of the service account drover-core live through "drover demo agents".
# Exit code 75: something that it needs is absent. An API server without policy/v1, autoscaling/v2 and native sidecars,
# such as our own of version 1.20, is given the earlier names and ordinary containers; it says so.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { echo "manifests: $*"; }

kubectl=${KUBECTL:-kubectl}
# Kustomize's components need 3.7; kubectl has had a later one since 1.21, and Debian's package is 1.20.
if ! "$kubectl" version --client 2>/dev/null | grep -q 'Kustomize Version: v[4-9]'; then
    say "not run: no kubectl of version 1.21 or later (KUBECTL names it)"
    exit 75
fi
python3 -c 'import yaml' 2>/dev/null || scripts/setup.sh python3-yaml || { say "not run: no python3-yaml"; exit 75; }

work=$(mktemp -d)
own=""
crd=""
finish() {
    if [ -n "$crd" ]; then k delete "$crd" --wait=false >/dev/null 2>&1 || true; fi
    if [ -n "$own" ]; then scripts/kube-apiserver.sh stop; fi
    rm -rf "$work"
}
trap finish EXIT

overlays=$(scripts/check_manifests.py tree deploy/kubernetes)
for overlay in $overlays; do
    name=$(basename "$overlay")
    "$kubectl" kustomize "$overlay" >"$work/$name.yaml"
    scripts/check_manifests.py rendered <"$work/$name.yaml"
    say "$name: $(grep -c '^kind: ' "$work/$name.yaml") objects, fit for \"restricted\", refer to what is there"
done

if [ -n "${2:-}" ]; then
    for file in deploy/kubernetes/overlays/*/{scaler,ingest,api,drover}.yaml; do
        [ -f "$file" ] || continue
        role=$(basename "$file" .yaml)
        # Nothing of this script's own environment: an unknown DROVER_ variable is refused.
        env -i PATH="$PATH" DROVER_INGEST_AUTH_TOKEN=x \
            "$2" config validate --elsewhere --role "${role/drover/serve}" --config "$file" >/dev/null
    done
    say "each role takes its overlays' settings"
fi

config=${1:-${DROVER_TEST_KUBECONFIG:-}}
if [ -z "$config" ]; then
    scripts/kube-apiserver.sh built || { say "not run: the dry-run; run scripts/kube-apiserver.sh build"; exit 75; }
    export DROVER_KUBE_RUN="$work/server"
    own=yes
    config=$(scripts/kube-apiserver.sh start)
fi
k() { "$kubectl" --kubeconfig "$config" --cache-dir "$work/cache" --request-timeout 30s "$@"; }

served=$(k api-versions)
older=""
grep -qx policy/v1 <<<"$served" && grep -qx autoscaling/v2 <<<"$served" || older=yes
if [ -n "$older" ]; then
    say "this server gets policy/v1beta1, autoscaling/v2beta2, and sidecars as ordinary containers"
fi
# What the Prometheus operator would bring, as far as the server has to know it.
if ! grep -q '^monitoring.coreos.com/v1$' <<<"$served"; then
    crd=crd/servicemonitors.monitoring.coreos.com
    k apply -f - >/dev/null <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: ServiceMonitor, listKind: ServiceMonitorList, plural: servicemonitors, singular: servicemonitor}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
YAML
    k wait --for condition=Established --timeout 60s "$crd" >/dev/null
fi

# Objects in a namespace can be tried only when it exists; a name of our own leaves everybody else's alone.
namespace=drover-manifests-$$
k create namespace "$namespace" >/dev/null
trap 'k delete namespace "$namespace" --wait=false >/dev/null 2>&1 || true; finish' EXIT
for overlay in $overlays; do
    name=$(basename "$overlay")
    file=$work/$name.yaml
    sed -i "s/^\( *namespace: \)proxysql$/\1$namespace/" "$file"
    python3 - "$file" <<'PY'
import sys, yaml
path = sys.argv[1]
documents = [d for d in yaml.safe_load_all(open(path)) if d and d["kind"] != "Namespace"]
yaml.safe_dump_all(documents, open(path, "w"))
PY
    if [ -n "$older" ]; then
        scripts/check_manifests.py older <"$file" >"$work/$name.json"
        file=$work/$name.json
    fi
    # --server-side refuses fields that the server does not know.
    k apply --server-side --dry-run=server --validate=false -f "$file" >"$work/answer" ||
        { cat "$work/answer"; exit 1; }
    say "$name: $(grep -c 'serverside-applied' "$work/answer") objects taken by the API server (dry-run)"
done

KUBECTL=$kubectl scripts/check_rights.sh "$config" "${2:-}"
