#!/usr/bin/env python3
"""Measures drover agent beside simulated nodes (or real ones) and a minimal Kubernetes API, and prints it beside the
figures of ProxySQL Agent 1.2.3 (measured on a machine of 4 cores with real ProxySQL 2.7.1).

Arguments: the path of drover; the path of a ProxySQL binary or nothing; the seconds of the idle and the wedged phase.
"""
import hashlib, http.server, json, os, queue, signal, socket, socketserver, subprocess, sys, tempfile, threading, time
import urllib.request

DROVER = sys.argv[1]
PROXYSQL = sys.argv[2] if len(sys.argv) > 2 else ""
PHASE = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0
WORK = tempfile.mkdtemp()
children = []


class Cluster:
    """Pods of one namespace: a list, watches and 403 for everything else, as the Go agent's manifests allow."""

    def __init__(self):
        self.version, self.pods, self.watchers, self.lock = 1, {}, set(), threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def answer(self, status, document):
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if "/pods" not in self.path:
                    return self.answer(403, {"kind": "Status", "reason": "Forbidden", "code": 403, "message": "no"})
                if "watch=" not in self.path:
                    with outer.lock:
                        items = list(outer.pods.values())
                        version = str(outer.version)
                    return self.answer(200, {"kind": "PodList", "metadata": {"resourceVersion": version},
                                             "items": items})
                events = queue.SimpleQueue()
                with outer.lock:
                    outer.watchers.add(events)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    while True:
                        data = events.get()
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                        self.wfile.flush()
                except OSError:
                    pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = os.path.join(WORK, "kubeconfig-%d" % self.server.server_port)
        with open(self.config, "w") as file:
            json.dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "b",
                "contexts": [{"name": "b", "context": {"cluster": "b", "user": "b", "namespace": "proxysql"}}],
                "clusters": [{"name": "b", "cluster": {
                    "server": "http://127.0.0.1:%d" % self.server.server_port}}],
                "users": [{"name": "b", "user": {"token": "b"}}]}, file)

    def put(self, name, address, kind="ADDED"):
        with self.lock:
            self.version += 1
            pod = {"metadata": {
                "name": name, "namespace": "proxysql", "uid": name, "resourceVersion": str(self.version),
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"app": "proxysql", "component": "core", "pod-template-hash": "t1"}},
                "status": {"phase": "Running", "podIP": address,
                           "conditions": [{"type": "Ready", "status": "True"}]}}
            self.pods[name] = pod
            data = json.dumps({"type": kind, "object": pod}).encode() + b"\n"
            for watcher in self.watchers:
                watcher.put(data)


# What runs was loaded anew when this changes. Asking for the row itself again and again would be a measurement of the
# asking: the node builds the whole table for it (6 ms of 3,000 rows), and the agent's statements wait meanwhile.
RUNS = "SELECT version FROM runtime_checksums_values WHERE name='proxysql_servers'"


class Admin:
    """A node's admin interface, as far as the protocol is needed for one cell."""

    def __init__(self, node):
        host, port = node["admin"].split(":")
        self.socket = socket.create_connection((host, int(port)), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        greeting = self.packet()
        start = greeting.index(b"\0", 1) + 5
        salt = greeting[start:start + 8] + greeting[start + 27:start + 39]
        once = hashlib.sha1(node["password"].encode()).digest()
        mixed = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
        answer = bytes(left ^ right for left, right in zip(once, mixed))
        capabilities = 0x00000001 | 0x00000200 | 0x00002000 | 0x00008000 | 0x00080000
        self.send(1, capabilities.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x21" + bytes(23)
                  + node["username"].encode() + b"\0\x14" + answer + b"mysql_native_password\0")
        reply = self.packet()
        if reply[0] == 0xFE:  # The other side asks for another method, which is the same one with a new salt.
            salt = reply[reply.index(b"\0") + 1:][:20]
            mixed = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
            self.send(3, bytes(left ^ right for left, right in zip(once, mixed)))
            reply = self.packet()
        if reply[0] != 0:
            sys.exit("the admin interface refused the login: %r" % reply)

    def take(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                sys.exit("the admin interface closed the connection")
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def packet(self):
        return self.take(int.from_bytes(self.take(4)[:3], "little"))

    def send(self, number, payload):
        self.socket.sendall(len(payload).to_bytes(3, "little") + bytes([number]) + payload)

    def cell(self, statement):
        """The first cell of one row."""
        self.send(0, b"\x03" + statement.encode())
        head, ends, value = self.packet(), 0, None
        if head[0] in (0, 0xFF):
            return None
        while ends < 2:
            packet = self.packet()
            if packet[0] == 0xFE and len(packet) < 9:
                ends += 1
            elif ends == 1:
                value = packet[1:1 + packet[0]].decode()
        return value


def sandbox():
    path = os.path.join(WORK, "endpoints-%d" % time.monotonic_ns())
    command = [DROVER, "sandbox", "--cores", "1", "--satellites", "1", "--endpoints", path]
    if PROXYSQL:
        command += ["--proxysql", PROXYSQL]
    children.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    while not (os.path.exists(path) and os.path.getsize(path)):
        time.sleep(0.05)
    time.sleep(0.2)
    with open(path) as file:
        return json.load(file)


def agent(node, api_port, environment=None, **settings):
    host = node["admin"].split(":")[0]
    words = {"proxysql.address": node["admin"], "api-host": host, "api.port": api_port,
             "shutdown.draining_file": os.path.join(WORK, "d%d" % time.monotonic_ns(), "draining"), **settings}
    os.makedirs(os.path.dirname(words["shutdown.draining_file"]))
    command = [DROVER, "agent"] + ["--%s=%s" % (key.replace("_", "-") if key == "core_restore" else key, value)
                                   for key, value in words.items()]
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=open(os.path.join(WORK, "agent.log"), "ab"),
        env={"PATH": "/usr/bin:/bin", "AGENT_PROXYSQL_PASSWORD": "radmin", **(environment or {})})
    children.append(child)
    return child, "http://%s:%d" % (host, api_port)


def get(url, timeout=5.0):
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(url, accepts, limit=60.0):
    start = time.monotonic()
    while time.monotonic() - start < limit:
        status, body = get(url)
        if accepts(status, body):
            return time.monotonic() - start
        time.sleep(0.001)
    sys.exit("%s: no such answer within %d s" % (url, limit))


def memory(child):
    """Resident and anonymous MB."""
    with open("/proc/%d/smaps_rollup" % child.pid) as file:
        lines = {line.split(":")[0]: line.split()[1] for line in file if line.split(":")[0] in ("Rss", "Anonymous")}
    return int(lines["Rss"]) / 1024, int(lines["Anonymous"]) / 1024


def cpu(child):
    with open("/proc/%d/stat" % child.pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(child):
    return len(os.listdir("/proc/%d/fd" % child.pid))


def loads(base):
    text = get(base + "/metrics")[1]
    for line in text.splitlines():
        if line.startswith("drover_agent_loads_total") and "proxysql_servers" in line:
            return int(float(line.split()[-1]))
    return 0


def end(child):
    """Ends an agent without its drain, and so without its node's end."""
    child.send_signal(signal.SIGINT)
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def cluster_of(count, host):
    cluster = Cluster()
    cluster.put("core-0", host)
    for index in range(count - 1):
        cluster.put("core-x%d" % index, "127.200.%d.%d" % (index // 250, index % 250 + 1))
    return cluster


def main():
    nodes = sandbox()["proxysql"]
    core = next(node for node in nodes if node["role"] == "core")
    satellite = next(node for node in nodes if node["role"] == "satellite")
    host = core["admin"].split(":")[0]

    times = []
    for _ in range(10):
        start = time.monotonic()
        child, base = agent(core, 18080, run_mode="core", name="core-0")
        until(base + "/healthz/started", lambda status, body: status == 200)
        times.append((time.monotonic() - start) * 1000)
        end(child)
    print("  start to first 200: p50 %.0f ms (Go 25)" % percentile(times, 0.5))

    go = {3: (27, 5.5, 0.03), 300: (34, 12, 0.27), 3000: (81, 60, 0.91)}
    for count in (3, 300, 3000):
        cluster = cluster_of(count, host)
        start = time.monotonic()
        child, base = agent(core, 18080, {"KUBECONFIG": cluster.config}, run_mode="core", name="core-0")
        peak = 0
        while loads(base) == 0 and time.monotonic() - start < 60:
            peak = max(peak, descriptors(child))
            time.sleep(0.005)
        took = time.monotonic() - start
        time.sleep(15)
        before = cpu(child), loads(base)
        time.sleep(PHASE)
        resident, anonymous = memory(child)
        print("  %4d pods: first LOAD after %.2f s, %d LOADs, at most %d descriptors; idle %.0f s: resident %.0f MB (Go %d), "
              "anonymous %.1f MB (Go %s), CPU %.2f s (Go %s in 60 s), %d LOADs" % (
                  count, took, before[1], peak, PHASE, resident, go[count][0], anonymous, go[count][1],
                  cpu(child) - before[0], go[count][2], loads(base) - before[1]))
        delays, admin = [], Admin(core)
        for index in range(100):
            address = "127.201.0.%d" % (index + 1)
            known = admin.cell(RUNS)
            sent = time.monotonic()
            cluster.put("core-x0", address, "MODIFIED")
            while time.monotonic() - sent < 5 and admin.cell(RUNS) == known:
                pass
            delays.append((time.monotonic() - sent) * 1000)
            if admin.cell("SELECT COUNT(*) FROM runtime_proxysql_servers WHERE hostname='%s'" % address) != "1":
                sys.exit("%d pods: the row of %s does not run" % (count, address))
            time.sleep(0.02)
        print("  %4d pods: event sent to row in runtime_proxysql_servers: p50 %.1f ms, p99 %.1f ms "
              "(Go 1.6 and 5.3 from the answer to the PATCH, 7.5 and 14.5 with the real API server's PATCH)" % (
                  count, percentile(delays, 0.5), percentile(delays, 0.99)))
        end(child)

    child, base = agent(satellite, 18080, run_mode="satellite", **{"shutdown-propagation-seconds": "0"})
    until(base + "/healthz/ready", lambda status, body: status == 200)
    start = time.monotonic()
    child.terminate()
    child.wait()
    print("  SIGTERM of a satellite without clients: %.2f s without the wait for endpoints, which is 5 s (Go 33)" % (
        time.monotonic() - start))

    fresh = sandbox()
    node = fresh["proxysql"][0]
    child, base = agent(node, 18080, run_mode="core", name="core-0", **{
        "shutdown-propagation-seconds": "0", "shutdown.drain_timeout": "5", "shutdown.shutdown_timeout": "8"})
    until(base + "/healthz/live", lambda status, body: status == 200)
    wedge = urllib.request.Request(
        "%s/v1/proxysql/%s/wedge" % (fresh["control"], node["name"]), method="POST", data=b"")
    urllib.request.urlopen(wedge, timeout=10).read()
    slowest, unanswered, first, last = 0.0, 0, descriptors(child), 0
    start = time.monotonic()
    while time.monotonic() - start < PHASE:
        for path in ("/healthz/live", "/healthz/ready"):
            sent = time.monotonic()
            status, _ = get(base + path, 1.0)
            slowest = max(slowest, time.monotonic() - sent)
            unanswered += status == 0
        last = descriptors(child)
        time.sleep(1)
    sent = time.monotonic()
    child.terminate()
    child.wait()
    print("  ProxySQL stopped for %.0f s: %d probes unanswered (Go: all), slowest %.0f ms, descriptors %d to %d, "
          "SIGTERM %.1f s of at most 8 (Go 153 of 60)" % (
              PHASE, unanswered, slowest * 1000, first, last, time.monotonic() - sent))


try:
    main()
finally:
    for child in children:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
