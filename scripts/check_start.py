#!/usr/bin/env python3
"""What serve refuses to start with is what config validate says, and nothing else: check_start.py DROVER

Standard library only.
"""

import os
import subprocess
import sys
import tempfile

drover = os.path.abspath(sys.argv[1])


def complaints(folder, *words):
    """The exit code, and what is said to people."""
    done = subprocess.run([drover, *words], env={"PATH": os.environ.get("PATH", ""), "HOME": folder}, cwd=folder,
                          capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if line.startswith("drover: ")]
    return done.returncode, lines


with tempfile.TemporaryDirectory() as folder:
    tokens = os.path.join(folder, "tokens")
    with open(tokens, "w") as file:
        file.write("nonsense\n")
    state = ["--set", f"state.directory={folder}/state"]
    cases = {
        "nothing is set": state,
        "tokens without their file": [*state, "--set", "api.authentication=tokens"],
        "a token file that is not there": [*state, "--set", "api.authentication=tokens", "--set", "api.token-file=/nowhere"],
        "a token file that nobody can read": [*state, "--set", "api.authentication=tokens", "--set", f"api.token-file={tokens}"],
        "a folder that cannot be made": ["--set", "api.authentication=none", "--set", "state.directory=/proc/no/folder"],
        "half a certificate": [*state, "--set", "api.authentication=none", "--set", f"api.tls-key-file={tokens}"],
        "a queue without its store": [*state, "--set", "api.authentication=none", "--set", "queue.kind=pubsub"],
    }
    for name, words in cases.items():
        code, told = complaints(folder, "serve", *words)
        checked, said = complaints(folder, "config", "validate", *words)
        if code == 0 or checked != 78 or not told or not set(told) <= set(said):
            sys.exit(f"check_start: {name}: serve ends with {code} and says {told}, config validate with {checked}: {said}")
        print(f"start: {name}: {told[0]}")
    code, said = complaints(folder, "config", "validate", "--set", "api.authentication=none", "--set",
                            f"state.directory={folder}/new")
    if code != 0 or os.path.exists(f"{folder}/new"):
        sys.exit(f"check_start: what serve starts with is refused, or something was made: {said}")
print("start: ok")
