#!/usr/bin/env python3
"""Runs `drover scaler --dry-run` on a Chester's data in Google's Datastore emulator, and holds that nothing changes.

Usage: check_dry_run.py DROVER [--show]. Starts the emulator and a sandbox (for its Cloud SQL and ProxySQL) of its own.
Every entity must have the same properties and the same version afterwards, the instances of Cloud SQL and the rows of
ProxySQL must be the same, and Pub/Sub, whose address leads nowhere, must not be asked. Without java or the emulator:
exit code 75.
"""
import glob, json, os, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request

drover, show = sys.argv[1], "--show" in sys.argv
gcloud = shutil.which("gcloud")
platform = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(gcloud or "/"))), "platform")
jar = os.path.join(platform, "cloud-datastore-emulator", "CloudDatastore.jar")
if not shutil.which("java") or not os.path.exists(jar):
    sys.exit(75)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url, document=None):
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"{}")


def wait(what, probe):
    for _ in range(300):
        try:
            if probe():
                return
        except Exception:
            pass
        time.sleep(0.1)
    sys.exit(f"{what} did not start")


def value(item):
    if isinstance(item, bool):
        return {"booleanValue": item}
    if isinstance(item, int):
        return {"integerValue": str(item)}
    if isinstance(item, str):
        return {"stringValue": item}
    if isinstance(item, list):
        return {"arrayValue": {"values": [value(one) for one in item]}}
    return {"entityValue": {"properties": {name: value(one) for name, one in item.items()}}}


PROJECT, STARTED = "sandbox", int(time.time()) - 600
partition = {"projectId": PROJECT, "namespaceId": "chester"}


def entity(path, **properties):
    return {"key": {"partitionId": partition, "path": [{"kind": k, "name": n} for k, n in path]},
            "properties": {name: value(item) for name, item in properties.items()}}


def incident(name, action, process, state="open", **more):
    content = json.dumps({"replica_basename": "shop-", "sql_master_instance": "shop", "action": action})
    return entity(
        [("incident", name)], IncidentID=name, PolicyName=f"{action}_sql_replica", State=state, StartedAt=STARTED,
        ClosedTimestamp="", Condition={"IncidentID": name, "PolicyName": f"{action}_sql_replica"},
        SqlMasterInstance="shop", ReplicaBaseName="shop-",
        Documentation={"Content": content, "MimeType": "text/markdown"}, InProgress=process != "gcf_push",
        Action=action, LastProcess=process, OperationID=more.get("operation", ""), LastUpdated="",
        LastUpdatedBy="chester-daemon", LastIPAddress="", LastReadReplicaName=more.get("replica", ""))


def chester(addresses, added):
    group = [("proxysqlconfig", "shop")]

    def server(address, hostgroup, comment):
        return {"Address": address, "Port": 3306, "Hostgroup": hostgroup, "MaxConnections": 100, "Comment": comment,
                "UseSSL": 0}

    return [
        entity(
            group, DataDir="/var/lib/proxysql", ReadHostGroup=10, WriteHostGroup=5, UseSSL=0, KMSProject="",
            MySqlServers=[
                server(addresses["shop"], 5, "shop"), server(addresses["shop-replica-1"], 10, "shop-replica-1"),
                server(added, 10, "Read Replica Added By Chester")],
            MySqlUsers=[{"Username": "app", "Password": "s3cret-of-app", "DefaultHostgroup": 5, "Active": 1,
                         "InstanceGroup": "shop"}],
            MySqlQueryRules=[{"RuleID": 1, "Username": "app", "Active": 1, "MatchDigest": "^SELECT",
                              "DestinationHostgroup": 10, "Apply": 1, "Comment": "selects go to the reader: shop"}]),
        entity(group + [("chester_metadata", "shop")], InstanceGroup="shop", MaxChesterInstances=3),
        entity([("proxysql_metadata", "proxysql_metadata")], instance_metadata='{"shop":"shop"}'),
        incident("0-open", "add", "instance_insert", operation="op-1", replica="shop-lost-by-chester"),
        incident("0-new", "add", "gcf_push"),
    ]


def contents(datastore):
    found = []
    for kind in ["proxysqlconfig", "chester_metadata", "proxysql_metadata", "incident", "drover_group",
                 "drover_change", "drover_leader"]:
        batch = call(f"{datastore}/v1/projects/{PROJECT}:runQuery",
                     {"partitionId": partition, "query": {"kind": [{"name": kind}]}})["batch"]
        found += [(json.dumps(one["entity"], sort_keys=True), one["version"])
                  for one in batch.get("entityResults", [])]
    return found


folder = tempfile.mkdtemp(prefix="drover-dry-run-")
port = free_port()
datastore = f"http://127.0.0.1:{port}"
emulator = subprocess.Popen(
    ["java", "-Xmx256m", "-cp", jar, "com.google.cloud.datastore.emulator.CloudDatastore", "start",
     "--host=127.0.0.1", f"--port={port}", "--testing", "--firestore_in_datastore_mode"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
sandbox = subprocess.Popen(
    [drover, "sandbox", "--satellites", "0", "--endpoints", f"{folder}/endpoints.json"], stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL)
try:
    wait("the emulator", lambda: urllib.request.urlopen(datastore, timeout=1).status == 200)
    wait("the sandbox", lambda: os.path.getsize(f"{folder}/endpoints.json") > 0)
    places = json.load(open(f"{folder}/endpoints.json"))
    sql = f"{places['cloudsql']}/v1/projects/{PROJECT}/instances"
    # The replica that Chester added: no label but Chester's own.
    call(sql, {"name": "shop-6f1c", "region": "us-central1", "databaseVersion": "MYSQL_8_0",
               "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": "shop",
               "settings": {"tier": "db-custom-2-7680", "userLabels": {"chester": "true"},
                            "ipConfiguration": {"ipv4Enabled": False,
                                                "privateNetwork": "projects/net/global/networks/vpc"}}})

    def addresses():
        return {one["name"]: one["ipAddresses"][0]["ipAddress"]
                for one in call(sql)["items"] if one.get("ipAddresses") and one["state"] == "RUNNABLE"}

    wait("the replica", lambda: "shop-6f1c" in addresses())
    known = addresses()
    call(f"{datastore}/v1/projects/{PROJECT}:commit", {
        "mode": "NON_TRANSACTIONAL",
        "mutations": [{"insert": one} for one in chester(known, known["shop-6f1c"])]})
    node = places["proxysql"][0]
    environment = {
        "PATH": os.environ["PATH"], "PROJECT_ID": PROJECT, "PUBSUB_TOPIC": "chester",
        "PUBSUB_SUBSCRIPTION": "chester-daemon", "DATASTORE_EMULATOR_HOST": f"127.0.0.1:{port}",
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:1", "NETWORK_PROJECT_ID": "net", "NETWORK_NAME": "vpc",
        "DROVER_FLEET_PASSWORD": node["password"]}
    flags = ["--set", f"cloudsql.endpoint={places['cloudsql']}", "--set", f"fleet.nodes=core-0=core@{node['admin']}",
             "--set", f"fleet.username={node['username']}", "--set", f"state.directory={folder}/none"]
    before = (contents(datastore), call(sql))

    def run(*more):
        return subprocess.run([drover, "scaler", "--dry-run", *more, *flags], env=environment, capture_output=True,
                              text=True, timeout=60)

    text, document = run(), run("--output", "json", "--exit-code")
    if show:
        print(text.stdout, text.stderr, sep="")
    problems = []
    if text.returncode != 0:
        problems.append(f"exit code {text.returncode}: {text.stderr}")
    if document.returncode != 2:
        problems.append(f"--exit-code gave {document.returncode}: {document.stderr}")
    after = (contents(datastore), call(sql))
    if before[0] != after[0]:
        problems.append("Datastore was changed")
    if before[1] != after[1]:
        problems.append("Cloud SQL was changed")
    if os.path.exists(f"{folder}/none"):
        problems.append("a state directory was made")
    if "s3cret-of-app" in text.stdout + text.stderr + document.stdout + document.stderr:
        problems.append("a password was shown")
    groups = json.loads(document.stdout)["groups"]
    shop = groups[0] if groups else {}
    if shop.get("replicas") != ["shop-6f1c serving"]:
        problems.append(f"counted {shop.get('replicas')}")
    if [one["method"] for one in shop.get("cloudSQLCalls", [])] != ["POST"]:
        problems.append(f"calls {shop.get('cloudSQLCalls')}")
    for problem in problems:
        print(f"dry run: {problem}")
    if problems:
        sys.exit(1)
    print(f"dry run: {len(before[0])} entities, as many as before, none changed")
finally:
    for process in (sandbox, emulator):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
    shutil.rmtree(folder, ignore_errors=True)
