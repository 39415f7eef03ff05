#!/usr/bin/env python3
"""Dumps a ProxySQL's digests with drover and with the mariadb client, each several times, and prints both.

Arguments: a folder for the files, the admin port on 127.0.0.1, the path of drover.
"""
import os, subprocess, sys, time

folder, port, drover = sys.argv[1:]
CLIENT = ["mariadb", "--no-defaults", "-h127.0.0.1", "-P" + port, "-uradmin", "-pradmin", "--skip-ssl"]
ADDRESS = ["--address", "127.0.0.1:" + port]


def anonymous(pid):
    """Resident KiB that are no file's; 0 once the process has ended."""
    try:
        with open("/proc/%d/status" % pid) as status:
            return next((int(line.split()[1]) for line in status if line.startswith("RssAnon:")), 0)
    except OSError:
        return 0


def run(command, output):
    """Seconds, peak resident KiB and peak anonymous KiB of a command whose standard output goes to a file."""
    with open(output, "wb") as file:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        private = 0
        while True:
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
            if ended:
                break
            private = max(private, anonymous(child.pid))
            time.sleep(0.005)
        elapsed = time.monotonic() - start
    if status != 0:
        sys.exit("%s failed" % " ".join(command))
    return elapsed, usage.ru_maxrss, private


def show(name, rows, best, reference):
    print("  %s: %d rows/s, peak %.0f MiB (anonymous %.1f), ratio %.2f" % (
        name, rows / best[0], best[1] / 1024, best[2] / 1024, reference[0] / best[0]))


kinds = {
    "mariadb --batch --quick": CLIENT + ["--batch", "--quick", "-e", "SELECT * FROM stats_mysql_query_digest"],
    "drover dump": [drover, "dump", *ADDRESS, "--output", folder + "/dump.csv"],
    "drover dump --format ndjson": [drover, "dump", *ADDRESS, "--output", folder + "/d.ndjson", "--format", "ndjson"],
    "drover dump --gzip": [drover, "dump", *ADDRESS, "--output", folder + "/dump.csv.gz", "--gzip"],
}
best = {}
# Turn by turn, so that whatever else the machine does is the same for all.
for _ in range(5):
    for name, command in kinds.items():
        result = run(command, folder + "/stdout")
        if name not in best or result[0] < best[name][0]:
            best[name] = result
reset = [drover, "dump", *ADDRESS, "--output", folder + "/reset.csv", "--reset"]
best["drover dump --reset (once)"] = run(reset, folder + "/stdout")
with open(folder + "/dump.csv", "rb") as file:
    rows = sum(1 for _ in file) - 1
print("  %d digests, best of 5 runs each" % rows)
for name, result in best.items():
    show(name, rows, result, best["mariadb --batch --quick"])
