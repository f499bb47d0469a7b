"""A headless Chromium, driven through a pipe by the DevTools protocol; nothing else is needed."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-pipe"),
)
TO, FROM = 3, 4  # where the browser reads and writes


class Browser:
    """One page: `run` evaluates JavaScript in it, `errors` collects what its console says."""

    def __init__(self, into, out):
        self._into, self._out, self._left, self._number = into, out, b"", 0
        self.errors, self.requests = [], []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        given = {"targetId": target, "flatten": True}
        self._session = self._ask("Target.attachToTarget", **given)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **given):
        """Return the answer of a method of the protocol."""
        return self._ask(method, self._session, **given)

    def _ask(self, method, session=None, **given):
        self._number += 1
        said = {"id": self._number, "method": method, "params": given}
        if session:
            said["sessionId"] = session
        os.write(self._into, json.dumps(said).encode() + b"\0") if len(
            str(given)
        ) < 60_000 else self._long(said)
        while True:
            told = self._next()
            if told.get("id") == self._number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                return told["result"]
            self._event(told)

    def _long(self, said):
        with os.fdopen(os.dup(self._into), "wb") as pipe:
            pipe.write(json.dumps(said).encode() + b"\0")

    def _next(self):
        while b"\0" not in self._left:
            more = os.read(self._out, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self._left += more
        told, _, self._left = self._left.partition(b"\0")
        return json.loads(told)

    def _event(self, told):
        name, given = told.get("method"), told.get("params", {})
        if name == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif name == "Runtime.consoleAPICalled" and given["type"] in (
            "error",
            "warning",
            "assert",
        ):
            self.errors.append(" ".join(str(a.get("value")) for a in given["args"]))
        elif name == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.errors.append(given["entry"]["text"])
        elif name == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])

    def run(self, script):
        """Return the value of an expression, awaited if it is a promise."""
        told = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return told["result"].get("value")

    def open(self, path, width=1280, height=900, dark=False, still=True, phone=False):
        """Load a file in a window of this size, and wait until it is ready."""
        self.resize(width, height, phone)
        self.look(dark, still)
        self.ask("Page.navigate", url="about:blank")
        self.ask("Page.navigate", url=path)
        self.wait("document.documentElement?.dataset.ready === 'yes'")

    def wait(self, condition, seconds=120):
        """Wait until an expression holds in the page; no time is asserted but the last."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(RuntimeError):  # the page may just be changing
                if self.run(condition):
                    return
            time.sleep(0.02)
        raise RuntimeError(f"in vain: {condition}; the console says {self.errors}")

    def resize(self, width, height, phone=False):
        """Give the window another size; a phone has a viewport of its own."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.ask("Emulation.setDeviceMetricsOverride", **size)

    def look(self, dark, still):
        """Be dark or light, and ask for reduced motion or not."""
        features = {"prefers-color-scheme": "dark" if dark else "light"}
        features["prefers-reduced-motion"] = "reduce" if still else "no-preference"
        named = [{"name": name, "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=named)

    def press(self, key, code=None, text=""):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            given = {"type": kind, "key": key, "code": code or key}
            codes = {"Enter": 13, " ": 32, "Tab": 9, "ArrowRight": 39, "ArrowLeft": 37}
            given["windowsVirtualKeyCode"] = codes.get(key, ord(key[0].upper()))
            if text and kind == "keyDown":
                given["text"] = text
            self.ask("Input.dispatchKeyEvent", **given)

    def picture(self, path, clip=None):
        """Save a picture of the page, or of a part of it (x, y, width, height)."""
        given = {"format": "png", "captureBeyondViewport": True}
        if clip:
            given["clip"] = dict(zip(("x", "y", "width", "height"), clip, strict=True), scale=1)
        told = self.ask("Page.captureScreenshot", **given)
        with open(path, "wb") as file:
            file.write(base64.b64decode(told["data"]))


@contextmanager
def browser(profile):
    """Start a browser with a profile of its own, and end it."""
    (theirs, into), (out, answers) = os.pipe(), os.pipe()

    def place():
        high = [os.dup2(fd, 90 + k) for k, fd in enumerate((theirs, answers))]
        os.dup2(high[0], TO)
        os.dup2(high[1], FROM)

    process = subprocess.Popen(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=place,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    os.close(answers)
    try:
        yield Browser(into, out)
    finally:
        process.kill()
        process.wait()
        os.close(into)
        os.close(out)
