"""Google's emulators, a sandbox and drover's roles as processes of their own, for the checks beside this file."""
import glob, json, os, shutil, signal, socket, subprocess, tempfile, time, urllib.error, urllib.request

PROJECT = "sandbox"
TOPIC, SUBSCRIPTION = "incidents", "scaler"


def platform():
    """The folder of the emulators, or None without them or without a JVM."""
    gcloud = shutil.which("gcloud")
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(gcloud))), "platform") if gcloud else ""
    parts = ["pubsub-emulator", "cloud-datastore-emulator", "cloud-firestore-emulator"]
    if shutil.which("java") and all(os.path.isdir(os.path.join(folder, part)) for part in parts):
        return folder
    return None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def http(method, url, body=None, timeout=10, headers=None):
    """The status and the decoded answer; a status is an answer too."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text) if text else None
    except ValueError:
        return status, text.decode(errors="replace")


def until(sentence, fact, seconds=60):
    """Waits until `fact` gives something true, and gives that back."""
    end = time.monotonic() + seconds
    problem = None
    while time.monotonic() < end:
        try:
            value, problem = fact(), None
            if value:
                return value
        except Exception as error:  # What is not there yet may fail in any way.
            problem = error
        time.sleep(0.1)
    raise SystemExit(f"waited {seconds} s in vain: {sentence}" + (f" ({problem})" if problem else ""))


class Emulator:
    """One of Google's emulators at a port of its own, which it keeps when it is stopped and started again."""

    def __init__(self, kind, folder):
        self.port, self.process, self.folder, self.kind = free_port(), None, folder, kind
        root, address = platform(), ["--host=127.0.0.1", f"--port={self.port}"]
        if kind == "pubsub":
            jar = glob.glob(f"{root}/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar")[0]
            self.words = ["-jar", jar, *address]
        elif kind == "optimistic":
            self.words = [
                "-cp", f"{root}/cloud-datastore-emulator/CloudDatastore.jar",
                "com.google.cloud.datastore.emulator.CloudDatastore", "start", *address, "--testing",
                "--firestore_in_datastore_mode"]
        elif kind == "durable":
            # As `gcloud beta emulators datastore start` runs it: what was committed is there again after a restart.
            data = os.path.join(folder, "datastore-data")
            os.makedirs(data, exist_ok=True)
            self.words = [
                "-cp", f"{root}/cloud-datastore-emulator/CloudDatastore.jar",
                "com.google.cloud.datastore.emulator.CloudDatastore", "start", *address, "--store_on_disk=True",
                "--firestore_in_datastore_mode", data]
        else:
            self.words = [
                "-cp", f"{root}/cloud-firestore-emulator/cloud-firestore-emulator.jar",
                "com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start", *address,
                "--database-mode=datastore-mode"]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        log = open(os.path.join(self.folder, f"{self.kind}-emulator.log"), "ab")
        self.process = subprocess.Popen(
            [shutil.which("java"), "-Xmx256m", *self.words], stdout=log, stderr=log, cwd=self.folder)
        until(f"the {self.kind} emulator answers", lambda: http("GET", f"http://{self.address}/")[0] == 200)

    def stop(self):
        stop(self.process)

    def reset(self):
        http("POST", f"http://{self.address}/reset")


def stop(process, seconds=30):
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class World:
    """Emulators, and a sandbox for its Cloud SQL and its nodes; the sandbox's own drover has no group and rests."""

    def __init__(self, drover, datastore):
        self.drover = os.path.abspath(drover)
        self.folder = tempfile.mkdtemp(prefix="drover-google-")
        self.pubsub, self.datastore = Emulator("pubsub", self.folder), Emulator(datastore, self.folder)
        self.sandbox, self.roles, self.endpoints, self.count = None, [], None, 0

    def __enter__(self):
        try:
            for emulator in (self.pubsub, self.datastore):
                emulator.start()
            os.environ.update(self.emulators())
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *_):
        self.end_roles()
        self.end_sandbox()
        for emulator in (self.pubsub, self.datastore):
            emulator.stop()
        if kind is None or kind is KeyboardInterrupt:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"the logs are in {self.folder}", flush=True)

    def emulators(self):
        return {
            "PUBSUB_EMULATOR_HOST": self.pubsub.address, "DATASTORE_EMULATOR_HOST": self.datastore.address,
            "PUBSUB_PROJECT_ID": PROJECT, "DATASTORE_PROJECT_ID": PROJECT}

    def begin_sandbox(self, operation_seconds=0.5):
        file = os.path.join(self.folder, "endpoints.json")
        self.sandbox = subprocess.Popen(
            [self.drover, "sandbox", "--endpoints", file, "--operation-seconds", str(operation_seconds)],
            stdout=subprocess.DEVNULL)
        until("the sandbox answers", lambda: os.path.exists(file))
        with open(file) as text:
            self.endpoints = json.load(text)

    def end_sandbox(self):
        stop(self.sandbox)
        self.sandbox = None

    def environment(self):
        """Chester's variables, and nothing of the caller's: drover refuses settings that it does not know."""
        emulators = self.emulators()
        return {
            "PATH": os.environ["PATH"], "HOME": self.folder, "PROJECT_ID": PROJECT, "PUBSUB_TOPIC": TOPIC,
            "PUBSUB_SUBSCRIPTION": SUBSCRIPTION, "FORCE_ENCRYPT": "false", "DROVER_FLEET_PASSWORD": "radmin",
            "PUBSUB_EMULATOR_HOST": emulators["PUBSUB_EMULATOR_HOST"],
            "DATASTORE_EMULATOR_HOST": emulators["DATASTORE_EMULATOR_HOST"]}

    def setup(self):
        """Topic and subscriptions, as an operator makes them."""
        done = subprocess.run(
            [self.drover, "setup", "google", "--skip-iam"], env=self.environment(), capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"drover setup google: {done.stdout}{done.stderr}")

    def role(self, *words, **settings):
        """Starts one of drover's roles; `__` in a name stands for the dot of a setting, `_` for its hyphen."""
        self.count += 1
        chosen = [f"{name.replace('__', '.').replace('_', '-')}={value}" for name, value in settings.items()]
        log = open(os.path.join(self.folder, f"{self.count}-{words[0]}.log"), "wb")
        arguments = [part for setting in chosen for part in ("--set", setting)]
        process = subprocess.Popen(
            [self.drover, *words, *arguments], env=self.environment(), stdout=log, stderr=log)
        self.roles.append(process)
        return process

    def scaler(self, **settings):
        nodes = ",".join(f"{node['name']}={node['role']}@{node['admin']}" for node in self.endpoints["proxysql"])
        usual = {
            "state__directory": os.path.join(self.folder, "scaler"), "cloudsql__endpoint": self.endpoints["cloudsql"],
            "fleet__nodes": nodes, "scaler__poll_seconds": 0.1, "scaler__cooldown_seconds": 1,
            "scaler__resync_seconds": 2, "scaler__inventory_seconds": 2, "scaler__ramp_seconds": 0.5,
            "scaler__admission_samples": 1, "scaler__drain_deadline_seconds": 2,
            "api__address": f"127.0.0.1:{free_port()}"}
        return self.role("scaler", **{**usual, **settings})

    def ingest(self):
        """The webhook; gives its address."""
        address = f"127.0.0.1:{free_port()}"
        self.role("ingest", ingest__address=address)
        until("drover ingest answers", lambda: http("GET", f"http://{address}/healthz")[0] == 200)
        return f"http://{address}/"

    def api(self, **settings):
        """The management API; gives its address."""
        address = f"127.0.0.1:{free_port()}"
        self.role(
            "api", state__directory=os.path.join(self.folder, f"api-{self.count}"), api__address=address,
            api__authentication="none", **settings)
        until("drover api answers", lambda: http("GET", f"http://{address}/healthcheck")[0] == 200)
        return f"http://{address}"

    def end_roles(self):
        for role in self.roles:
            stop(role)
        self.roles = []


def alert(incident, state, action="add", group="shop"):
    """The webhook's body, as Cloud Monitoring sends it."""
    content = json.dumps({
        "replica_basename": f"{group}-ro-", "sql_master_instance": "shop", "instance_group": group,
        "action": action})
    return {"version": "1.2", "incident": {
        "incident_id": incident, "policy_name": "connections", "state": state, "started_at": 1700000000,
        "ended_at": 1700000600 if state == "closed" else None, "condition": {"name": "c"},
        "documentation": {"content": content, "mime_type": "text/markdown"}}}
