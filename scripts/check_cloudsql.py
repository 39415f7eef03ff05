#!/usr/bin/env python3
"""Holds the Cloud SQL stand-in against Google's own discovery document, and gcloud against the stand-in.

Usage: check_cloudsql.py DROVER CACHE-FOLDER. Starts a sandbox of its own. The discovery document comes from the PyPI
package google-api-python-client; without it, or without gcloud, the part that needs it says so and is left out.
"""
import glob, json, os, shutil, signal, subprocess, sys, tempfile, time, urllib.error, urllib.request, zipfile

drover, cache = sys.argv[1:3]
problems = []


def discovery():
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, "sqladmin.v1.json")
    if not os.path.exists(path):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder,
                 "google-api-python-client"], capture_output=True)
            wheels = glob.glob(folder + "/*.whl")
            if done.returncode != 0 or not wheels:
                return None
            with zipfile.ZipFile(wheels[0]) as wheel:
                name = "googleapiclient/discovery_cache/documents/sqladmin.v1.json"
                with open(path, "wb") as out:
                    out.write(wheel.read(name))
    with open(path) as text:
        return json.load(text)["schemas"]


def validate(schemas, value, schema, place):
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(value, dict):
            return problems.append(f"{place} is no object: {value!r}")
        for name, member in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if inner is None:
                problems.append(f"{place}.{name} is not in Google's schema")
            else:
                validate(schemas, member, inner, f"{place}.{name}")
    elif kind == "array":
        if not isinstance(value, list):
            return problems.append(f"{place} is no array")
        for index, member in enumerate(value):
            validate(schemas, member, schema["items"], f"{place}[{index}]")
    elif kind == "string":
        if not isinstance(value, str):
            problems.append(f"{place} must be text (format {schema.get('format')}): {value!r}")
        elif "enum" in schema and value not in schema["enum"]:
            problems.append(f"{place} is {value!r}, which is none of Google's words")
    elif kind == "boolean" and not isinstance(value, bool):
        problems.append(f"{place} must be true or false: {value!r}")
    elif kind == "integer" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        problems.append(f"{place} must be a number: {value!r}")


def call(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {url}: {error.code} {error.read().decode()}")


def until(sentence, fact):
    for _ in range(300):
        if fact():
            return
        time.sleep(0.1)
    raise SystemExit(f"waited 30 s in vain: {sentence}")


def check_answers(schemas, endpoints):
    """Lets Drover itself create a replica, so that both our request and the answers are what is checked."""
    base = endpoints["cloudsql"] + "/v1/projects/sandbox"
    call("POST", endpoints["api"] + "/", {
        "instance_name": "shop", "username": "app", "password": "x",
        "master_instance": {"name": "shop", "ip_address": "127.0.3.200"}})
    call("POST", endpoints["ingest"] + "/", {"incident": {
        "incident_id": "0.check", "state": "open", "started_at": 1,
        "documentation": {"content": json.dumps({"sql_master_instance": "shop", "action": "add"})}}})
    managed = lambda: call("GET", base + "/instances?filter=settings.userLabels.chester:true").get("items", [])
    until("a replica is created", lambda: any(i["state"] == "RUNNABLE" for i in managed()))
    checked = 0
    for path, schema in [("/instances", "InstancesListResponse"), ("/operations", "OperationsListResponse"),
                         ("/instances/shop", "DatabaseInstance"),
                         ("/instances/" + managed()[0]["name"], "DatabaseInstance")]:
        answer = call("GET", base + path)
        validate(schemas, answer, {"$ref": schema}, schema)
        checked += 1
    for operation in call("GET", base + "/operations")["items"]:
        validate(schemas, call("GET", base + "/operations/" + operation["name"]), {"$ref": "Operation"}, "Operation")
        checked += 1
    print(f"cloudsql: {checked} answers agree with Google's schemas" if not problems else "cloudsql: differences")


def check_gcloud(endpoints):
    environment = dict(
        os.environ, CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL=endpoints["cloudsql"] + "/",
        CLOUDSDK_AUTH_DISABLE_CREDENTIALS="true", CLOUDSDK_CORE_DISABLE_PROMPTS="1", CLOUDSDK_CORE_PROJECT="sandbox")

    def gcloud(*words):
        done = subprocess.run(["gcloud", "sql", *words], env=environment, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            problems.append(f"gcloud sql {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    if "shop-replica-1" not in gcloud("instances", "list"):
        problems.append("gcloud sql instances list does not show the static replicas")
    if "READ_REPLICA_INSTANCE" not in gcloud("instances", "describe", "shop-replica-1"):
        problems.append("gcloud sql instances describe does not show a replica")
    print("cloudsql: gcloud sql lists and describes" if not problems else "cloudsql: gcloud is not satisfied")


folder = tempfile.mkdtemp()
file = os.path.join(folder, "endpoints.json")
sandbox = subprocess.Popen(
    [drover, "sandbox", "--endpoints", file, "--operation-seconds", "0.5"], stdout=subprocess.DEVNULL)
try:
    until("the sandbox answers", lambda: os.path.exists(file))
    with open(file) as text:
        endpoints = json.load(text)
    schemas = discovery()
    if schemas is None:
        print("cloudsql: not run: google-api-python-client could not be had from PyPI")
    else:
        check_answers(schemas, endpoints)
    if shutil.which("gcloud"):
        check_gcloud(endpoints)
    else:
        print("cloudsql: not run: gcloud is not installed")
finally:
    sandbox.send_signal(signal.SIGINT)
    sandbox.wait(20)
    shutil.rmtree(folder)
for problem in problems:
    print("cloudsql:", problem)
sys.exit(1 if problems else 0)
