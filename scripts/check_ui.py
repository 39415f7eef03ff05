#!/usr/bin/env python3
"""Opens the status page in a headless Chromium and checks that it works: check_ui.py API SCREENSHOT-FOLDER

The page must load without a word on the console, show what the API holds, follow a change without being loaded again,
fit a phone, be usable by keyboard, and be light and dark. Needs a database called "shop". Standard library only: the
browser is driven through its debugging pipe.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request


class Browser:
    """Chromium behind --remote-debugging-pipe: JSON messages that end in NUL."""

    def __init__(self, binary, profile):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def descriptors():
            # The browser reads commands from 3 and writes answers to 4.
            os.dup2(to_browser, 30)
            os.dup2(from_browser, 31)
            os.dup2(30, 3)
            os.dup2(31, 4)

        arguments = [binary, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*", f"--user-data-dir={profile}",
                     "--window-size=1280,900", "about:blank"]
        self.process = subprocess.Popen(arguments, preexec_fn=descriptors, close_fds=False,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self.session = None
        self.events = []

    def _message(self, deadline):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser did not answer in time")
            part = os.read(self._read, 1 << 16)
            if not part:
                raise RuntimeError("the browser ended")
            self._buffer += part
        text, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, timeout=30, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while True:
            answer = self._message(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, what, expression, seconds=30):
        deadline = time.monotonic() + seconds
        while not self.value(expression):
            if time.monotonic() > deadline:
                raise AssertionError(f"after {seconds} s it is not so that {what}")
            time.sleep(0.1)
        print(f"ui: {what}")

    def complaints(self):
        """Everything that a person would see in red on the console."""
        self.value("1")
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"].get("text", "exception"))
            elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(parameters["args"]))
            elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(parameters["entry"]["text"])
        return found


def change(api, maximum):
    body = json.dumps({"policy": {"maximumReplicas": maximum}}).encode()
    request = urllib.request.Request(f"{api}/v1/groups/shop", data=body, method="PATCH",
                                     headers={"Content-Type": "application/merge-patch+json"})
    urllib.request.urlopen(request, timeout=10).read()


def check(condition, what):
    if not condition:
        raise AssertionError(what)
    print(f"ui: {what}")


def run(browser, api, folder):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Runtime", "Log", "Page"):
        browser.call(f"{domain}.enable")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    browser.call("Page.navigate", url=f"{api}/ui")
    browser.until("the page shows the group", "document.querySelector('#group-shop')?.textContent === 'shop'")
    browser.until("the event stream is open", "document.querySelector('#live').textContent === 'live'")
    for section in ("groups", "nodes", "incidents", "decisions", "events"):
        check(browser.value(f"document.querySelector('#{section} h2') !== null"), f"there is a section {section}")
    outside = browser.value("performance.getEntriesByType('resource').map(e => e.name)"
                            f".filter(name => !name.startsWith('{api}/') && !name.startsWith('data:')).join(' ')")
    check(outside == "", "nothing comes from outside")

    browser.value("window.stillThere = true")
    for maximum in (6, 7):
        change(api, maximum)
        browser.until(f"it follows a change without being loaded again ({maximum})",
                      f"window.stillThere && document.querySelector('#groups').textContent.includes('at most {maximum} ')")

    def screenshot(name):
        image = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(os.path.join(folder, f"ui-{name}.png"), "wb") as file:
            file.write(base64.b64decode(image))

    screenshot("light")
    light = browser.value("getComputedStyle(document.body).backgroundColor")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = browser.value("getComputedStyle(document.body).backgroundColor")
    check(light == "rgb(255, 255, 255)" and dark not in (light, "rgba(0, 0, 0, 0)"), "it is light and dark")
    screenshot("dark")

    browser.value("document.activeElement.blur()")
    seen = []
    for _ in range(7):
        for kind in ("rawKeyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.append(browser.value("document.activeElement.textContent.trim().slice(0, 20)"))
    check(seen[0] == "Skip to the content" and "Groups" in seen and len(set(seen)) > 5,
          "the keyboard reaches the skip link, the sections and the tables")
    check(browser.value("getComputedStyle(document.activeElement).outlineStyle") == "solid", "what has the focus shows it")

    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    browser.until("it fits a phone", "document.documentElement.scrollWidth <= 360", seconds=5)
    screenshot("phone")
    complaints = browser.complaints()
    check(not complaints, f"the console is empty{': ' + '; '.join(complaints) if complaints else ''}")
    stream_refused(browser, api)


def stream_refused(browser, api):
    browser.call("Fetch.enable", patterns=[{"urlPattern": "*/v1/events*"}])
    browser.events.clear()
    browser.call("Page.navigate", url=f"{api}/ui")
    deadline = time.monotonic() + 15
    refused = None
    while refused is None and time.monotonic() < deadline:
        browser.value("1")
        refused = next((e for e in browser.events if e.get("method") == "Fetch.requestPaused"), None)
    check(refused is not None, "the page asks for the stream")
    browser.call("Fetch.fulfillRequest", requestId=refused["params"]["requestId"], responseCode=502)
    browser.until("it says that it is not live", "document.querySelector('#live').textContent === 'reconnecting'")
    browser.call("Fetch.disable")
    browser.until("it follows again after an answer that was no stream",
                  "document.querySelector('#live').textContent === 'live'", seconds=15)


def main():
    api, folder = sys.argv[1].rstrip("/"), sys.argv[2]
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not binary:
        sys.exit("check_ui: no Chromium was found; install the Debian package chromium")
    os.makedirs(folder, exist_ok=True)
    profile = tempfile.mkdtemp(prefix="drover-ui-")
    browser = Browser(binary, profile)
    try:
        run(browser, api, folder)
    except (AssertionError, TimeoutError, RuntimeError) as error:
        sys.exit(f"check_ui: {error}")
    finally:
        browser.process.kill()
        browser.process.wait()
        shutil.rmtree(profile, ignore_errors=True)
    print("ui: ok")


main()
