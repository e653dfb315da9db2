"""Clients: they submit over HTTPS, and repeat what was not answered under the same Idempotency-Key."""

import http.client
import itertools
import json
import os
import random
import ssl
import threading
import time
import urllib.parse
from dataclasses import dataclass

HOST = urllib.parse.urlsplit(os.environ["KINORA_URL"])
TLS = ssl.create_default_context(cafile=os.environ["KINORA_CA"])
FINAL = ("completed", "failed")


@dataclass(frozen=True)
class Kind:
    """Tasks of one sort: what their prompt asks the sandbox for, and how they may end (`succeeded`, or an error
    code). One in `every` is of this kind, and at most `most`."""

    marker: str = ""
    ends: tuple = ("succeeded",)
    every: int = 1
    most: int = 1_000_000


class Line:
    """A client's connection."""

    def __init__(self):
        self.connection = None

    def ask(self, method, path, key, body=None, headers=None):
        """Status, headers and bytes of the answer. Raises OSError or HTTPException when there is none."""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(HOST.hostname, HOST.port, timeout=35, context=TLS)
        try:
            self.connection.request(method, path, body, {"Authorization": f"Bearer {key}", **(headers or {})})
            reply = self.connection.getresponse()
            return reply.status, reply.headers, reply.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Load:
    """The tasks of one scenario, submitted evenly over some seconds by several clients at once."""

    CLIENTS = 12

    def __init__(self, name, count, seconds, kinds, keys):
        self.name, self.count, self.seconds, self.kinds, self.keys = name, count, seconds, kinds, keys
        self.accepted, self.refused = {}, []
        # Submits that were made again, and those among them that nobody had answered but for an error of the server.
        self.repeats, self.failed = 0, []
        self.stopping = threading.Event()
        self._numbers, self._lock = itertools.count(), threading.Lock()
        self._threads = [threading.Thread(target=self._submit_all) for _ in range(self.CLIENTS)]

    def kind(self, number):
        """The first of the kinds that claims the number; the plain one last."""
        return next((kind for kind in self.kinds
                     if number % kind.every == 0 and number // kind.every < kind.most), Kind())

    def prompt(self, number):
        return f"{self.name} {number:06d} {self.kind(number).marker}".strip()

    def key(self, number):
        """Most are of the clients without a limit: the limited one would set the pace of all."""
        return self.keys[-1] if number % 10 == 9 else self.keys[number % (len(self.keys) - 1)]

    def start(self):
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def is_over(self):
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self):
        self.stopping.set()
        for thread in self._threads:
            thread.join()

    def _submit_all(self):
        line = Line()
        while (number := next(self._numbers)) < self.count:
            due = self._began + number * self.seconds / self.count
            if self.stopping.wait(max(0, due - time.monotonic())):
                break
            self._submit(line, number)
        line.close()

    def _submit(self, line, number):
        body = json.dumps({"model": "sora-2", "prompt": self.prompt(number), "seconds": "4"})
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{self.name}-{number}"}
        while not self.stopping.is_set():
            pause = 0.3
            try:
                status, answered, text = line.ask("POST", "/v1/videos", self.key(number), body, headers)
                if status == 200:
                    with self._lock:
                        self.accepted[number] = json.loads(text)["id"]
                    return
                if status not in (409, 429, 500, 502, 503, 504):
                    with self._lock:
                        self.refused.append(f"{self.prompt(number)}: {status} {text.decode(errors='replace')}")
                    return
                pause = min(float(answered.get("Retry-After", pause)), 1.0)
                failure = f"{status} {text.decode(errors='replace')}" if status >= 500 else None
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
            with self._lock:
                self.repeats += 1
                self.failed += [failure] if failure else []
            self.stopping.wait(pause)


class Watch:
    """A client that looks at accepted tasks again and again: what it was told once must stay true."""

    def __init__(self, load):
        self.load, self.seen, self.broken, self.looks = load, {}, [], 0
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def start(self):
        self._thread.start()

    def stop(self):
        self.stopping.set()
        self._thread.join()

    def _look(self):
        line, chance = Line(), random.Random(1)
        while not self.stopping.wait(0.03):
            known = list(self.load.accepted.items())
            if not known:
                continue
            number, name = chance.choice(known)
            try:
                status, _, text = line.ask("GET", f"/v1/videos/{name}", self.load.key(number))
            except (OSError, http.client.HTTPException):
                continue
            if status == 200:
                self._compare(name, json.loads(text))
            elif status < 500 and status != 429:
                self.broken.append(f"{name} was accepted, and a poll says {status}")
        line.close()

    def _compare(self, name, video):
        self.looks += 1
        now = (video["status"], video["progress"])
        before = self.seen.get(name, ("", 0))
        if before[0] in FINAL and now != before:
            self.broken.append(f"{name} was {before}, then {now}")
        if now[1] < before[1]:
            self.broken.append(f"{name}: progress fell from {before[1]} to {now[1]}")
        self.seen[name] = now
