#!/usr/bin/env python3
"""Drives every verb of every route of the management API in a running sandbox: check_verbs.py DROVER

The routes are those that the API's own description names: one that is not driven here is a failure. Chester's surface is
driven as its Terraform provider does it, numbers as texts included, and two databases share the nodes. What reached
ProxySQL is read back from a node. Standard library only.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request


class API:
    def __init__(self, base):
        self.base = base
        self.document = json.loads(urllib.request.urlopen(f"{base}/v1/openapi.json", timeout=10).read())
        self.described = {(method, path) for path, item in self.document["paths"].items()
                          for method in item if method in ("get", "put", "post", "patch", "delete")}
        self.driven = set()

    def call(self, method, path, body=None, status=200, query="", headers=None, **parts):
        """Calls the described route `path` with `parts` in its braces; the answer must have `status`."""
        key = (method.lower(), path)
        if key not in self.described:
            raise AssertionError(f"{method} {path} is not described")
        url = self.base + path.format(**{name: urllib.parse.quote(str(part), safe="") for name, part in parts.items()})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{url}?{query}" if query else url, data=data, method=method,
                                         headers={"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found, text, self.headers = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            found, text, self.headers = error.code, error.read(), error.headers
        wanted = status if isinstance(status, tuple) else (status,)
        if found not in wanted:
            raise AssertionError(f"{method} {url} {body} is answered {found}, not {status}: {text.decode()[:500]}")
        self.driven.add(key)
        return json.loads(text) if text.strip() and "json" in self.headers.get("Content-Type", "") else text


def check(condition, what):
    if not condition:
        raise AssertionError(f"it is not so that {what}")
    print(f"verbs: {what}")


def until(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s it is not so that {what}")
        time.sleep(0.2)
    print(f"verbs: {what}")


def chester(api, address):
    """The calls of the Terraform provider: create, read, plan without a change, modify, destroy."""
    api.call("GET", "/")
    api.call("GET", "/healthcheck")
    add = {"action": "add", "instance_name": "orders", "username": "orders-app", "password": "hunter2",
           "master_instance": {"name": "orders", "ip_address": f"{address}.210"},
           "read_replicas": [{"name": "orders-r1", "ip_address": f"{address}.211"}], "query_rules": None,
           "chester_meta_data": {"instance_group": "orders", "max_chester_instances": "2"},
           "key_data": "", "cert_data": "", "ca_data": "", "enable_ssl": "0"}
    added = api.call("POST", "/", add)
    check(added["password"] == "REDACTED" and (added["write_host_group"], added["read_host_group"]) != (5, 10),
          "a second database on the same nodes gets hostgroups of its own")
    check(api.call("POST", "/", add)["instance_name"] == "orders", "the same add again changes nothing")
    one = api.call("GET", "/databases/{name}", name="orders")
    check(one["read_replicas"] == [{"name": "orders-r1", "ip_address": f"{address}.211"}]
          and one["chester_meta_data"]["max_chester_instances"] == 2, "what was written is read at once")
    check({item["instance_name"] for item in api.call("GET", "/databases", query="filter=true")} == {"shop", "orders"},
          "all databases are listed")
    api.call("PATCH", "/", {
        "action": "modify", "instance_name": "orders", "new_username": "", "new_password": "hunter3",
        "add_query_rules": [{"rule_id": "0", "username": "", "active": "1", "match_digest": "^SHOW",
                             "destination_hostgroup": "10", "apply": "1", "comment": "it's"}],
        "remove_query_rules": ["4"], "read_replicas": [{"name": "orders-r2", "ip_address": f"{address}.212"}],
        "chester_meta_data": {"instance_group": "orders", "max_chester_instances": 3}})
    one = api.call("GET", "/databases/{name}", name="orders")
    rules = {rule["rule_id"]: rule for rule in one["query_rules"]}
    shows = [rule for rule in one["query_rules"] if rule["match_digest"] == "^SHOW"]
    check([r["name"] for r in one["read_replicas"]] == ["orders-r2"] and len(shows) == 1 and len(rules) == 4,
          "a modification replaces the replicas, adds one rule and removes one")
    api.call("PATCH", "/queryrules/{id}", {**shows[0], "comment": "changed"}, query="instance_group=orders",
             id=shows[0]["rule_id"])
    user = {"username": "reports", "password": "p", "default_hostgroup": "10", "active": "1"}
    api.call("POST", "/users", user, query="instance_group=orders")
    check(api.call("GET", "/users/{username}", query="instance_group=orders", username="reports")["username"]
          == "reports", "a user is added and read")
    api.call("PATCH", "/users", {"username": "reports", "password": "q", "default_hostgroup": 5, "active": 1},
             query="instance_group=orders")
    api.call("DELETE", "/users/{username}", query="instance_group=orders", username="reports")
    api.call("PATCH", "/key/{name}", {"key_data": "k"}, status=(200, 400), name="orders")
    api.call("PATCH", "/cert/{name}", {"cert_data": "c"}, status=(200, 400), name="orders")
    return added


def v1(api, address):
    group = {"group": "shop"}
    base = "/v1/groups/{group}"
    api.call("PUT", base, {
        "servers": [{"name": "shop", "address": f"{address}.200", "origin": "primary"},
                    {"name": "shop-replica-1", "address": f"{address}.201"}],
        "users": [{"username": "app", "password": "secret"}], "policy": {"maximumReplicas": 2}}, status=201, **group)
    check([item["name"] for item in api.call("GET", "/v1/groups")["items"]] == ["shop"], "a group is listed")
    # The scaler saves a new group once, when it takes it over.
    for _ in range(5):
        api.call("GET", base, **group)
        tag = api.headers["ETag"]
        api.call("GET", base, status=(200, 304), headers={"If-None-Match": tag}, **group)
        answer = api.call("PATCH", base, {"policy": {"maximumReplicas": 3}}, status=(200, 412),
                          headers={"If-Match": tag}, **group)
        if answer.get("status") != 412:
            break
    check(answer.get("status") != 412, "a change of the version that was read is made")
    api.call("GET", base, **group)
    api.call("GET", base, status=304, headers={"If-None-Match": api.headers["ETag"]}, **group)
    api.call("PATCH", base, {"policy": {"maximumReplicas": 4}}, status=412, headers={"If-Match": tag}, **group)
    for path, element, body in (("servers", "shop-replica-2", {"address": f"{address}.202"}),
                                ("users", "réport", {"password": "p"}),
                                ("query-rules", 9, {"matchDigest": "^SHOW", "destinationHostgroup": 10})):
        place = f"{base}/{path}"
        api.call("PUT", f"{place}/{{element}}", body, element=element, **group)
        api.call("GET", f"{place}/{{element}}", element=element, **group)
        items = api.call("GET", place, **group)["items"]
        api.call("PUT", place, items, query="dryRun=true", **group)
        api.call("PUT", place, items, **group)
        api.call("DELETE", f"{place}/{{element}}", element=element, **group)
        api.call("GET", f"{place}/{{element}}", status=404, element=element, **group)
    policy = api.call("GET", f"{base}/policy", **group)
    api.call("PUT", f"{base}/policy", {**policy, "maximumReplicas": 5}, **group)
    api.call("PATCH", f"{base}/policy", {"maximumReplicas": 1}, **group)
    history = api.call("GET", f"{base}/history", **group)["items"]
    check(len(history) == 10, "every change is a generation")
    api.call("GET", f"{base}/history/{{generation}}", generation=1, **group)
    api.call("POST", f"{base}/rollback", {"generation": 2}, **group)
    check(api.call("GET", base, **group)["policy"]["maximumReplicas"] == 3, "a rollback brings a generation back")
    check(api.call("GET", "/v1/audit")["items"][0]["action"].endswith("/rollback"), "the audit log tells of it")
    for order, body in (("pause", {"direction": "in", "forSeconds": 60}), ("pin", {"size": 1, "forSeconds": 60}),
                        ("resume", {})):
        api.call("POST", f"{base}/{order}", body, **group)


def state(api, ingest):
    group = {"group": "shop"}
    base = "/v1/groups/{group}"
    alert = {"incident": {"incident_id": "0.verbs", "state": "open", "started_at": 1, "documentation": {
        "content": json.dumps({"sql_master_instance": "shop", "action": "add"})}}}

    def send(state):
        alert["incident"]["state"] = state
        request = urllib.request.Request(ingest + "/", data=json.dumps(alert).encode(), method="POST",
                                         headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).read()

    send("open")
    until("an alert becomes a serving replica", lambda: any(
        replica["state"] == "serving" for replica in api.call("GET", f"{base}/replicas", **group)["items"]))
    closed = api.call("POST", "/v1/incidents/{incident}/close", {"reason": "driven"}, incident="0-verbs")
    check(closed["state"] == "closed", "a person closes the incident")
    send("closed")
    name = next(replica["name"] for replica in api.call("GET", f"{base}/replicas", **group)["items"])
    order = f"{base}/replicas/{{replica}}"
    api.call("POST", f"{order}/retry", {}, status=409, replica=name, **group)
    api.call("POST", f"{order}/retry", {}, status=404, replica="none", **group)
    preview = api.call("POST", f"{order}/forget", {"reason": "driven"}, query="dryRun=true", replica=name, **group)
    check("not deleted" in json.dumps(preview), "a person who lets go of a replica is told that its instance stays")
    check(api.call("GET", "/v1/incidents/{incident}", incident="0-verbs")["group"] == "shop", "its incident is shown")
    check(api.call("GET", "/v1/incidents")["items"] and api.call("GET", f"{base}/incidents", **group)["items"],
          "incidents are listed, of all groups and of one")
    check(api.call("GET", f"{base}/decisions", **group)["items"], "decisions are listed")
    check(api.call("GET", "/v1/events", headers={"Accept": "application/json"})["items"], "events are listed")
    until("every node holds what is wanted of both databases", lambda: all(
        held["generation"] == held["wantedGeneration"] for node in api.call("GET", "/v1/nodes")["items"]
        for held in node["groups"]) and api.call("GET", f"{base}/publication", status=(200, 404), **group)["isComplete"])


def places(drover, node, api):
    """Two databases on one ProxySQL: what is read back from it is what each owns, and nothing is shared."""
    text = subprocess.run(
        [drover, "ctl", "import", "--from-proxysql", node["admin"], "--username", node["username"],
         "--password-env", "NODE_PASSWORD"], env={**os.environ, "NODE_PASSWORD": node["password"]},
        capture_output=True, text=True, check=True)
    check(text.stderr == "", "the node holds nothing that Drover cannot say")
    groups = {item["name"]: item for item in api.call("GET", "/v1/groups")["items"]}
    hostgroups = [groups[name][member] for name in groups for member in ("writerHostgroup", "readerHostgroup")]
    bases = [group["ruleIDBase"] for group in groups.values()]
    check(len(set(hostgroups)) == 4 and len(set(bases)) == 2, "no hostgroup and no range of rule ids is shared")
    for group in groups.values():
        for fact in (f"writerHostgroup: {group['writerHostgroup']}", f"ruleIDBase: {group['ruleIDBase']}",
                     *(f"id: {rule['id']}" for rule in group["queryRules"]),
                     *(f"address: \"{server['address']}\"" for server in group["servers"])):
            check(fact in text.stdout, f"the node holds {fact} of the database {group['name']}")


def destroy(api):
    body = {"action": "remove", "instance_name": "orders", "username": "orders-app"}
    api.call("DELETE", "/", body)
    until("Chester's removal withdraws the database", lambda: not any(
        item["instance_name"] == "orders" for item in api.call("GET", "/databases")))
    api.call("DELETE", "/v1/groups/{group}", status=409, group="shop")
    api.call("DELETE", "/v1/groups/{group}", status=202, query="deleteReplicas=true", group="shop")
    until("a removal drains and deletes the replicas and forgets the group",
          lambda: not api.call("GET", "/v1/groups")["items"])
    purged = api.call("POST", "/v1/groups/{group}/purge", {"reason": "driven"}, status=202, group="shop")
    check(purged["group"] == "shop" and purged["until"], "rows of a group that there is no more may be ordered away")


def main():
    drover = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        endpoints = os.path.join(folder, "endpoints.json")
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        sandbox = subprocess.Popen([drover, "sandbox", "--endpoints", endpoints, "--operation-seconds", "0.5",
                                    "--cooldown-seconds", "1"], env=environment, stdout=subprocess.DEVNULL)
        try:
            until("the sandbox answers", lambda: os.path.exists(endpoints) and os.path.getsize(endpoints) > 0)
            with open(endpoints) as file:
                places_of = json.load(file)
            address = places_of["cloudsql"].split("//")[1].rsplit(":", 1)[0].rsplit(".", 1)[0]
            api = API(places_of["api"])
            v1(api, address)
            chester(api, address)
            state(api, places_of["ingest"])
            places(drover, places_of["proxysql"][0], api)
            destroy(api)
            api.call("GET", "/v1/openapi.json")
            missing = sorted(api.described - api.driven)
            check(not missing, f"all {len(api.described)} verbs were driven{': not ' + str(missing) if missing else ''}")
        except (AssertionError, subprocess.CalledProcessError) as error:
            sys.exit(f"check_verbs: {error}")
        finally:
            sandbox.send_signal(signal.SIGINT)
            sandbox.wait(timeout=60)
    print("verbs: ok")


main()
