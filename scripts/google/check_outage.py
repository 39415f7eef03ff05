"""Pub/Sub and Datastore are stopped for a minute each while alerts come in and the scaler works; nothing that was
acknowledged is lost.

Usage: check_outage.py DROVER [SECONDS]

Google's Pub/Sub emulator keeps everything in memory, so a stop of it loses every message, the topic and the
subscription too; after it topic and subscription are made anew, as an operator would, and the incidents are found
without their messages. The Datastore emulator has a folder, which it writes when it is ended.
"""
import os, sys, threading, time

from google.cloud import datastore, pubsub_v1

import chester
from world import PROJECT, World, alert, http, until

CERTAIN = 20


class Monitoring(threading.Thread):
    """Sends alerts as Cloud Monitoring does: again until they are answered 200."""

    def __init__(self, webhook):
        super().__init__(daemon=True)
        self.webhook, self.ended = webhook, threading.Event()
        self.accepted, self.refused, self.open, self.count = {}, [], [], 0

    def send(self, incident, state):
        while True:
            try:
                status, _ = http("POST", self.webhook, alert(incident.replace("-", "."), state), timeout=45)
            except OSError:
                status = 0
            if status == 200:
                self.accepted[incident] = state
                return
            self.refused.append(status)
            time.sleep(1)

    def run(self):
        while not self.ended.is_set():
            incident = f"0-outage{self.count}"
            self.count += 1
            self.send(incident, "open")
            self.open.append(incident)
            # All but one are over again soon, out of turn.
            if len(self.open) > 3:
                self.send(self.open.pop(1), "closed")
            time.sleep(0.2)

    def close_all(self):
        for incident in self.open:
            self.send(incident, "closed")


def served(api):
    status, answer = http("GET", f"{api}/v1/groups/shop")
    return [server for server in answer["servers"] if server["origin"] == "managed"] if status == 200 else []


def outage(name, emulator, seconds, monitoring, after=lambda: None):
    accepted, refused = len(monitoring.accepted), len(monitoring.refused)
    emulator.stop()
    time.sleep(seconds)
    meanwhile = len(monitoring.accepted) - accepted
    statuses = monitoring.refused[refused:]
    emulator.start()
    after()
    if any(status < 500 for status in statuses):
        raise SystemExit(f"while {name} was away, alerts were answered {sorted(set(statuses))}")
    if not statuses or meanwhile > 1:
        raise SystemExit(f"while {name} was away, {meanwhile} alerts were accepted")
    until(f"alerts are accepted again after {name} was away",
          lambda: len(monitoring.accepted) > accepted + meanwhile + 3)
    print(f"  {name} was away for {seconds:.0f} s: {len(statuses)} alerts refused with "
          f"{', '.join(map(str, sorted(set(statuses))))}, and accepted again", flush=True)


def main(drover, seconds=60.0):
    with World(drover, "durable") as world:
        world.setup()
        world.begin_sandbox(operation_seconds=2)
        # Small beside the outages, and given to the group by the API.
        api, webhook = world.api(scaler__cooldown_seconds=15), world.ingest()
        primary = "127.0.0.2"
        status, answer = http("POST", api + "/", {
            "action": "add", "instance_name": "shop", "username": "app", "password": "secret",
            "master_instance": {"name": "shop", "ip_address": primary}, "read_replicas": [],
            "chester_meta_data": {"instance_group": "shop", "max_chester_instances": 3}})
        if status != 200:
            raise SystemExit(f"the API refuses the group: {status} {answer}")
        scaler = world.scaler()
        monitoring = Monitoring(webhook)
        monitoring.start()
        until("the first replica serves", lambda: len(served(api)) >= 1)
        outage("Pub/Sub", world.pubsub, seconds, monitoring, after=world.setup)
        size = until("the scaler goes on without the messages", lambda: len(served(api)) >= 2 and len(served(api)))
        outage("Datastore", world.datastore, seconds, monitoring)
        until("the scaler goes on after Datastore was away", lambda: len(served(api)) >= max(size, 3), 120)
        # A minute in which neither is there, and the scaler is killed.
        for emulator in (world.pubsub, world.datastore):
            emulator.stop()
        scaler.kill()
        scaler.wait()
        world.scaler(state__directory=os.path.join(world.folder, "scaler-again"))
        time.sleep(min(seconds, 10))
        for emulator in (world.datastore, world.pubsub):
            emulator.start()
        world.setup()
        # How many that were depends on how soon the scaler went on; that alerts come in again does not.
        until(f"{CERTAIN} alerts are accepted", lambda: len(monitoring.accepted) >= CERTAIN, 120)
        monitoring.ended.set()
        monitoring.join(90)
        monitoring.close_all()
        client = datastore.Client(project=PROJECT, namespace=chester.NAMESPACE)

        def settled():
            stored = {one.key.name: one for one in client.query(kind="incident").fetch()}
            lost = [name for name in monitoring.accepted if name not in stored]
            if lost:
                raise SystemExit(f"acknowledged and lost: {lost}")
            return all(
                stored[name]["State"] == state and stored[name]["LastProcess"] == "clear"
                for name, state in monitoring.accepted.items())

        until("every incident that was acknowledged is cleared", settled, 120)
        print(f"outage: none of {len(monitoring.accepted)} acknowledged incidents was lost")


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
