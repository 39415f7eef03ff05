#!/usr/bin/env python3
"""Runs every role on loopback, scrapes them with a real Prometheus, and asks it for all that rules and dashboard name.

scrape_sandbox.py DROVER RULES DASHBOARD. Exits with 1 when a metric is absent or a rule cannot be evaluated.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

DEADLINE = 120
SUFFIXES = ("_bucket", "_sum", "_count")


def call(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def until(what, look):
    """Looks again and again until something is there, and gives it."""
    end, problem = time.monotonic() + DEADLINE, None
    while time.monotonic() < end:
        try:
            found = look()
            if found:
                return found
        except (OSError, ValueError, KeyError) as error:
            problem = error
        time.sleep(0.25)
    raise SystemExit(f"scrape: waited {DEADLINE} s in vain: {what}" + (f" ({problem})" if problem else ""))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Installation:
    """The sandbox, and beside it those roles that it runs only together, each alone."""

    def __init__(self, drover, folder):
        self.drover, self.folder, self.processes, self.places = drover, folder, [], {}

    def start(self, name, arguments, environment=None):
        log = open(f"{self.folder}/{name}.log", "w")
        process = subprocess.Popen(
            arguments, stdout=log, stderr=log, start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": self.folder} | (environment or {}))
        self.processes.append(process)
        return process

    def role(self, name, settings):
        port = free_port()
        key = "ingest.metrics-address" if name == "ingest" else "api.address"
        settings = {"state.directory": f"{self.folder}/{name}", key: f"127.0.0.1:{port}"} | settings
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        self.start(name, [self.drover, name] + words)
        self.places[name] = f"127.0.0.1:{port}"

    def run(self):
        file = f"{self.folder}/endpoints.json"
        self.start("sandbox", [
            self.drover, "sandbox", "--kubernetes", "--cores", "1", "--satellites", "1", "--operation-seconds", "0.5",
            "--cooldown-seconds", "1", "--state-dir", f"{self.folder}/state", "--endpoints", file])
        self.endpoints = until("the sandbox is up", lambda: os.path.exists(file) and json.load(open(file)))
        host = lambda url: url.removeprefix("http://")
        self.places["serve"] = host(self.endpoints["api"])
        for agent in self.endpoints["kubernetes"]["agents"]:
            self.places[f"agent-{agent['role']}"] = host(agent["url"])
        told = {"notifications.exec.command": "/bin/true"}
        self.role("api", {"api.authentication": "none"} | told)
        self.role("scaler", {"cloudsql.endpoint": self.endpoints["cloudsql"], "cloudsql.project": "sandbox"} | told)
        self.role("ingest", {"ingest.address": f"127.0.0.1:{free_port()}"})
        self.plugged_agent()
        self.play()

    def plugged_agent(self):
        """One more agent beside the satellite, for the plugins that the sandbox's own agents do not have."""
        satellite = next(each for each in self.endpoints["kubernetes"]["agents"] if each["role"] == "satellite")
        file = f"{self.folder}/plugins.yaml"
        with open(file, "w") as plugins:
            plugins.write("plugins:\n  - {name: audit, command: [/bin/true], events: [all]}\n")
        port = free_port()
        self.start("plugged", [
            self.drover, "agent", "--run_mode=satellite", f"--plugins-file={file}", "--kubernetes=off",
            f"--peers=core@{self.endpoints['proxysql'][0]['admin']}", f"--shutdown-draining-file={self.folder}/draining",
            f"--proxysql-address={satellite['admin']}", "--proxysql-password=radmin", f"--api-port={port}",
            "--api-host=127.0.0.1", f"--tls-certificate-directory={self.certificates()}",
            f"--tls-data-directory={self.folder}/data"])
        self.places["agent-plugged"] = f"127.0.0.1:{port}"

    def certificates(self):
        """A certificate for clients, as cert-manager would mount it."""
        folder = f"{self.folder}/certificates"
        for each in (folder, f"{self.folder}/data"):
            os.makedirs(each)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=proxysql",
             "-keyout", f"{folder}/proxysql-key.pem", "-out", f"{folder}/proxysql-cert.pem"],
            check=True, capture_output=True)
        shutil.copy(f"{folder}/proxysql-cert.pem", f"{folder}/proxysql-ca.pem")
        return folder

    def play(self):
        """A group, an alert, and a replica because of it."""
        instances = json.loads(call(f"{self.endpoints['cloudsql']}/v1/projects/sandbox/instances"))["items"]
        address = {each["name"]: each["ipAddresses"][0]["ipAddress"] for each in instances}
        call(self.endpoints["api"] + "/", {
            "action": "add_database", "instance_name": "shop", "username": "app", "password": "app",
            "master_instance": {"name": "shop", "ip_address": address["shop"]},
            "read_replicas": [
                {"name": name, "ip_address": address[name]} for name in ("shop-replica-1", "shop-replica-2")],
            "chester_meta_data": {"instance_group": "shop", "max_chester_instances": 2}})
        content = {"replica_basename": "shop-ro-", "sql_master_instance": "shop", "action": "add"}
        call(self.endpoints["ingest"] + "/", {"version": "1.2", "incident": {
            "incident_id": "scrape-1", "state": "open", "started_at": int(time.time()), "ended_at": None,
            "policy_name": "add_sql_replica", "observed_value": "812.0", "threshold_value": "800",
            "scoping_project_id": "sandbox", "severity": "Warning",
            "documentation": {"content": json.dumps(content), "mime_type": "text/markdown"}}})
        serving = lambda: '"kind":"replica-serving"' in call_events(self.endpoints["api"]).replace(" ", "")
        until("a replica serves because of the alert", serving)
        call(self.endpoints["api"] + "/v1/groups/shop", {"backendTLS": "client-certificate"}, "PATCH")

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def call_events(api):
    request = urllib.request.Request(f"{api}/v1/events?limit=500", headers={"Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


class Prometheus:
    def __init__(self, installation, rules):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        folder = installation.folder
        with open(f"{folder}/prometheus.yml", "w") as file:
            json.dump({
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                "rule_files": [os.path.abspath(rules)],
                "scrape_configs": [
                    {"job_name": name, "static_configs": [{"targets": [place]}]}
                    for name, place in installation.places.items()],
            }, file)
        installation.start("prometheus", [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}"])

    def get(self, path, **query):
        try:
            text = call(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}")
        except urllib.error.HTTPError as error:
            # It listens before it can answer.
            if error.code == 503:
                raise
            raise SystemExit(f"scrape: Prometheus refuses {query}: {error.read().decode()}")
        return json.loads(text)["data"]

    def has(self, expression):
        return bool(self.get("query", query=expression)["result"])

    def targets_are_up(self):
        targets = self.get("targets")["activeTargets"]
        down = [f"{each['scrapePool']}: {each['lastError']}" for each in targets if each["health"] != "up"]
        if targets and not down:
            return targets
        raise ValueError("; ".join(down))

    def rules(self):
        rules = [rule for group in self.get("rules")["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None


def main(drover, rules_file, dashboard_file):
    panels = json.load(open(dashboard_file))["panels"]
    expressions = [
        target["expr"].replace("$__rate_interval", "10s").replace("$group", ".*")
        for panel in panels for target in panel.get("targets", [])]
    names = sorted(set(re.findall(r"drover_[a-z_]+", open(rules_file).read() + "\n".join(expressions))))
    folder = tempfile.mkdtemp(prefix="drover-scrape-")
    installation = Installation(drover, folder)
    problems = ["it was not run to its end"]
    try:
        installation.run()
        prometheus = Prometheus(installation, rules_file)
        targets = until("every role can be scraped", prometheus.targets_are_up)
        absent = set(names)

        def all_found():
            absent.difference_update([name for name in absent if prometheus.has(name)])
            return not absent

        try:
            until("every metric is there", all_found)
        except SystemExit:
            pass
        problems = [f"no role exports {name}, which rules or dashboard name" for name in sorted(absent)]
        histograms = {name.removesuffix(suffix) for name in names for suffix in SUFFIXES if name.endswith(suffix)}
        problems += [
            f"the histogram {base} has no {suffix}"
            for base in sorted(histograms) for suffix in SUFFIXES if not prometheus.has(base + suffix)]
        for expression in expressions:
            prometheus.get("query", query=expression)
        rules = until("every rule was evaluated", prometheus.rules)
        problems += [f"{each['name']}: {each.get('lastError')}" for each in rules if each["health"] != "ok"]
        if not problems:
            print(f"scrape: Prometheus found all {len(names)} metrics at {len(targets)} targets, and evaluated "
                  f"{len(rules)} rules and {len(expressions)} expressions of the dashboard")
    finally:
        installation.stop()
        if problems:
            for log in ("sandbox", "api", "scaler", "ingest", "plugged", "prometheus"):
                if os.path.exists(f"{folder}/{log}.log"):
                    print(f"--- {log}", *open(f"{folder}/{log}.log").readlines()[-8:], sep="\n", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
    for problem in problems:
        print(f"scrape: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
