#!/usr/bin/env bash
# A real kube-apiserver (1.20.2) with etcd on loopback, for the integration tests, from Debian's packages alone.
#
#   kube-apiserver.sh build                  builds it once, in about 10 minutes on two cores, into the cache folder
#   kube-apiserver.sh built                  exit code 0 when it is built
#   kube-apiserver.sh start [--controllers]  starts it (7 to 10 s) and prints the path of an administrator's kubeconfig;
#                                            --controllers adds Deployments, garbage collection and namespace deletion
#   kube-apiserver.sh compact                restarts the API server over a compacted etcd: old versions answer 410
#   kube-apiserver.sh stop                   stops what start began
#
# Environment: DROVER_KUBE_HOME (cache folder; ~/.cache/drover/kube-apiserver-1.20), DROVER_KUBE_RUN (state of one
# running server), DROVER_KUBE_PORT (first of four ports; the first four free ones from 26443), DROVER_KUBE_JOBS (2).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
home=${DROVER_KUBE_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/drover/kube-apiserver-1.20}
run=${DROVER_KUBE_RUN:-$home/run}
jobs=${DROVER_KUBE_JOBS:-2}
admin_token=admin-test-token
viewer_token=viewer-test-token
say() { echo "kube-apiserver: $*" >&2; }

built() { [ -x "$home/bin/kube-apiserver" ] && [ -x "$home/bin/kube-controller-manager" ] && command -v etcd >/dev/null; }

build() {
    if built; then return 0; fi
    "$here/setup.sh" etcd-server golang-go rsync jq make dpkg-dev openssl curl >&2
    if [ -x "$home/bin/kube-apiserver" ]; then return 0; fi
    local source=$home/source
    mkdir -p "$source/lists/partial" "$source/cache/archives/partial" "$home/bin"
    # Only bookworm has the source package. Lists of our own leave the machine's apt configuration alone.
    local mirror keyring='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
    [ -n "$mirror" ] || { say "apt knows no mirror"; return 1; }
    printf '%s %s %s bookworm main\n' deb-src "$keyring" "$mirror" deb "$keyring" "$mirror" >"$source/sources.list"
    local apt=(apt-get -qq -o "Dir::Etc::SourceList=$source/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$source/lists" -o "Dir::Cache=$source/cache" -o APT::Sandbox::User=root)
    cd "$source"
    say "fetching the source package"
    "${apt[@]}" update
    rm -rf kubernetes-1.20*/ reflect2
    "${apt[@]}" source kubernetes >&2
    # The copy of reflect2 1.0.1 inside corrupts memory when built with Go 1.18 or later; Debian's 1.0.2 does not.
    "${apt[@]}" download golang-github-modern-go-reflect2-dev
    dpkg-deb -x golang-github-modern-go-reflect2-dev_*.deb reflect2
    cd kubernetes-1.20*/
    local vendored=vendor/github.com/modern-go/reflect2
    cp "$vendored/LICENSE" "$vendored/BUILD" "$source/reflect2/"
    rm -rf "$vendored"
    cp -r --no-preserve=timestamps "$source/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2" "$vendored"
    cp "$source/reflect2/LICENSE" "$source/reflect2/BUILD" "$vendored/"
    # Its go.mod does not satisfy -mod=vendor of Go 1.17 and later, so it is built by GOPATH; make also writes the
    # generated OpenAPI file that the source package lacks.
    mkdir -p .go/src/k8s.io
    ln -sfn ../../.. .go/src/k8s.io/kubernetes
    printf '%s\n' "KUBE_GIT_COMMIT='faecb196815e248d3ecfb03c680a4507229c2a56'" "KUBE_GIT_TREE_STATE='archive'" \
        "KUBE_GIT_VERSION='v1.20.2'" "KUBE_GIT_MAJOR='1'" "KUBE_GIT_MINOR='20'" >"$source/version.env"
    say "building (about 10 minutes on two cores)"
    env GO111MODULE=off CGO_ENABLED=0 GOMAXPROCS="$jobs" GOPATH="$PWD/.go" GOCACHE="$source/go-cache" \
        KUBE_GIT_VERSION_FILE="$source/version.env" \
        nice -n 10 make GOFLAGS="-p=$jobs" WHAT="cmd/kube-apiserver cmd/kube-controller-manager" >"$home/build.log" 2>&1 ||
        { tail -n 20 "$home/build.log" >&2; say "the build failed; all of it is in $home/build.log"; return 1; }
    install -m 755 _output/bin/kube-apiserver _output/bin/kube-controller-manager "$home/bin/"
    cd "$home"
    chmod -R u+w "$source"
    rm -rf "$source"
}

# alive NAME: the process that we started still runs that program.
alive() {
    local pid
    pid=$(cat "$run/$1.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ "$(basename "$(readlink "/proc/$pid/exe" 2>/dev/null)")" = "$1" ]
}

# A process is not yet alive while it still is the shell that will become it; on a cold disk that takes a while.
launch() {
    local name=$1 pid
    shift
    setsid "$@" </dev/null >>"$run/$name.log" 2>&1 9>&- &
    pid=$!
    echo "$pid" >"$run/$name.pid"
    for _ in $(seq 100); do
        if alive "$name" || ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 0.1
    done
}

# gave_up NAME: says why what we started is not there.
gave_up() {
    tail -n 5 "$run/$1.log" >&2
    say "$1 did not start on the ports $port to $((port + 3)); all that it said is in $run/$1.log"
    return 1
}

listening() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free() {
    local offset
    for offset in 0 1 2 3; do if listening $(($1 + offset)); then return 1; fi; done
}

# ports: those of the server that runs, or was asked for, or else the first that nobody listens on, so that the server
# of somebody else neither answers for ours nor keeps it from starting.
ports() {
    port=${DROVER_KUBE_PORT:-}
    if alive kube-apiserver || alive etcd; then
        port=$(cat "$run/port")
    elif [ -n "$port" ]; then
        free "$port" || { say "somebody listens on one of the ports $port to $((port + 3)) of DROVER_KUBE_PORT"; return 1; }
    else
        for port in $(seq 26443 10 26933); do if free "$port"; then break; fi; done
        free "$port" || { say "no four free ports from 26443; DROVER_KUBE_PORT names the first of others"; return 1; }
    fi
    echo "$port" >"$run/port"
    etcd_port=$((port + 1))
    etcd_peer_port=$((port + 2))
    controllers_port=$((port + 3))
}

stop_one() {
    if alive "$1"; then
        local pid
        pid=$(cat "$run/$1.pid")
        kill -TERM "$pid"
        for _ in $(seq 100); do alive "$1" || break; sleep 0.1; done
        if alive "$1"; then kill -KILL "$pid"; fi
    fi
    rm -f "$run/$1.pid"
}

certificates() {
    [ -f "$run/pki/done" ] && return 0
    mkdir -p "$run/pki"
    chmod 700 "$run/pki"
    (
        cd "$run/pki"
        exec 2>openssl.log
        openssl genrsa -out ca.key 2048
        openssl req -x509 -new -key ca.key -subj "/CN=drover-test-ca" -days 3650 -out ca.crt \
            -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
        signed() { # signed NAME SUBJECT EXTENSIONS
            openssl genrsa -out "$1.key" 2048
            openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
            openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" \
                -extfile <(printf '%b' "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\n$3")
        }
        signed apiserver /CN=kube-apiserver \
            "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1\n"
        signed admin /O=system:masters/CN=admin-certificate "extendedKeyUsage=clientAuth\n"
        openssl genrsa -out sa.key 2048
        openssl rsa -in sa.key -pubout -out sa.pub
        touch done
    )
    printf '%s\n' "$admin_token,admin,u-admin,\"system:masters\"" "$viewer_token,viewer,u-viewer,\"test:viewers\"" \
        >"$run/pki/tokens.csv"
}

# kubeconfig FILE USER: administrators by token and by certificate, and someone without any right.
kubeconfig() {
    cat >"$run/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: drover-test
clusters:
- name: drover-test
  cluster: {server: "https://127.0.0.1:$port", certificate-authority: $run/pki/ca.crt}
users:
- name: user
  user: $2
contexts:
- name: drover-test
  context: {cluster: drover-test, user: user}
YAML
    chmod 600 "$run/$1.kubeconfig"
}

start_etcd() {
    alive etcd || launch etcd etcd --name drover-test --data-dir "$run/etcd" \
        --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
        --listen-peer-urls "http://127.0.0.1:$etcd_peer_port" \
        --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer_port" \
        --initial-cluster "drover-test=http://127.0.0.1:$etcd_peer_port" --logger zap --log-level warn
    for _ in $(seq 150); do
        curl -fsS --noproxy '*' -m 2 "http://127.0.0.1:$etcd_port/health" >/dev/null 2>&1 && return 0
        alive etcd || break
        sleep 0.2
    done
    gave_up etcd
}

start_apiserver() {
    alive kube-apiserver || launch kube-apiserver "$home/bin/kube-apiserver" \
        --etcd-servers="http://127.0.0.1:$etcd_port" --bind-address=127.0.0.1 --secure-port="$port" \
        --advertise-address=192.0.2.1 --endpoint-reconciler-type=none \
        --tls-cert-file="$run/pki/apiserver.crt" --tls-private-key-file="$run/pki/apiserver.key" \
        --client-ca-file="$run/pki/ca.crt" --token-auth-file="$run/pki/tokens.csv" \
        --service-account-issuer=https://kubernetes.default.svc.cluster.local \
        --service-account-signing-key-file="$run/pki/sa.key" --service-account-key-file="$run/pki/sa.pub" \
        --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/24 \
        --disable-admission-plugins=ServiceAccount --v=1
    for _ in $(seq 300); do
        curl -fsS --noproxy '*' -m 2 --cacert "$run/pki/ca.crt" -H "Authorization: Bearer $admin_token" \
            "https://127.0.0.1:$port/readyz" >/dev/null 2>&1 && return 0
        alive kube-apiserver || break
        sleep 0.2
    done
    gave_up kube-apiserver
}

start() {
    built || { say "it is not built; run '$0 build'"; return 1; }
    mkdir -p "$run"
    # Two that start at once would find the same ports free.
    exec 9>"$home/start.lock"
    flock -w 300 9 || { say "another start has held $home/start.lock for 5 minutes"; return 1; }
    ports
    certificates
    kubeconfig admin "{token: $admin_token}"
    kubeconfig viewer "{token: $viewer_token}"
    kubeconfig certificate "{client-certificate: $run/pki/admin.crt, client-key: $run/pki/admin.key}"
    start_etcd
    start_apiserver
    if [ "${1:-}" = --controllers ] && ! alive kube-controller-manager; then
        launch kube-controller-manager "$home/bin/kube-controller-manager" --kubeconfig="$run/admin.kubeconfig" \
            --bind-address=127.0.0.1 --secure-port="$controllers_port" --port=0 --cert-dir="$run/controllers" \
            --leader-elect=false --service-account-private-key-file="$run/pki/sa.key" --root-ca-file="$run/pki/ca.crt" \
            --controllers='*' --v=1
    fi
    echo "$run/admin.kubeconfig"
}

# The watch cache of a restarted server knows nothing older than its start.
compact() {
    local revision
    ports
    revision=$(curl -fsS --noproxy '*' -m 5 -d '{"key":"AA=="}' "http://127.0.0.1:$etcd_port/v3/kv/range" | jq -r .header.revision)
    curl -fsS --noproxy '*' -m 5 -d "{\"revision\":\"$revision\",\"physical\":true}" \
        "http://127.0.0.1:$etcd_port/v3/kv/compaction" >/dev/null
    stop_one kube-apiserver
    start_apiserver
}

case "${1:-}" in
    build) build ;;
    built) built ;;
    start) start "${2:-}" ;;
    compact) compact ;;
    stop) for name in kube-controller-manager kube-apiserver etcd; do stop_one "$name"; done ;;
    *) sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
