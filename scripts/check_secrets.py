#!/usr/bin/env python3
"""No command of the binary shows a secret: check_secrets.py DROVER

Passwords and tokens are planted where people put them: in settings, variables, files, kubeconfigs, flags, in a second
word, in a line that is broken, in a URL. Then every command is run, and everything that it said, on standard output,
standard error and in the log, is searched for them, also in base64 and in hexadecimal digits. The commands are those
that the binary itself lists; one that is not planned here is a failure. Standard library only.
"""

import base64
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

# Each begins so, and nothing else does. Of three bytes base64 makes four characters, wherever the word begins.
MARK = "pl4ntedS3cret"


def planted(number):
    return f"{MARK}{number:04d}xx"


def forms():
    inner = [base64.b64encode(("." * skip + MARK).encode()).decode()[(4 if skip else 0):] for skip in range(3)]
    return [MARK.lower(), MARK.encode().hex()] + [text.rstrip("=")[:-2].lower() for text in inner]


FORMS = forms()
SECRET = planted(1)


def shown(text):
    """The line of `text` with a secret in any form, or None."""
    for line in text.splitlines():
        lowered = line.lower()
        if any(form in lowered for form in FORMS):
            return line.strip()[:400]
    return None


class Runner:
    def __init__(self, drover, folder):
        self.drover, self.folder, self.leaks, self.count = drover, folder, [], 0
        # Nothing answers there, and nothing of the machine's own is read.
        self.plain = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "TMPDIR": folder,
                      "DROVER_STATE_DIRECTORY": os.path.join(folder, "state")}

    def judge(self, what, *texts):
        self.count += 1
        for text in texts:
            line = shown(text)
            if line:
                self.leaks.append(f"{what}\n    {line}")

    def run(self, what, words, environment=None, text=None, seconds=15, ends=True, allows=()):
        """Runs a command to its end, or for some seconds; `allows` names the stream that is made to have secrets."""
        process = subprocess.Popen(
            [self.drover, *words], env={**self.plain, **(environment or {})}, cwd=self.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace")
        try:
            out, err = process.communicate(text or "", timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                out, err = process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
            if ends:
                self.leaks.append(f"{what}: it did not end")
        self.judge(what, "" if "stdout" in allows else out, err)
        return process.returncode, out, err


def commands(drover):
    """Every command that has no commands below it, as the binary lists them: words and the names of its options."""
    tree = json.loads(subprocess.run([drover, "--experimental-dump-help"], capture_output=True, text=True,
                                     check=True).stdout)["command"]
    found = {}

    def walk(command, words):
        below = [one for one in command.get("subcommands", []) if one["commandName"] != "help"]
        for one in below:
            walk(one, words + [one["commandName"]])
        if not below:
            options = [argument for argument in command.get("arguments", [])
                       if (argument.get("preferredName") or {}).get("name") not in ("help", "version")]
            found[tuple(words)] = options

    walk(tree, [])
    return found


class Files:
    """Files with a secret in them, most of them wrong: what they are, and their path."""

    def __init__(self, folder):
        self.folder, self.number = folder, 0

    def write(self, text, suffix=""):
        self.number += 1
        path = os.path.join(self.folder, f"file{self.number}{suffix}")
        with open(path, "w") as file:
            file.write(text)
        return path

    def settings(self, section, key):
        """Drover's, or the agent's, with `section.key` a password."""
        s = SECRET
        return [self.write(text, ".yaml") for text in (
            f"{section}:\n  {key}: {s}\n",
            f"{section}:\n  {key}: [{s}\n",
            f"{section}:\n  {key}: \"{s}\n",
            f"{section}:\n  {key} {s}\n",
            f"{section}.{key} {s}\n",
            f"{section}:\n  pas{key}: {s}\n",
            f"{section}:\n  \"{key} {s}\":\n",
            f"{section}:\n  {key}={s}: x\n",
            f"{section}:\n\t{key}: {s}\n",
            f"{section}:\n  {key}: {{{s}: {s}}}\n",
            f"- {s}\n",
            f"{section}:\n  {key}: *{s}\n",
            f"{section}:\n  {key}: !{s} x\n",
            f"{section}:\n  {key}: a\n  {key}: {s}\n",
            f"{section}: {s}\n",
            f"{s}\n",
        )]

    def kubeconfigs(self):
        s, encoded = SECRET, base64.b64encode(SECRET.encode()).decode()

        def made(user, server="https://127.0.0.1:1", more=""):
            return (f"current-context: c\nclusters:\n- name: k\n  cluster: {{server: \"{server}\"{more}}}\n"
                    f"contexts:\n- name: c\n  context: {{cluster: k, user: u}}\nusers:\n- name: u\n  user: {user}\n")

        return [self.write(text, ".kubeconfig") for text in (
            made(f"{{token: {s}}}"), made(f"{{token: {s}"), made(f"{{token {s}}}"), made(f"{{token: \"{s}\\n\"}}"),
            made(f"{{username: a, password: {s}}}"), made(f"{{username: {s}}}"),
            made(f"{{client-key-data: {encoded}, client-certificate-data: {encoded}}}"),
            made(f"{{client-key-data: {s}, client-certificate-data: {s}}}"),
            made(f"{{client-key-data: {s}!}}"), made(f"{{tokenFile: /nowhere, token: {s}}}"),
            made(f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/false, args: [{s}], "
                 f"env: [{{name: A, value: {s}}}], interactiveMode: Never}}}}"),
            made(f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, "
                 f"args: [-c, \"echo {s}; exit 1\"], interactiveMode: Never}}}}"),
            made(f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/echo, "
                 f"args: [\"{{\\\"status\\\":{{\\\"token\\\":\\\"{s}\\\"\"], interactiveMode: Never}}}}"),
            made(f"{{auth-provider: {{name: oidc, config: {{client-secret: {s}}}}}}}"),
            made("{}", server=f"https://admin:{s}@127.0.0.1:1"), made("{}", server=f"https://admin:{s}@[nowhere"),
            made("{}", more=f", proxy-url: \"http://admin:{s}@127.0.0.1:1\""),
            made("{}", more=f", certificate-authority-data: {encoded}"),
            made(f"{{token: {s}}}", server="http://127.0.0.1:1"),
        )]

    def tokens(self):
        s = SECRET * 2
        return [self.write(text) for text in (
            f"boss admin {s}\n", f"boss {s}\n", f"boss amin {s}\n", f"boss admin {s} {s}\n", f"{s}\n",
            f"boss admin {s[:9]}\n", f"boss:admin:{s}\n", f"boss admin {s}\nboss2 admin {s}\n", f"{s} admin boss\n")]

    def databases(self):
        s = SECRET
        head = "databases:\n- name: shop\n  servers: [{name: shop, address: 10.0.0.5, origin: primary}]\n"
        return [self.write(text, ".yaml") for text in (
            f"{head}  users:\n  - {{username: a, password: {s}}}\n",
            f"{head}  users:\n  - {{username: a, password {s}}}\n", f"{head}  users:\n  - {{username: a, password: {s}\n",
            f"{head}  users:\n  - {{username: a, passwordEnv: {s}}}\n",
            f"{head}  users:\n  - {{username: a, pasword: {s}}}\n", f"{head}  users: {{a: {s}}}\n",
            f"{head}  users:\n  - {{username: a, password: [{s}]}}\n", f"{head}  users:\n  - a: \"{s}\n",
            f"{head}  users:\n  - \"password {s}\":\n", f"{head}  tls: {{key: {s}}}\n", f"password {s}\n",
            f"{head}  users:\n  - {{username: a, password: &x {s}, a: *{s}}}\n")]


def agent_settings(files):
    return files.settings("proxysql", "password")


# The variables that hold secrets, of Drover, of the Go agent and of Chester.
def secret_variables(drover, environment):
    rows = json.loads(subprocess.run([drover, "config", "show", "--output", "json"], capture_output=True, text=True,
                                     env={**environment, **{}}, check=True).stdout)
    words = ("password", "token", "secret", "segment", "url", "username", "key-data")
    names = [row["environment"] for row in rows
             if any(word in row["key"].rsplit(".", 1)[-1] for word in words)
             and not any(word in row["key"] for word in ("file", "iap", "push-keys", "secret-id", "secret-prefix",
                                                         "fleet.username", "monitor-username"))
             and "retrieval" not in row["key"]]
    return {name: SECRET for name in names}, {row["key"]: row["environment"] for row in rows}


CREDENTIALS = ("PUBSUB_CREDS", "DATASTORE_CREDS", "SQLADMIN_CREDS", "KMS_CREDS")


def with_files(run, drover, files, variables, keys):
    """Each reader of files, and of variables, in the commands that read it."""
    agent_variables = {"AGENT_PROXYSQL_PASSWORD": SECRET, "DROVER_AGENT_PROXYSQL_PASSWORD": SECRET,
                       "DROVER_AGENT_API_TOKEN": SECRET}
    jobs = []

    def job(what, words, **more):
        jobs.append((what, words, more))

    servers = {"serve": ["serve"], "api": ["api"], "ingest": ["ingest"], "scaler": ["scaler"],
               "setup": ["setup", "google", "--dry-run"], "notify": ["notify", "a test"],
               "show": ["config", "show"], "json": ["config", "show", "--output", "json"],
               "validate": ["config", "validate"], "dry": ["scaler", "--dry-run"]}
    for name, words in servers.items():
        short = dict(seconds=2, ends=False)
        for path in files.settings("fleet", "password"):
            job(f"{name} --config {os.path.basename(path)}", [*words, "--config", path], **short)
        job(f"{name} with secrets in variables", words, environment=variables, **short)
        for key, variable in keys.items():
            # A second word, and a value with a user in its URL.
            if key in ("fleet.nodes", "api.address", "cloudsql.endpoint", "datastore.endpoint", "ingest.push-keys-url",
                       "scaler.default-policy-file", "notifications.exec.command"):
                value = {"fleet.nodes": f"a=core@radmin:{SECRET}@10.0.0.1:6032",
                         "notifications.exec.command": f"/nowhere --token={SECRET}",
                         }.get(key, f"https://u:{SECRET}@127.0.0.1:1")
                if key == "scaler.default-policy-file":
                    value = files.write(f"maximumReplicas: [{SECRET}\n", ".yaml")
                job(f"{name} {variable}", words, environment={variable: value}, **short)
        for text in (f"{{\"type\": \"service_account\", \"private_key\": \"{SECRET}\"}}", SECRET, f"{{\"a\": \"{SECRET}\"",
                     f"{{\"type\": \"external_account\", \"credential_source\": {{\"file\": \"{SECRET}\"}}}}"):
            path = files.write(text, ".json")
            job(f"{name} with credentials {text[:20]}", words, **short, environment={
                "GOOGLE_APPLICATION_CREDENTIALS": path, "PROJECT_ID": "p", "PUBSUB_TOPIC": "t",
                "PUBSUB_SUBSCRIPTION": "s", "FORCE_ENCRYPT": "false"})
            job(f"{name} with credentials in variables {text[:20]}", words, **short, environment={
                **{one: text for one in CREDENTIALS}, "PROJECT_ID": "p", "PUBSUB_TOPIC": "t",
                "PUBSUB_SUBSCRIPTION": "s", "FORCE_ENCRYPT": "false"})
        job(f"{name} with an emulator's URL", words, **short, environment={
            "DATASTORE_EMULATOR_HOST": f"u:{SECRET}@127.0.0.1:1", "PROJECT_ID": "p", "PUBSUB_TOPIC": "t"})
    for name in ("serve", "api"):
        for path in files.tokens():
            job(f"{name} with tokens {os.path.basename(path)}", [name], seconds=2, ends=False, environment={
                "DROVER_API_AUTHENTICATION": "bearer", "DROVER_API_TOKEN_FILE": path})
        key = files.write(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n")
        job(f"{name} with a broken key", [name], seconds=2, ends=False, environment={
            "DROVER_API_TLS_CERTIFICATE_FILE": key, "DROVER_API_TLS_KEY_FILE": key})
    for path in files.kubeconfigs():
        job(f"agent with {os.path.basename(path)}", ["agent", "--run_mode=core", "--api.port=0",
            "--proxysql.address=127.0.0.1:1"], seconds=2, ends=False, environment={"KUBECONFIG": path, **agent_variables})
        job(f"scaler with {os.path.basename(path)}", ["scaler"], seconds=2, ends=False, environment={
            "DROVER_FLEET_STRATEGY": "kubernetes", "DROVER_FLEET_KUBECONFIG": path, "DROVER_FLEET_PASSWORD": SECRET})
        job(f"demo with {os.path.basename(path)}", ["demo", "kubernetes", "--kubeconfig", path], seconds=2, ends=False)
    for path in agent_settings(files):
        environment = {"AGENT_CONFIG_FILE": path}
        job(f"agent with {os.path.basename(path)}", ["agent", "--run_mode=satellite", "--api.port=0"], seconds=2, ends=False,
            environment=environment)
        for words in (["agent", "--run_mode=satellite", "--show-config"], ["probe", "ready", "--direct"], ["probe", "live"],
                      ["agent", "--run_mode=dump"], ["dump", "--output", "-"]):
            job(f"{' '.join(words)} with {os.path.basename(path)}", words, environment=environment)
        for origin in ("proxysql-agent", "chester"):
            job(f"migrate check --from {origin} {os.path.basename(path)}",
                ["migrate", "check", "--from", origin, "--config", path])
    for words in (["agent", "--run_mode=satellite", "--api.port=0"], ["agent", "--run_mode=satellite", "--show-config"],
                  ["probe", "ready", "--direct"], ["dump", "--output", "-"]):
        job(f"{' '.join(words)} with variables", words, environment=agent_variables, seconds=2, ends=False)
        for flag in ("--proxysql.address", "--agent-plugins-file", "--agent-peers", "--core.podselector.app"):
            if words[0] == "agent":
                job(f"{' '.join(words)} {flag}", [*words, f"{flag}=radmin:{SECRET}@127.0.0.1:1"], seconds=2, ends=False)
    plugin = files.write(f"plugins:\n- name: a\n  command: [/nowhere, {SECRET}]\n  token: {SECRET}\n  url: \"https://u:{SECRET}@x\"\n")
    for path in (plugin, *files.settings("plugins", "token")):
        job(f"agent with plugins {os.path.basename(path)}", ["agent", "--run_mode=satellite", "--api.port=0"], seconds=2, ends=False,
            environment={"DROVER_AGENT_PLUGINS_FILE": path})
    for text in (f"AGENT_RUN_MODE=core\nAGENT_PROXYSQL_PASSWORD {SECRET}\n", f"AGENT_PROXYSQL_PASSWORD={SECRET}\n",
                 f"AGENT_PROXYSQL_PASSWRD={SECRET}\n", f"PROJECT_ID=p\nDB_PASSWORD={SECRET}\n",
                 f"PUBSUB_TOPIC=t\n{SECRET}\n", f"PROJECT_ID=p\n{SECRET}=1\nPUBSUB_TOPIC=x\n",
                 f"PROJECT_ID=p\nPUBSUB_SUBSCRIPTION=x\nDATASTORE_CREDS={{\"private_key\":\"{SECRET}\"}}\n"):
        path = files.write(text, ".env")
        for origin in ("proxysql-agent", "chester"):
            for output in ("table", "json"):
                job(f"migrate check --from {origin} {text[:30]!r}",
                    ["migrate", "check", "--from", origin, "--config", path, "-o", output])
    for path in files.databases():
        for words in (["ctl", "apply", "--timeout", "0.2", "-f", path],
                      ["ctl", "databases", "modify", "shop", "--timeout", "0.2", "-f", path],
                      ["simulate", "check", "--policy", path],
                      ["simulate", "run", "--policy", path, "--trace", path], ["ctl", "export", "--timeout", "0.2", "--base", path]):
            job(f"{' '.join(words[:3])} {os.path.basename(path)}", [*words], environment={"DROVER_CTL_API": "http://127.0.0.1:1"})
    for token in (SECRET, f"{SECRET} {SECRET}", f"{SECRET}é", f"{SECRET}\n{SECRET}"):
        job(f"ctl with the token {token!r}", ["ctl", "databases", "list", "--timeout", "0.2"],
            environment={"DROVER_CTL_API": "http://127.0.0.1:1", "DROVER_CTL_TOKEN": token})
        job(f"ctl status with a file of {token!r}", ["ctl", "status", "--timeout", "0.2", "--agent", "127.0.0.1:1", "--token-file", files.write(token)])
    job("dump with a password's file", ["dump", "--address", "127.0.0.1:1", "--password-file", files.write(SECRET)])
    job("import", ["ctl", "import", "--from-proxysql", "127.0.0.1:1"], environment={"DROVER_FLEET_PASSWORD": SECRET})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(run.run, what, words, **more) for what, words, more in jobs]:
            done.result()


# What a command needs so that it begins at all, where a word alone is not enough.
NEEDED = {
    ("ctl", "databases", "add"): ["shop", "--primary-address", "10.0.0.5", "--username", "a", "--password-env", "P"],
    ("ctl", "import"): ["--from-proxysql", "127.0.0.1:1"],
    ("ctl", "apply"): ["-f", "/dev/null"], ("setup", "google"): ["--dry-run"],
    ("simulate", "run"): ["--policy", "/dev/null"], ("simulate", "check"): ["--policy", "/dev/null"],
    ("simulate", "trace"): ["--shape", "constant"],
    ("migrate", "check"): ["--from", "chester", "--config", "/dev/null"], ("reference",): ["--output", "reference"],
    ("ctl", "replicas", "forget"): ["shop-r1"], ("ctl", "replicas", "retry"): ["shop-r1"],
    ("ctl", "databases", "purge"): ["shop", "--yes"],
    ("ctl", "incidents", "close"): ["0"], ("ctl", "rollback"): ["shop", "1"], ("ctl", "pin"): ["shop", "1"],
    ("ctl", "agent", "backend"): ["1", "10.0.0.5:3306", "online"], ("notify",): ["a test"],
    ("ctl", "watch"): ["--count", "1"], ("ctl", "agent", "watch"): ["--count", "1"],
    **{("ctl", *rest): ["shop"] for rest in (
        ("databases", "get"), ("databases", "modify"), ("databases", "adopt"), ("databases", "remove"),
        ("replicas", "list"), ("decisions",), ("nodes",), ("history",), ("pause",), ("resume",))},
}
# These need nothing.
PLAIN = [("serve",), ("api",), ("ingest",), ("scaler",), ("agent",), ("probe",), ("dump",), ("sandbox",), ("demo",),
         ("config", "show"), ("config", "validate"), ("ctl", "export"), ("ctl", "events"), ("ctl", "audit"),
         ("ctl", "databases", "list"), ("ctl", "incidents", "list"),
         *[("ctl", *agent, word) for agent in ((), ("agent",))
           for word in ("status", "backends", "cluster", "resync", "drain")],
         ("ctl", "agent", "resume"), ("ctl", "agent", "reload")]


def with_words(run, found):
    """What every command makes of words that it does not know, with secrets in variables."""
    jobs = []
    for words, options in found.items():
        name = " ".join(words)
        base = [*words, *NEEDED.get(words, [])]
        quiet = {"DROVER_CTL_API": "http://127.0.0.1:1", "DROVER_CTL_AGENT": "http://127.0.0.1:1", "P": SECRET}
        if any((option.get("preferredName") or {}).get("name") == "timeout" for option in options):
            base += ["--timeout", "0.2"]
        jobs.append((f"{name} --help", [*words, "--help"], quiet))
        for more in ([SECRET, SECRET, SECRET, SECRET], [f"--pasword={SECRET}"], ["--pasword", SECRET], [f"-p{SECRET}"]):
            if words == ("migrate", "check") and more[0] == SECRET:
                continue  # These are names of files.
            jobs.append((f"{name} {more[0]}", [*base, *more], quiet))
        for option in options:
            if option["kind"] != "option":
                if option["kind"] == "flag":
                    flag = f"--{option['preferredName']['name']}"
                    jobs.append((f"{name} {flag}=", [*base, f"{flag}={SECRET}"], quiet))
                continue
            flag = f"--{option['preferredName']['name']}"
            if flag in ("--api", "--agent", "--from-proxysql", "--address"):
                for value in (f"http://u:{SECRET}@127.0.0.1:1", f"u:{SECRET}@127.0.0.1:1", f"http://127.0.0.1:1/?token={SECRET}"):
                    jobs.append((f"{name} {flag} {value}", [*base, flag, value], quiet))
            elif flag == "--set":
                for value in (SECRET, f"fleet.password:{SECRET}", f"fleet.password {SECRET}", f"fleet.pasword={SECRET}",
                              f"fleet.password.{SECRET}=x", f"users=[{{password: {SECRET}", f"users: {SECRET}"):
                    jobs.append((f"{name} --set {value}", [*base, "--set", value], quiet))
                jobs.append((f"{name} --set key word", [*base, "--set", "fleet.password", SECRET], quiet))
            elif flag == "--password-env":
                jobs.append((f"{name} {flag}", [*[w for w in base if w != "P"], SECRET] if "P" in base
                             else [*base, flag, SECRET], quiet))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(run.run, what, words, environment=environment, seconds=2, ends=False)
                     for what, words, environment in jobs]:
            done.result()


def answers(run, address, token=None):
    for path in ("/", "/ui", "/metrics", "/healthz", "/v1/openapi.json", "/v1/groups", "/v1/status", "/v1/events?limit=100",
                 f"/?auth_token={SECRET}", f"/v1/{SECRET}", f"/v1/groups/{SECRET}?x={SECRET}"):
        request = urllib.request.Request(f"{address}{path}", headers={
            "Accept": "*/*" if path == "/ui" else "application/json", **({"Authorization": f"Bearer {token}"} if token else {})})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                text = answer.read(1 << 22).decode(errors="replace")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
        if SECRET not in path:
            run.judge(f"GET {path}", text)
    for path, body in (("/", f"{{\"a\": \"{SECRET}\""), ("/v1/groups/x", f"{{\"users\": [{{\"password\": [\"{SECRET}\"]}}]}}"),
                       ("/v1/groups/x", f"{{\"users\": \"{SECRET}\"}}"), ("/v1/groups/x", f"{{\"tls\": {{\"key\": \"{SECRET}\"}}}}"),
                       ("/", f"{{\"action\": \"add\", \"instance_name\": \"y\", \"password\": [\"{SECRET}\"], \"key_data\": \"{SECRET}\"}}")):
        for method in ("POST", "PUT", "PATCH"):
            request = urllib.request.Request(f"{address}{path}", data=body.encode(), method=method,
                                             headers={"Content-Type": "application/json",
                                                      **({"Authorization": f"Bearer {token}"} if token else {})})
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    text = answer.read().decode(errors="replace")
            except urllib.error.HTTPError as error:
                text = error.read().decode(errors="replace")
            run.judge(f"{method} {path} {body}", text)


def in_a_sandbox(run, drover, folder, found):
    """Everything that is said of a database whose user, certificates and tokens are known to Drover."""
    endpoints = os.path.join(folder, "endpoints.json")
    log = open(os.path.join(folder, "sandbox.log"), "w+", errors="replace")
    sandbox = subprocess.Popen([drover, "sandbox", "--endpoints", endpoints, "--json", "--operation-seconds", "0.5"],
                               env={**run.plain, "DROVER_LOG_LEVEL": "trace"}, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 90
        while not (os.path.exists(endpoints) and os.path.getsize(endpoints)):
            if time.monotonic() > deadline or sandbox.poll() is not None:
                raise AssertionError("the sandbox does not answer")
            time.sleep(0.2)
        with open(endpoints) as file:
            places = json.load(file)
        address = places["cloudsql"].split("//")[1].rsplit(":", 1)[0].rsplit(".", 1)[0]
        environment = {"DROVER_CTL_API": places["api"], "APP": SECRET,
                       "DROVER_CTL_AGENT": places.get("agent", "http://127.0.0.1:1"),
                       "DROVER_FLEET_PASSWORD": places["proxysql"][0]["password"]}
        for text, words in (
            ("add", ["ctl", "databases", "add", "shop", "--primary-address", f"{address}.200", "--username", "a",
                     "--password-env", "APP", "--yes"]),
            ("modify", ["ctl", "databases", "modify", "shop", "--yes", "--set",
                        f"users=[{{username: a, password: {SECRET}b}}, {{username: b, password: {SECRET}}}]"]),
            ("wrong", ["ctl", "databases", "modify", "shop", "--yes", "--set", f"users=[{{username: a, pasword: {SECRET}}}]"]),
            ("wrong", ["ctl", "databases", "modify", "shop", "--yes", "--set", f"users={SECRET}"]),
            ("wrong", ["ctl", "databases", "modify", "shop", "--yes", "--set", f"users=[{SECRET}]"]),
            ("wrong", ["ctl", "databases", "modify", "shop", "--yes", "--set", f"tls={{key: {SECRET}}}"])):
            for output in ("table", "json", "yaml"):
                run.run(f"{text} {words[-1][:40]}", [*words, "-o", output], environment=environment)
        for words, options in found.items():
            names = {(option.get("preferredName") or {}).get("name") for option in options}
            if words[0] != "ctl" or words[1:] == ("databases", "remove") or ("agent" in names and "agent" not in places):
                continue
            base = [*words, *NEEDED.get(words, [])]
            if words == ("ctl", "import"):
                base = ["ctl", "import", "--from-proxysql", places["proxysql"][0]["admin"]]
            variants = [["-o", output] for output in ("table", "json", "yaml")] if "output" in names else [[]]
            if words == ("ctl", "export"):
                variants = [[], ["--format", "cnf"]]
            for more in variants:
                if "dry-run" in names:
                    more = [*more, "--dry-run"]
                # What is read from a ProxySQL is written with its passwords, and only that.
                run.run(f"{' '.join(base)} {' '.join(more)}", [*base, *more], environment=environment,
                        allows=("stdout",) if words == ("ctl", "import") else ())
        run.run("ctl history shop --generation 1", ["ctl", "history", "shop", "--generation", "1"], environment=environment)
        for place in ("api", "ingest"):
            answers(run, places[place])
        if "agent" in places:
            answers(run, places["agent"])
        code, out, err = run.run("ctl export --with-passwords", ["ctl", "export", "--with-passwords"],
                                 environment=environment, allows=("stdout",))
        if SECRET not in out:
            raise AssertionError(f"the password of the database is known to nobody, so nothing was tried: {out} {err}")
    finally:
        sandbox.send_signal(signal.SIGINT)
        sandbox.wait(timeout=60)
        log.seek(0)
        run.judge("the sandbox's log", log.read())
        log.close()


def main():
    drover = os.path.abspath(sys.argv[1])
    assert shown(f"a {base64.b64encode(('xy' + SECRET).encode()).decode()}") and shown(f"a {SECRET.encode().hex()}")
    assert not shown("a secret that was not planted")
    with tempfile.TemporaryDirectory() as folder:
        run = Runner(drover, folder)
        try:
            found = commands(drover)
            unplanned = sorted(" ".join(words) for words in found if words not in NEEDED and words not in PLAIN)
            gone = sorted(" ".join(words) for words in [*NEEDED, *PLAIN] if words not in found)
            if unplanned or gone:
                raise AssertionError(f"commands that are not planned here: {unplanned}; that there are not: {gone}")
            variables, keys = secret_variables(drover, run.plain)
            for what, part in (("words", lambda: with_words(run, found)),
                               ("files and variables", lambda: with_files(run, drover, Files(folder), variables, keys)),
                               ("a sandbox", lambda: in_a_sandbox(run, drover, folder, found))):
                begun = time.monotonic()
                part()
                print(f"secrets: {what}: {run.count} outputs so far, {time.monotonic() - begun:.0f} s", flush=True)
        except AssertionError as error:
            sys.exit(f"check_secrets: {error}")
        if run.leaks:
            print(*sorted(run.leaks), sep="\n", file=sys.stderr)
            sys.exit(f"check_secrets: {len(run.leaks)} of {run.count} outputs show a secret")
        print(f"secrets: {len(found)} commands, {run.count} outputs, none shows a secret")
    print("secrets: ok")


main()
