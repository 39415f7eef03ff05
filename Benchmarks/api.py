#!/usr/bin/env python3
"""Reads and writes of the management API under 64 connections, against a bare Hummingbird: api.py API HELLO SECONDS

Drives wrk (Debian package wrk). A write is a PUT that changes one server's weight: durable, and in the history.
"""

import json
import re
import subprocess
import sys
import tempfile
import urllib.request

WRITE = """
local number = 0
request = function()
  number = number + 1
  local body = string.format('{"address":"127.0.3.2","weight":%d}', 1 + (number * 7919 + math.random(1000)) % 1000)
  return wrk.format("PUT", nil, {["Content-Type"] = "application/json"}, body)
end
"""


def put(url, document):
    request = urllib.request.Request(url, data=json.dumps(document).encode(), method="PUT",
                                     headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).read()


def load(url, seconds, script=None):
    command = ["wrk", "--threads", "2", "--connections", "64", "--duration", f"{seconds}s", "--latency",
               "--timeout", "10s"]
    if script:
        command += ["--script", script]
    text = subprocess.run(command + [url], capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return rate, float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit], int(refused[1]) if refused else 0


def main():
    api, hello, seconds = sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3]
    put(f"{api}/v1/groups/load", {
        "servers": [{"name": "load", "address": "127.0.3.1", "origin": "primary"},
                    {"name": "load-r", "address": "127.0.3.2"}],
        "users": [{"username": "load", "password": "secret"}]})
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRITE)
        script.flush()
        for name, ours, script_name in (
                ("reads", f"{api}/v1/groups/load", None),
                ("writes", f"{api}/v1/groups/load/servers/load-r", script.name)):
            reference = load(hello, seconds, script_name)
            found = load(ours, seconds, script_name)
            print(f"  {name}: {found[0]:.0f}/s, p99 {found[1]:.1f} ms, {found[2]} refused; "
                  f"bare Hummingbird {reference[0]:.0f}/s, p99 {reference[1]:.1f} ms; "
                  f"ratio {found[0] / reference[0]:.3f}")


main()
