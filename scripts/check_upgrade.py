#!/usr/bin/env python3
"""Plays an upgrade of the embedded store and the way back, and holds that nothing is lost.

Usage: check_upgrade.py DROVER. The store is one that an earlier drover left when it was killed: Tests/Fixtures/stores.
With DROVER_PREVIOUS=/path/to/an/earlier/drover that one opens the store before and after this one; without it, the way
back is judged by what an earlier drover reads and writes: its tables, columns and members.
"""
import glob, json, os, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, time, urllib.error, urllib.request

DROVER = os.path.abspath(sys.argv[1])
PREVIOUS = os.environ.get("DROVER_PREVIOUS")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOME = tempfile.mkdtemp(prefix="drover-upgrade-")
STATE = os.path.join(HOME, "state")
FILES = ("drover", "events")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fail(text):
    for log in sorted(glob.glob(os.path.join(HOME, "*.log"))):
        print(f"-- {os.path.basename(log)}\n{open(log).read()[-3000:]}", file=sys.stderr)
    sys.exit(f"upgrade: {text}")


def expect(condition, text):
    if not condition:
        fail(text)


class Serve:
    """`drover serve` on the store, with a Cloud SQL and a node that do not answer: nothing under way can end."""

    runs = 0

    def __init__(self, binary):
        Serve.runs += 1
        self.log = os.path.join(HOME, f"{Serve.runs}-{os.path.basename(binary)}.log")
        port, dead = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = {
            "state.directory": STATE, "api.address": f"127.0.0.1:{port}", "api.authentication": "none",
            "ingest.address": f"127.0.0.1:{free_port()}", "cloudsql.project": "sandbox",
            "cloudsql.endpoint": f"http://127.0.0.1:{dead}", "fleet.nodes": f"core-0=core@127.0.0.1:{dead}",
            "fleet.password": "radmin"}
        argv = [binary, "serve"] + [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        environment = {"PATH": os.environ["PATH"], "HOME": HOME}
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)

    def __enter__(self):
        for _ in range(300):
            if self.process.poll() is not None:
                fail(f"it ended with {self.process.returncode} at its start")
            try:
                self.get("/v1/groups")
                return self
            except (OSError, ValueError):
                time.sleep(0.1)
        fail("it did not start")

    def __exit__(self, kind, *_):
        if kind is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                fail("it did not end")
            expect(code == 0, f"it ended with {code}")
        else:
            self.process.kill()
            self.process.wait()

    def get(self, path, document=None, method=None):
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(
            self.url + path, body, {"Content-Type": "application/json", "Accept": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def patch(self, path, document):
        for _ in range(20):
            try:
                return self.get(path, document, "PATCH")
            except urllib.error.HTTPError as error:
                # The scaler saved in between.
                if error.code not in (409, 412):
                    fail(f"PATCH {path}: {error.code} {error.read()[:500]}")

    def items(self, path):
        answer = self.get(path)
        return answer["items"] if isinstance(answer, dict) and "items" in answer else answer


def database(name="drover"):
    return sqlite3.connect(os.path.join(STATE, f"{name}.sqlite"))


def stored(group):
    connection = database()
    try:
        return json.loads(connection.execute(
            "SELECT document FROM fleet_group WHERE name = ?", (group,)).fetchone()[0])
    finally:
        connection.close()


def store_members(members):
    """What a newer drover might keep beside what this one knows."""
    document = stored("shop")
    for path in members:
        place = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = members[path]
    connection = database()
    connection.execute("UPDATE fleet_group SET document = ? WHERE name = 'shop'", (json.dumps(document).encode(),))
    connection.commit()
    connection.close()


def look(serve, maximum, weight_of_first):
    """Everything that was recorded is there."""
    expect(sorted(g["name"] for g in serve.items("/v1/groups")) == ["blog", "shop"], "the groups differ")
    shop = serve.get("/v1/groups/shop")
    expect(shop["policy"]["maximumReplicas"] == maximum, f"the maximum is {shop['policy']['maximumReplicas']}")
    states = sorted((r["name"][:5], r["state"]) for r in serve.items("/v1/groups/shop/replicas"))
    expect([s for _, s in states] == ["creating", "serving"], f"the replicas are {states}")
    servers = [s for s in shop["servers"] if s["name"] == "shop-replica-1"]
    expect([s["weight"] for s in servers] == [weight_of_first], f"the configured replica is {servers}")
    incidents = serve.items("/v1/incidents")
    expect({"1", "2"} <= {i["id"] for i in incidents}, f"the incidents are {incidents}")
    expect(len(serve.items("/v1/groups/shop/history?limit=50")) >= 7, "generations of the history are gone")
    expect(len(serve.items("/v1/events?limit=500")) >= 28, "events are gone")


def members(document, before=""):
    if isinstance(document, dict):
        for name, value in document.items():
            yield before + name
            yield from members(value, f"{before}{name}.")
    elif isinstance(document, list):
        for value in document[:1]:
            yield from members(value, before)


def judge_the_way_back(recorded):
    """An earlier drover finds what it reads, and what it writes is taken."""
    columns = {}
    for name in FILES:
        old, new = sqlite3.connect(":memory:"), database(name)
        old.executescript(open(f"{ROOT}/Tests/Fixtures/stores/{name}-529da9d.sql").read())
        for (table,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
            for connection, known in ((old, "old"), (new, "new")):
                columns[table, known] = {row[1]: row for row in connection.execute(f"PRAGMA table_info({table})")}
            missing = set(columns[table, "old"]) - set(columns[table, "new"])
            expect(not missing, f"{table} has lost the columns {missing}")
            added = [row for column, row in columns[table, "new"].items() if column not in columns[table, "old"]]
            expect(not [row for row in added if row[3] and row[4] is None],
                   f"an earlier drover cannot write into {table}: {added}")
        old.close()
        new.close()
    now = stored("shop")
    lost = set(members(recorded)) - set(members(now))
    expect(not lost, f"the group has lost the members {sorted(lost)}")


try:
    os.mkdir(STATE, 0o755)
    for name in FILES:
        connection = database(name)
        connection.executescript(open(f"{ROOT}/Tests/Fixtures/stores/{name}-529da9d.sql").read())
        connection.close()
    recorded = stored("shop")
    if PREVIOUS:
        with Serve(PREVIOUS) as previous:
            look(previous, 3, 100)

    print("upgrade: an earlier drover's store, opened by this one")
    with Serve(DROVER) as serve:
        look(serve, 3, 100)
        serve.patch("/v1/groups/shop", {"policy": {"maximumReplicas": 4}})
        servers = serve.get("/v1/groups/shop")["servers"]
        look(serve, 4, 100)
    log = open(serve.log).read()
    expect("CancellationError" not in log, "its end complains of being ended")
    for path in [STATE] + glob.glob(STATE + "/*"):
        mode = os.stat(path).st_mode & 0o777
        expect(mode & 0o077 == 0, f"{path} has mode {mode:o}")

    print("upgrade: what a newer one keeps, beside what this one changes")
    later = {
        ("later",): {"a": [1, None]}, ("configuration", "later"): "x", ("policy", "later"): 7,
        ("configuration", "servers", 1, "later"): True, ("replicas", 0, "later"): {"b": 1}}
    store_members(later)
    with Serve(DROVER) as serve:
        serve.patch("/v1/groups/shop", {"policy": {"maximumReplicas": 5}})
        look(serve, 5, 100)
    document = stored("shop")
    for path, value in later.items():
        place = document
        for step in path:
            place = place.get(step) if isinstance(place, dict) else place[step]
        expect(place == value, f"{path} was {value} and is {place}")

    print("upgrade: the way back")
    judge_the_way_back(recorded)
    if PREVIOUS:
        with Serve(PREVIOUS) as previous:
            look(previous, 5, 100)
            previous.patch("/v1/groups/shop", {"policy": {"maximumReplicas": 2}})
        with Serve(DROVER) as serve:
            look(serve, 2, 100)

    print("upgrade: a newer store")
    connection = database()
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    before = stored("shop")
    connection.close()
    refused = Serve(DROVER)
    code = refused.process.wait(30)
    log = open(refused.log).read()
    expect(code not in (0, None) and code > 0, f"a newer store was opened ({code})")
    expect("written by a newer drover" in log and "before the upgrade" in log, "the refusal does not say what to do")
    expect(stored("shop") == before, "the refused store was changed")
    print("upgrade: nothing is lost" + ("" if PREVIOUS else "; DROVER_PREVIOUS names no earlier drover to play with"))
finally:
    shutil.rmtree(HOME, ignore_errors=True)
