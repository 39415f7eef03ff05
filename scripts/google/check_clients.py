"""Chester's data, written by Google's own Python clients on Google's emulators, taken over by a running drover scaler;
and what drover writes, read by those clients, every property by name and type.

Usage: check_clients.py DROVER optimistic|pessimistic
"""
import json, sys, time, urllib.request

import httplib2
from google.api_core.exceptions import NotFound
from google.cloud import datastore, pubsub_v1
from google.cloud.datastore.query import PropertyFilter
from googleapiclient.discovery import build

import chester
from world import PROJECT, SUBSCRIPTION, TOPIC, World, alert, http, until

problems = []


def expect(sentence, fact):
    if not fact:
        problems.append(sentence)


class Take:
    """One installation of Chester's, in the middle of something, that a scaler takes over."""

    def __init__(self, world, number):
        self.world, self.number = world, number
        world.datastore.reset()
        world.begin_sandbox()
        self.client = datastore.Client(project=PROJECT, namespace=chester.NAMESPACE)
        # Google's own client of the Cloud SQL Admin API, which checks calls by Google's discovery document.
        self.sql = build(
            "sqladmin", "v1", http=httplib2.Http(timeout=10), static_discovery=True,
            client_options={"api_endpoint": world.endpoints["cloudsql"]})
        self.primary = self.address("shop")
        self.statics = [self.address(f"shop-replica-{number}") for number in (1, 2)]

    def address(self, name):
        found = self.sql.instances().get(project=PROJECT, instance=name).execute()
        return found["ipAddresses"][0]["ipAddress"]

    def create(self, name, wait=True):
        """Creates a replica as Chester does: with its label, nobody's group, and in the private network alone."""
        operation = self.sql.instances().insert(project=PROJECT, body={
            "name": name, "region": "us-central1", "databaseVersion": "MYSQL_8_0", "masterInstanceName": "shop",
            "instanceType": "READ_REPLICA_INSTANCE",
            "settings": {
                "tier": "db-custom-2-7680", "userLabels": {"chester": "true"},
                "ipConfiguration": {
                    "ipv4Enabled": False, "privateNetwork": "projects/net/global/networks/vpc"}}}).execute()["name"]
        if wait:
            until(f"{name} is there", lambda: self.done(operation))
        return operation

    def delete(self, name):
        return self.sql.instances().delete(project=PROJECT, instance=name).execute()["name"]

    def done(self, operation):
        return self.sql.operations().get(project=PROJECT, operation=operation).execute()["status"] == "DONE"

    def replicas(self):
        found = self.sql.instances().list(
            project=PROJECT, filter="settings.userLabels.chester:true").execute().get("items", [])
        return sorted(item["name"] for item in found)

    def operations(self, kind):
        found = self.sql.operations().list(project=PROJECT).execute().get("items", [])
        return [item for item in found if item["operationType"] == kind]

    def incident(self, name):
        return self.client.get(self.client.key("incident", name))

    def servers(self, hostgroup=10):
        stored = self.client.get(self.client.key("proxysqlconfig", "shop"))
        return sorted(
            server["Address"] for server in stored["MySqlServers"] if server["Hostgroup"] == hostgroup)

    def finish(self):
        self.world.end_roles()
        self.world.end_sandbox()


def publish(publisher, properties):
    publisher.publish(publisher.topic_path(PROJECT, TOPIC), chester.message(properties)).result(20)


# What Chester may have left behind when it ended: its word, whether the replica is there (True), on its way or going
# ("under way") or not (False), whether it is among the stored servers, and whether the operation's id was stored.
ADDING = [
    ("gcf_push", False, False, False), ("daemon_ack", False, False, False),
    ("daemon_ack", "under way", False, False), ("instance_insert", "under way", False, True),
    ("instance_insert", "under way", False, False), ("instance_insert", False, False, False),
    ("config_update", True, False, True), ("config_update", True, True, True),
    ("proxysql_restart", True, True, True), ("status_check", True, True, True), ("fail", True, False, True)]
REMOVING = [
    ("gcf_push", True, True, False), ("daemon_ack", True, True, False), ("config_update", True, True, False),
    ("config_update", True, False, False), ("proxysql_restart", True, False, False),
    ("instance_insert", "under way", False, True), ("instance_insert", True, False, False),
    ("status_check", False, False, True), ("fail", True, True, False)]


def take_over(world, publisher, number, action, last_process, replica, in_servers, with_operation):
    what = (f"{action} at {last_process}, replica {replica}, {'' if in_servers else 'not '}in the configuration,"
            f" {'with' if with_operation else 'without'} an operation's id")
    take = Take(world, number)
    name, operation, address = "shop-ro-0b5c9f6e-taken", "", ""
    if replica:
        operation = take.create(name, wait=action == "remove" or replica is True)
        if action == "remove" and replica == "under way":
            address, operation = take.address(name), take.delete(name)
        elif replica is True:
            address = take.address(name)
    elif with_operation:
        address, operation = "127.1.0.250", "an-operation-of-last-year"
    # The configuration of before, as Chester's tools read it.
    before = chester.group(take.client, take.primary, take.statics, [address] if in_servers else [])
    known = replica or with_operation
    properties = chester.incident(
        take.client, "0-taken", action, last_process, OperationID=operation if with_operation else "",
        LastReadReplicaName=name if known and last_process != "daemon_ack" else "", LastIPAddress=address)
    world.scaler(state__directory=f"{world.folder}/scaler-{number}")
    if number % 2:
        # With a message, as the webhook publishes it; else the scaler finds the incident itself.
        publish(publisher, properties)
    # Where nothing had to be done for the incident, because its replica was found, it stays acknowledged.
    settled = {"status_check", "daemon_ack"} if last_process == "daemon_ack" else {"status_check"}
    if action == "add":
        until(f"{what}: one replica serves", lambda: len(take.servers()) == 3 and len(take.replicas()) == 1
              and take.incident("0-taken")["LastProcess"] in settled)
        made = take.replicas()[0]
        expect(f"{what}: exactly one replica was ever created", len(take.operations("CREATE_REPLICA")) == 1)
        expect(f"{what}: the replica on its way was taken up", not replica or made == name)
        expect(f"{what}: the replica serves", take.address(made) in take.servers())
    else:
        until(f"{what}: the replica is gone", lambda: not take.replicas() and take.servers() == sorted(take.statics)
              and take.incident("0-taken")["LastProcess"] in settled)
        expect(f"{what}: at most one replica was ever deleted", len(take.operations("DELETE")) <= 1)
    expect(f"{what}: the others serve", set(take.statics) <= set(take.servers()))
    webhook = world.ingest()
    status, _ = http("POST", webhook, alert("0.taken", "closed", action))
    expect(f"{what}: the closing is accepted, not {status}", status == 200)
    until(f"{what}: the incident is cleared", lambda: take.incident("0-taken")["LastProcess"] == "clear")
    problems.extend(read_back(what, take.client, before))
    take.finish()
    print(f"  taken over: {what}", flush=True)


def read_back(what, client, before=None):
    """Every property that drover stored, by name and type, as Chester's tools expect it."""
    found = []
    for stored in client.query(kind="incident").fetch():
        found += chester.differences(stored, chester.INCIDENT, "incident")
    for stored in client.query(kind="proxysqlconfig").fetch():
        found += chester.differences(stored, chester.CONFIGURATION, "proxysqlconfig")
        for user in stored["MySqlUsers"]:
            if "Password" not in user.exclude_from_indexes:
                found.append("proxysqlconfig.MySqlUsers.Password is indexed")
        for name in chester.EXCLUDED - set(stored.exclude_from_indexes):
            found.append(f"proxysqlconfig.{name} is indexed")
        if before is not None:
            # What only Chester knows stays as it was.
            for name in set(chester.CONFIGURATION) - {"MySqlServers"}:
                if chester.plain(stored[name]) != chester.plain(before[name]):
                    found.append(f"proxysqlconfig.{name} was changed: {before[name]} {stored[name]}")
    for stored in client.query(kind="chester_metadata").fetch():
        found += chester.differences(stored, chester.METADATA, "chester_metadata")
    for stored in client.query(kind="proxysql_metadata").fetch():
        found += chester.differences(stored, chester.LIST, "proxysql_metadata")
    return [f"{what}: {text}" for text in found]


def ended_already(world):
    """Incidents that were over before anybody looked: nothing is created for them, and they are cleared."""
    take = Take(world, 0)
    chester.group(take.client, take.primary, take.statics, maximum=5)
    for last_process in ("gcf_push", "daemon_ack", "closed", "clear", "status_check"):
        chester.incident(
            take.client, f"0-{last_process}", "add", last_process, State="closed",
            ClosedTimestamp="2023-11-14T22:23:20Z", LastUpdated="2023-11-14T22:23:20Z")
    world.scaler(state__directory=f"{world.folder}/scaler-ended")
    until("incidents that were over are cleared", lambda: all(
        stored["LastProcess"] == "clear" for stored in take.client.query(kind="incident").fetch()))
    expect("nothing is created for incidents that are over", not take.replicas())
    problems.extend(read_back("over", take.client))
    take.finish()
    print("  taken over: incidents that were over", flush=True)


def written_by_drover(world, publisher):
    """A group by the API and an alert by the webhook, and their messages."""
    take = Take(world, 0)
    subscriber = pubsub_v1.SubscriberClient()
    path = subscriber.subscription_path(PROJECT, "reader")
    try:
        subscriber.delete_subscription(subscription=path)
    except NotFound:
        pass
    subscriber.create_subscription(name=path, topic=publisher.topic_path(PROJECT, TOPIC))
    api = world.api()
    status, answer = http("POST", api + "/", {
        "action": "add", "instance_name": "shop", "username": "app", "password": "secret",
        "master_instance": {"name": "shop", "ip_address": take.primary},
        "read_replicas": [{"name": "shop-replica-1", "ip_address": take.statics[0]}],
        "chester_meta_data": {"instance_group": "shop", "max_chester_instances": 3}})
    expect(f"the API adds a group: {status} {answer}", status == 200)
    long = "x" * 2000
    body = alert("0.long", "open")
    body["incident"]["documentation"]["content"] = json.dumps(
        {**json.loads(body["incident"]["documentation"]["content"]), "note": long})
    status, answer = http("POST", world.ingest(), body)
    expect(f"the webhook takes the alert: {status} {answer}", status == 200)
    stored = take.incident("0-long")
    expect("the incident is stored", stored is not None)
    expect("a text that no index takes is excluded",
           "Content" in stored["Documentation"].exclude_from_indexes and long in stored["Documentation"]["Content"])
    for name, value in {
            "IncidentID": "0-long", "PolicyName": "connections", "State": "open", "StartedAt": 1700000000,
            "SqlMasterInstance": "shop", "ReplicaBaseName": "shop-ro-", "Action": "add", "InProgress": False,
            "LastProcess": "gcf_push"}.items():
        expect(f"incident.{name} is {stored[name]!r}", stored[name] == value)
    query = take.client.query(kind="incident")
    query.add_filter(filter=PropertyFilter("State", "=", "open"))
    query.add_filter(filter=PropertyFilter("SqlMasterInstance", "=", "shop"))
    found = list(query.fetch())
    expect("Chester's query finds it", [one.key.name for one in found] == ["0-long"])
    config = take.client.get(take.client.key("proxysqlconfig", "shop"))
    expect("the group's list names it", "shop" in json.loads(take.client.get(
        take.client.key("proxysql_metadata", "proxysql_metadata"))["instance_metadata"]))
    expect("the maximum is stored", take.client.get(take.client.key(
        "proxysqlconfig", "shop", "chester_metadata", "shop"))["MaxChesterInstances"] == 3)
    expect("the servers are stored", take.servers(5) == [take.primary] and take.servers() == [take.statics[0]])
    expect("Chester's rules are stored", [rule["MatchDigest"] for rule in config["MySqlQueryRules"]] == [
        "^SELECT .* FOR UPDATE", "^SELECT", ".*", "^DELETE"])
    problems.extend(read_back("written by drover", take.client))
    bodies = []
    while len(bodies) < 2:
        for received in subscriber.pull(subscription=path, max_messages=10, timeout=20).received_messages:
            bodies.append(json.loads(received.message.data))
            subscriber.acknowledge(subscription=path, ack_ids=[received.ack_id])
    for body in bodies:
        if body["action"] == "restart":
            expect(f"the restart message is Chester's: {body}",
                   body == {"action": "restart", "sql_master_instance": "shop"})
        else:
            problems.extend(chester.differences(body, chester.MESSAGE, "message"))
            expect("the message names the incident", body["incident_id"] == "0-long")
    expect("both messages came", {body["action"] for body in bodies} == {"restart", "add"})
    take.finish()
    print("  read back: what the API and the webhook wrote, and their messages", flush=True)


def seen_elsewhere(world):
    """An API in a process of its own shows what the scaler decided and published, and what happened."""
    take = Take(world, 0)
    chester.group(take.client, take.primary, take.statics)
    chester.incident(take.client, "0-seen", "add", "gcf_push")
    api = world.api(events__poll_seconds=0.2)
    stream = urllib.request.urlopen(f"{api}/v1/events?after=0", timeout=60)
    world.scaler(state__directory=f"{world.folder}/scaler-seen")
    kinds, end = [], time.monotonic() + 60
    for line in stream:
        # The stream is kept alive with comments: without a limit of its own this would wait for ever.
        if time.monotonic() > end:
            break
        if line.startswith(b"event: "):
            kinds.append(line[7:].decode().strip())
        if "replica-serving" in kinds and "publication-finished" in kinds:
            break
    stream.close()
    expect(f"the stream tells of everything: {kinds}", {"decision-made", "replica-planned"} <= set(kinds))
    get = lambda path: http("GET", f"{api}/v1/groups/shop/{path}")[1]
    reasons = until("the API shows the decisions",
                    lambda: [item["reason"] for item in get("decisions")["items"]])
    expect(f"the decision is among {reasons}", "OPEN_INCIDENT" in reasons)
    until("the API shows what the nodes hold", lambda: get("publication")["isComplete"]
          and {node["node"] for node in get("publication")["nodes"]} == {"core-0", "satellite-0"}
          and get("publication")["generation"] == get("publication")["wantedGeneration"])
    events = http("GET", f"{api}/v1/events", headers={"Accept": "application/json"})[1]["items"]
    ids = [event["id"] for event in events]
    expect(f"ids are in order: {ids}", ids == sorted(set(ids)) and len(ids) > 5)
    take.finish()
    print("  seen by an API elsewhere: decisions, publication, events", flush=True)


def main(drover, mode, only=None):
    with World(drover, mode) as world:
        world.setup()
        publisher = pubsub_v1.PublisherClient()
        written_by_drover(world, publisher)
        ended_already(world)
        seen_elsewhere(world)
        number = 0
        for action, cases in (("add", ADDING), ("remove", REMOVING)):
            for case in cases:
                number += 1
                if only is None or only == str(number):
                    take_over(world, publisher, number, action, *case)
        for problem in problems:
            print("clients:", problem)
        if problems:
            raise SystemExit(1)
        print(f"clients: drover and Google's Python clients agree on the {mode} emulator")


if __name__ == "__main__":
    main(*sys.argv[1:])
