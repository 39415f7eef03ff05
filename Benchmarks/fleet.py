#!/usr/bin/env python3
"""fleet.py DROVER [GROUPS [NODES [SECONDS]]]: how long it takes from the last of many registrations until every node
runs them all, and how much CPU `drover serve` uses at rest, beside simulated nodes that are verified every 5 s."""
import hashlib, json, os, signal, socket, struct, subprocess, sys, tempfile, time, urllib.request


class Admin:
    """As much of MySQL's protocol as one SELECT on an admin port needs."""

    def __init__(self, host, port, user="radmin", password="radmin"):
        self.s = socket.create_connection((host, port), 20)
        greeting = self.packet()
        at = greeting.index(b"\0", 1) + 5
        salt = greeting[at:at + 8] + greeting[at + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10:][:12]
        a = hashlib.sha1(password.encode()).digest()
        b = hashlib.sha1(salt + hashlib.sha1(a).digest()).digest()
        self.send(1, struct.pack("<IIB23x", 0x8F205 & ~0x800, 1 << 24, 45) + user.encode() + b"\0\x14"
                  + bytes(x ^ y for x, y in zip(a, b)) + b"mysql_native_password\0")
        answer = self.packet()
        if answer[:1] != b"\0":
            raise SystemExit("login refused: %r" % answer)

    def packet(self):
        head = self.read(4)
        return self.read(int.from_bytes(head[:3], "little"))

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        return data

    def send(self, sequence, payload):
        self.s.sendall(len(payload).to_bytes(3, "little") + bytes([sequence]) + payload)

    def number(self, sql):
        """The only cell of the only row."""
        self.send(0, b"\x03" + sql.encode())
        for _ in range(self.packet()[0]):
            self.packet()
        packets = [self.packet()]
        while not (packets[-1][:1] == b"\xfe" and len(packets[-1]) < 9) or len(packets) < 2:
            packets.append(self.packet())
        row = packets[1] if packets[0][:1] == b"\xfe" else packets[0]
        return int(row[1:1 + row[0]])


def call(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def seconds_of_cpu(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def child_named(pid, word):
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            parent = int(open("/proc/%s/stat" % entry).read().rsplit(")", 1)[1].split()[1])
            if parent == pid and word in open("/proc/%s/cmdline" % entry).read().split("\0"):
                return int(entry)
        except OSError:
            continue
    raise SystemExit("the sandbox has no process %s" % word)


def main():
    drover = os.path.abspath(sys.argv[1])
    groups, nodes, seconds = [int(x) for x in sys.argv[2:5]] + [100, 11, 60][len(sys.argv) - 2:]
    with tempfile.TemporaryDirectory() as home:
        endpoints = home + "/endpoints.json"
        sandbox = subprocess.Popen(
            [drover, "sandbox", "--cores", "2", "--satellites", str(nodes - 2), "--endpoints", endpoints,
             "--state-dir", home + "/state"], stdout=open(home + "/log", "w"), stderr=subprocess.STDOUT)
        try:
            limit = time.time() + 60
            while not (os.path.exists(endpoints) and os.path.getsize(endpoints)):
                if time.time() > limit or sandbox.poll() is not None:
                    raise SystemExit("the sandbox did not start: " + open(home + "/log").read()[-500:])
                time.sleep(0.1)
            time.sleep(0.2)
            found = json.load(open(endpoints))
            admins = []
            for node in found["proxysql"]:
                host, port = node["admin"].rsplit(":", 1)
                admins.append(Admin(host, int(port)))
            serve = child_named(sandbox.pid, "serve")
            began, used = time.time(), seconds_of_cpu(serve)
            for number in range(groups):
                call("PUT", "%s/v1/groups/bench-%d" % (found["api"], number), {
                    "servers": [{"name": "bench-%d" % number, "origin": "primary",
                                 "address": "10.1.%d.%d" % (number // 80, 3 * (number % 80) + 1)},
                                {"name": "bench-%d-a" % number,
                                 "address": "10.1.%d.%d" % (number // 80, 3 * (number % 80) + 2)},
                                {"name": "bench-%d-b" % number,
                                 "address": "10.1.%d.%d" % (number // 80, 3 * (number % 80) + 3)}],
                    "users": [{"username": "app%d" % number, "password": "p%d" % number}],
                    "primaryInstance": "bench-%d" % number})
            last = time.time()
            wanted = "SELECT (SELECT COUNT(*) FROM runtime_mysql_users WHERE frontend=1) + " \
                     "(SELECT COUNT(*) FROM runtime_mysql_servers)"
            while any(admin.number(wanted) < 4 * groups for admin in admins):
                if time.time() - last > 300:
                    raise SystemExit("after 300 s: %s" % [admin.number(wanted) for admin in admins])
                time.sleep(0.05)
            print("  %d groups on %d nodes: registered in %.1f s, everywhere %.1f s after the last, %.1f s of CPU"
                  % (groups, nodes, last - began, time.time() - last, seconds_of_cpu(serve) - used), flush=True)
            time.sleep(15)
            began, used = time.time(), seconds_of_cpu(serve)
            time.sleep(seconds)
            print("  at rest: %.1f s of CPU a minute"
                  % ((seconds_of_cpu(serve) - used) / (time.time() - began) * 60), flush=True)
        finally:
            sandbox.send_signal(signal.SIGINT)
            try:
                sandbox.wait(20)
            except subprocess.TimeoutExpired:
                sandbox.kill()


main()
