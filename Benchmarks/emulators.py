"""Incidents made durable, and messages pulled, handled and acknowledged, on Google's emulators: drover against Google's
own Python clients, which do the same with as many at once.

Usage: emulators.py GOOGLE-BENCH [COUNT]; to be run by a Python that has google-cloud-datastore and google-cloud-pubsub.
"""
import json, os, resource, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "scripts", "google"))
from google.cloud import datastore, pubsub_v1
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler

import chester
from world import PROJECT, SUBSCRIPTION, TOPIC, Emulator

AT_ONCE = 16


class Theirs:
    def __init__(self, count):
        self.count = count
        self.client = datastore.Client(project=PROJECT, namespace=chester.NAMESPACE)
        # Each message at once, because its alert is only answered when it is published.
        self.publisher = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_messages=1))
        self.topic = self.publisher.topic_path(PROJECT, TOPIC)

    def record(self, number):
        name = f"0-theirs-{number}"
        key = self.client.key("incident", name)
        with self.client.transaction():
            if self.client.get(key) is not None:
                raise SystemExit(f"{name} was there")
            properties = chester.incident_properties(name, "add", "gcf_push")
            self.client.put(chester.entity(key, properties))
        self.publisher.publish(self.topic, chester.message(properties)).result(60)

    def incidents(self):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            start = time.monotonic()
            list(pool.map(self.record, range(self.count)))
            return time.monotonic() - start

    def handle(self, message):
        key = self.client.key("incident", json.loads(message.data)["incident_id"])
        with self.client.transaction():
            stored = self.client.get(key)
            stored.update(LastProcess="daemon_ack", LastUpdated="2023-11-14T22:13:21Z", LastUpdatedBy="scaler")
            self.client.put(stored)
        message.ack_with_response().result(60)
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.done.set()

    def messages(self):
        """By the streaming pull that the client's documentation recommends."""
        self.left, self.lock, self.done = self.count, threading.Lock(), threading.Event()
        subscriber = pubsub_v1.SubscriberClient()
        start = time.monotonic()
        future = subscriber.subscribe(
            subscriber.subscription_path(PROJECT, SUBSCRIPTION), callback=self.handle,
            flow_control=pubsub_v1.types.FlowControl(max_messages=100),
            scheduler=ThreadScheduler(ThreadPoolExecutor(AT_ONCE)))
        if not self.done.wait(300):
            raise SystemExit(f"Google's client has handled all but {self.left} messages")
        seconds = time.monotonic() - start
        future.cancel()
        future.result()
        subscriber.close()
        return seconds


def ours(binary, what, count):
    environment = {
        **os.environ, "PROJECT_ID": PROJECT, "PUBSUB_TOPIC": TOPIC, "PUBSUB_SUBSCRIPTION": SUBSCRIPTION}
    done = subprocess.run(
        [binary, what, str(count), str(AT_ONCE)], env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{binary} {what}: {done.stderr}")
    return json.loads(done.stdout)["seconds"]


def processor_seconds(who):
    """Of ended children, among them drover's but no emulator, or of this process, which is Google's client."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN if who == "drover" else resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def prepare(pubsub, datastore_emulator):
    """Empty emulators, so that nobody finds the other's messages."""
    datastore_emulator.reset()
    pubsub.reset()
    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    topic = publisher.topic_path(PROJECT, TOPIC)
    publisher.create_topic(name=topic)
    subscriber.create_subscription(
        name=subscriber.subscription_path(PROJECT, SUBSCRIPTION), topic=topic, ack_deadline_seconds=60)
    subscriber.close()


def main(binary, count=500):
    with tempfile.TemporaryDirectory() as folder:
        pubsub, store = Emulator("pubsub", folder), Emulator("optimistic", folder)
        try:
            pubsub.start()
            store.start()
            os.environ.update({
                "PUBSUB_EMULATOR_HOST": pubsub.address, "DATASTORE_EMULATOR_HOST": store.address,
                "DATASTORE_PROJECT_ID": PROJECT})
            theirs = Theirs(count)
            # The emulators get quicker while they run, so both are measured again and again, in turn.
            for number in range(4):
                figures = {}
                for who in ("drover", "Python"):
                    prepare(pubsub, store)
                    for what in ("incidents", "messages"):
                        before = processor_seconds(who)
                        seconds = ours(binary, what, count) if who == "drover" else getattr(theirs, what)()
                        used = processor_seconds(who) - before
                        figures[what, who] = count / seconds, 1000 * used / count
                if number == 0:
                    continue
                for what, words in (("incidents", "incidents made durable"),
                                    ("messages", "messages pulled, handled and acknowledged")):
                    mine, other = figures[what, "drover"], figures[what, "Python"]
                    print(f"  round {number}: {words}: drover {mine[0]:.0f}/s, Google's Python client {other[0]:.0f}/s: "
                          f"ratio {mine[0] / other[0]:.2f}; processor time of the client for each: "
                          f"{mine[1]:.1f} ms and {other[1]:.1f} ms: ratio {mine[1] / other[1]:.2f}", flush=True)
        finally:
            pubsub.stop()
            store.stop()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
