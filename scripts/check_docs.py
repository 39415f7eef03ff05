#!/usr/bin/env python3
"""Runs the commands of the manual as they stand there, and fails where one fails.

Usage: check_docs.py DROVER [FILE…]. From README.md, the quick start, the guides and the pages on moving over, each
```sh block is run, in order, one shell for a page, in a folder of its own with `drover` on PATH and the repository's
docs, deploy and scripts in it. HTML comments just above a block say what is special about it:

    <!-- not run: needs … -->            it is counted and left out
    <!-- exit code: 1 -->                it ends with that code
    <!-- run for 3 s -->                 it runs until it is ended: SIGTERM after that time must end it well
    <!-- after 5 s -->               what the block before began needs that long
    <!-- run with 10.0.0.9:6032 as $NODE, … -->   these texts stand for what the page cannot know
    <!-- file: databases.yaml -->        the block, of whatever language, is a file of that name
    <!-- run beside: sandbox -->         anywhere on the page: a sandbox runs, with $API, $INGEST, $NODE, $CLOUDSQL,
                                         $AGENT and the variables of drover ctl set

A block that is not marked and fails, fails the check.
"""
import glob, json, os, re, shutil, signal, subprocess, sys, tempfile, time

drover = os.path.realpath(sys.argv[1])
root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
pages = sys.argv[2:] or ["README.md", "docs/quick-start.md", *sorted(glob.glob("docs/guides/*.md", root_dir=root)),
                         *sorted(glob.glob("docs/migrate/*.md", root_dir=root))]
LIMIT = 180
counts = {"run": 0, "not run": 0, "failed": 0}


class Block:
    def __init__(self, language, text, line, comments):
        self.language, self.text, self.line = language, text, line
        marks = " ".join(comments)
        self.skipped = re.search(r"<!-- not run: (needs .+?) -->", marks)
        self.file = re.search(r"<!-- file: (\S+) -->", marks)
        code = re.search(r"<!-- exit code: (\d+) -->", marks)
        self.code = int(code.group(1)) if code else 0
        duration = re.search(r"<!-- run for (\d+) s -->", marks)
        self.duration = int(duration.group(1)) if duration else None
        after = re.search(r"<!-- after (\d+) s -->", marks)
        self.pause = int(after.group(1)) if after else 0
        pairs = " ".join(re.findall(r"<!-- run with (.+?) -->", marks))
        self.replaced = re.findall(r"(\S+) as \$(\w+)(\S*?)(?=,|\s|$)", pairs)

    def text_in(self, environment):
        text = self.text
        for what, variable, rest in self.replaced:
            text = text.replace(what, environment[variable] + rest)
        return text


def blocks(text):
    lines, found, comments, index = text.split("\n"), [], [], 0
    while index < len(lines):
        line = lines[index]
        fence = re.match(r"^( *)```(\w*)\s*$", line)
        if fence:
            start, body = index, []
            index += 1
            while index < len(lines) and lines[index].strip() != "```":
                body.append(lines[index][len(fence.group(1)):])
                index += 1
            found.append(Block(fence.group(2), "\n".join(body) + "\n", start + 2, comments))
            comments = []
        elif line.startswith("<!--"):
            comments.append(line)
        elif line.strip():
            comments = []
        index += 1
    return found


def start_sandbox(folder, environment):
    places = os.path.join(folder, "endpoints.json")
    log = open(os.path.join(folder, "sandbox.log"), "w")
    process = subprocess.Popen(
        [drover, "sandbox", "--kubernetes", "--endpoints", places], stdout=log, stderr=log, env=environment)
    for _ in range(600):
        if os.path.exists(places) and os.path.getsize(places):
            break
        if process.poll() is not None:
            break
        time.sleep(0.1)
    else:
        process.kill()
    found = json.load(open(places))
    node, agents = found["proxysql"][0], found["kubernetes"]["agents"]
    satellite = [one for one in agents if one["role"] == "satellite"][0]["url"].removeprefix("http://")
    environment.update(
        API=found["api"], INGEST=found["ingest"], NODE=node["admin"], CLOUDSQL=found["cloudsql"], AGENT=satellite,
        DROVER_CTL_API=found["api"], DROVER_CTL_AGENT=satellite, DROVER_FLEET_PASSWORD="radmin")
    return process


def run(block, number, environment, folder):
    """The block in a shell that goes on from the state that the last one of its page has left."""
    own = os.path.join(folder, ".check")
    state, place = os.path.join(own, "state"), os.path.join(own, "cwd")
    script = os.path.join(own, f"block-{number}.sh")
    with open(script, "w") as out:
        out.write(block.text_in(environment))
    wrapper = f"""
        [ -f '{state}' ] && . '{state}'
        cd "$(cat '{place}')"
        trap 'code=$?; export -p > "{state}"; pwd > "{place}"; exit $code' EXIT
        set -e -o pipefail
        . '{script}'
    """
    command = ["bash", "-c", wrapper]
    if block.duration:
        command = ["bash", "-c", f"[ -f '{state}' ] && . '{state}'; cd \"$(cat '{place}')\"; . '{script}'"]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=block.duration or LIMIT)
        return process.returncode, output, False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return 137, process.communicate()[0], True
        return process.returncode, output, True


def check(page):
    text = open(os.path.join(root, page)).read()
    folder = tempfile.mkdtemp(prefix="drover-docs-")
    work = os.path.join(folder, "work")
    os.makedirs(os.path.join(folder, "bin"))
    os.makedirs(work)
    os.symlink(drover, os.path.join(folder, "bin", "drover"))
    for name in ["docs", "deploy", "scripts"]:
        os.symlink(os.path.join(root, name), os.path.join(work, name))
    os.makedirs(os.path.join(folder, ".check"))
    with open(os.path.join(folder, ".check", "cwd"), "w") as out:
        out.write(work)
    environment = {
        "PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"}
    sandbox = None
    try:
        found = blocks(text)
        wanted = [one for one in found if one.language == "sh" and not one.skipped]
        if "<!-- run beside: sandbox -->" in text and wanted:
            sandbox = start_sandbox(folder, environment)
        for number, block in enumerate(found):
            if block.file:
                with open(os.path.join(work, block.file.group(1)), "w") as out:
                    out.write(block.text)
            if block.language != "sh" or block.file:
                continue
            if block.skipped:
                counts["not run"] += 1
                continue
            time.sleep(block.pause)
            code, output, was_ended = run(block, number, environment, folder)
            ended_well = was_ended and bool(block.duration) and code in (0, 143, -15)
            counts["run"] += 1
            if not ended_well and (code != block.code or was_ended):
                counts["failed"] += 1
                why = f"did not end within {LIMIT} s" if was_ended and not block.duration else f"exit code {code}"
                print(f"{page}:{block.line}: {why}\n{block.text}--- it said:\n{output[-3000:]}")
                return
    finally:
        if sandbox:
            sandbox.send_signal(signal.SIGTERM)
            try:
                sandbox.wait(30)
            except subprocess.TimeoutExpired:
                sandbox.kill()
        shutil.rmtree(folder, ignore_errors=True)


for page in pages:
    check(page)
print(f"docs: {counts['run']} blocks run, {counts['not run']} not run, {counts['failed']} failed")
sys.exit(1 if counts["failed"] else 0)
