#!/usr/bin/env bash
# The rights of deploy/kubernetes on a real API server: each service account makes, with a token of its own, the calls
# that its role makes, and is refused those of its neighbours (403).
#
#   check_rights.sh KUBECONFIG [DROVER]   an administrator's; with the program, agents live with drover-core's rights,
#                                         and with those that the Go agent's manifests give
#
# Environment: KUBECTL (kubectl).
set -euo pipefail
cd "$(dirname "$0")/.."
kubectl=${KUBECTL:-kubectl}
config=$1
drover=${2:-}
work=$(mktemp -d)
base=drover-rights-$$
say() { echo "rights: $*"; }
k() { "$kubectl" --kubeconfig "$config" --cache-dir "$work/cache" --request-timeout 30s "$@"; }
spaces=()
finish() {
    local space
    for space in ${spaces[@]+"${spaces[@]}"}; do k delete namespace "$space" --wait=false >/dev/null 2>&1 || true; done
    k delete clusterrole,clusterrolebinding -l "drover-rights=$base" --wait=false >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

k config view --raw --flatten --minify -o json >"$work/config"
server=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["clusters"][0]["cluster"]["server"])' <"$work/config")
python3 -c 'import base64, json, sys
cluster = json.load(sys.stdin)["clusters"][0]["cluster"]
sys.stdout.buffer.write(base64.b64decode(cluster["certificate-authority-data"]))' <"$work/config" >"$work/ca"

# Every overlay's accounts and rights, in a namespace of its own, with something of each kind to reach for.
space() {
    local name=$base-${1//./-}
    spaces+=("$name")
    k create namespace "$name" >/dev/null
    "$kubectl" kustomize "deploy/kubernetes/overlays/$1" | python3 -c '
import sys, yaml
documents = [d for d in yaml.safe_load_all(sys.stdin) if d["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
for document in documents:
    document["metadata"]["namespace"] = sys.argv[1]
    for subject in document.get("subjects", []):
        subject["namespace"] = sys.argv[1]
yaml.safe_dump_all(documents, sys.stdout)' "$name" | k apply -f - >/dev/null
    k apply -n "$name" -f - >/dev/null <<'YAML'
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Secret, metadata: {name: proxysql-admin}, stringData: {password: x}}
  - {apiVersion: v1, kind: Secret, metadata: {name: fleet-main, labels: {instancegroup: main}}, stringData: {a: b}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: proxysql, labels: {instancegroup: main}}, data: {a: b}}
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: proxysql, labels: {instancegroup: main}}
    spec:
      replicas: 0
      selector: {matchLabels: {a: b}}
      template:
        metadata: {labels: {a: b}}
        spec: {containers: [{name: a, image: a}]}
  - apiVersion: apps/v1
    kind: ReplicaSet
    metadata: {name: proxysql-core-1}
    spec:
      replicas: 0
      selector: {matchLabels: {a: c}}
      template:
        metadata: {labels: {a: c}}
        spec: {containers: [{name: a, image: a}]}
  - {apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: proxysql-core-2}, revision: 1, data: {}}
  - {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: another}, spec: {holderIdentity: b}}
YAML
    k create -n "$name" -f - >/dev/null <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: a-pod, labels: {app: proxysql}}
spec:
  nodeSelector: {drover.dev/nowhere: "true"}
  containers: [{name: a, image: a}]
YAML
}

# token SPACE ACCOUNT: a kubeconfig with nothing but that account's token.
token() {
    [ -f "$work/$1-$2" ] || python3 -c '
import json, sys
config = json.load(sys.stdin)
config["users"] = [{"name": "account", "user": {"token": sys.argv[1]}}]
config["contexts"] = [{"name": "account", "context": {"cluster": config["clusters"][0]["name"], "user": "account"}}]
config["current-context"] = "account"
json.dump(config, sys.stdout)' "$(k create token "$2" -n "$1" --duration 1h)" <"$work/config" >"$work/$1-$2"
    echo "$work/$1-$2"
}

calls=0
refused=0
on() { # on OVERLAY ACCOUNT: who makes the calls that follow
    who="$1: $2"
    where=$base-${1//./-}
    as=$(token "$where" "$2")
}
# patch PATH JSON, as drover does it: kubectl would read the object first, which is another right.
patch() {
    local code group=apis
    [[ $1 == v1/* ]] && group=api
    code=$(curl -sS --noproxy '*' -m 30 --cacert "$work/ca" -o "$work/answer" -w '%{http_code}' -X PATCH \
        -H "Authorization: Bearer $(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["users"][0]["user"]["token"])' "$as")" \
        -H 'Content-Type: application/merge-patch+json' -d "$2" "$server/$group/${1/NS/namespaces/$where}")
    [ "$code" = 200 ]
}
attempt() {
    if [ "$1" = patch ]; then patch "$2" "$3"; return; fi
    "$kubectl" --kubeconfig "$as" --cache-dir "$work/cache" --request-timeout 30s -n "$where" "$@" \
        >"$work/answer" 2>&1 <"${input:-/dev/null}"
}
may() { # may ARGUMENTS of kubectl
    calls=$((calls + 1))
    attempt "$@" || { say "$who may not: $*"; cat "$work/answer"; exit 1; }
}
must_not() {
    refused=$((refused + 1))
    if attempt "$@"; then say "$who may: $*"; exit 1; fi
    grep -qi 'forbidden' "$work/answer" || { say "$who: $*: not refused, but"; cat "$work/answer"; exit 1; }
}
watching() { # watching RESOURCE [FIELD SELECTOR]: the path of a watch that ends by itself
    echo "/api/v1/namespaces/$where/$1?watch=1&timeoutSeconds=1${2:+&fieldSelector=$2}"
}
one_secret() { echo "/api/v1/namespaces/$where/secrets?fieldSelector=metadata.name%3Dfleet-main"; }

for overlay in proxysql serve google chester; do space "$overlay"; done

cat >"$work/lease" <<'YAML'
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: drover-core}
spec: {holderIdentity: a}
YAML
cat >"$work/secret" <<'YAML'
apiVersion: v1
kind: Secret
metadata: {name: fleet-main}
stringData: {proxysql.cnf: c}
YAML
core() {
    may get --raw "/api/v1/namespaces/$where/pods?labelSelector=app%3Dproxysql"
    may get --raw "$(watching pods)"
    may get pod a-pod
    may get replicaset proxysql-core-1
    may get controllerrevision proxysql-core-2
    input=$work/lease may create -f -
    input=$work/lease may replace -f -
    may patch coordination.k8s.io/v1/NS/leases/drover-core '{"metadata":{"annotations":{"drover.dev/running":"{}"}}}'
    must_not delete lease drover-core
    must_not patch coordination.k8s.io/v1/NS/leases/another '{"spec":{"holderIdentity":"c"}}'
    must_not delete pod a-pod
    must_not patch v1/NS/pods/a-pod '{"metadata":{"labels":{"b":"c"}}}'
    must_not get replicasets
    must_not patch apps/v1/NS/deployments/proxysql '{"spec":{"replicas":1}}'
    must_not get secrets
    must_not get secret proxysql-admin
    must_not get configmap proxysql
    must_not create token drover-satellite
    must_not get pods -n default
}
follows() {
    may get secret fleet-main
    may get --raw "$(one_secret)"
    may get --raw "$(watching secrets metadata.name%3Dfleet-main)"
    must_not get --raw "$(watching secrets)"
    must_not patch v1/NS/secrets/fleet-main '{"data":{"a":"Yg=="}}'
    must_not delete secret fleet-main
}
nothing() {
    must_not get pods
    must_not get secret fleet-main
    must_not get secret proxysql-admin
    must_not get configmaps
    must_not get lease another
    input=$work/lease must_not create -f -
    input=$work/secret must_not apply --server-side --field-manager drover -f -
    must_not patch apps/v1/NS/deployments/proxysql '{"spec":{"replicas":1}}'
}
publishes() {
    may get pods -l app=proxysql
    may get secret fleet-main
    input=$work/secret may apply --server-side --force-conflicts --field-manager drover -f -
    may delete secret fleet-main
    input=$work/secret may apply --server-side --field-manager drover -f -
    must_not get secrets
    must_not get secret proxysql-admin
    must_not patch v1/NS/secrets/proxysql-admin '{"data":{"a":"Yg=="}}'
    must_not delete pod a-pod
    must_not get --raw "$(watching pods)"
    must_not get configmaps
    must_not patch apps/v1/NS/deployments/proxysql '{"spec":{"replicas":1}}'
    must_not patch coordination.k8s.io/v1/NS/leases/another '{"spec":{"holderIdentity":"c"}}'
    must_not create token drover-core
    must_not get pods -n default
}

on proxysql drover-core; core
must_not get secret fleet-main
on proxysql drover-satellite; nothing
on google drover-core; core; follows
on google drover-satellite; follows
must_not get pods
must_not get secret proxysql-admin
input=$work/lease must_not create -f -
on google drover-scaler; publishes
on google drover-ingest; nothing
on google drover-api; nothing
on serve drover-serve; publishes
on chester drover-scaler
may get configmaps -l instancegroup=main
may get secrets -l instancegroup=main
may get deployments -l instancegroup=main
may patch v1/NS/configmaps/proxysql '{"data":{"a":"c"}}'
may patch v1/NS/secrets/fleet-main '{"data":{"a":"Yg=="}}'
may patch apps/v1/NS/deployments/proxysql '{"metadata":{"annotations":{"a":"c"}}}'
must_not delete deployment proxysql
must_not delete configmap proxysql
must_not patch apps/v1/NS/deployments/proxysql/scale '{"spec":{"replicas":1}}'
must_not get pods
must_not delete pod a-pod
must_not get leases
must_not create token drover-api
must_not get secrets -n default
on chester drover-ingest; nothing
on chester drover-api; nothing
say "$calls calls that the roles make were made with their own tokens, $refused of others' were refused"

[ -n "$drover" ] || exit 0
# The demo has a namespace of its own; so the same rules, for the time of it, in every namespace.
everywhere() { # everywhere NAME ACCOUNT, with the rules as JSON on standard input
    python3 -c '
import json, sys
rules, label, name, account, space = json.load(sys.stdin), *sys.argv[1:]
meta = {"name": name, "labels": {"drover-rights": label}}
api = "rbac.authorization.k8s.io"
json.dump({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": api + "/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules},
    {"apiVersion": api + "/v1", "kind": "ClusterRoleBinding", "metadata": meta,
     "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": name},
     "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": space}]}]}, sys.stdout)' \
        "$base" "$1" "$2" "$base-proxysql" | k apply -f - >/dev/null
}
k get role drover-core -n "$base-proxysql" -o json | python3 -c '
import json, sys
json.dump(json.load(sys.stdin)["rules"], sys.stdout)' | everywhere "$base-core" drover-core
"$drover" demo agents --kubeconfig "$config" --agent-kubeconfig "$(token "$base-proxysql" drover-core)" \
    >"$work/demo" 2>&1 || { cat "$work/demo"; exit 1; }
say "agents with drover-core's rights: $(tail -n 1 "$work/demo")"

# With what the Go agent's manifests give, every node gets its configuration, and the story ends where it asks for the
# Lease, which these agents do without.
k create serviceaccount go-agent -n "$base-proxysql" >/dev/null
echo '[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]' | everywhere "$base-go" go-agent
"$drover" demo agents --kubeconfig "$config" --agent-kubeconfig "$(token "$base-proxysql" go-agent)" \
    >"$work/demo" 2>&1 || true
if [ "$(grep -c '✓ .* runs the rule of configuration 1' "$work/demo")" -lt 4 ] ||
    ! grep '✗' "$work/demo" | head -n 1 | grep -q '✗ one core holds the Lease'; then
    cat "$work/demo"
    exit 1
fi
say "agents with the Go agent's rights: every node runs its configuration, without a Lease"
