"""Kinora's processes: started as the supervisor would start them, and timed from the outside."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import time

from machine import HOME, SOCKETS, as_owner

# What a service gets from script/server: its settings, but neither the client's key nor the operator's password.
HIDDEN = ("KINORA_API_KEY", "KINORA_ADMIN_PASSWORD")


class Application:
    """One `kinora` process."""

    def __init__(self, verb, **settings):
        environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        self.verb = verb
        self.log = open(f"{HOME}/log/bench-kinora.log", "ab+")
        self.logged = self.log.seek(0, os.SEEK_END)
        prefix = as_owner() or ["setpriv"]
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, "--pdeathsig", "TERM", f"{HOME}/bin/kinora", verb], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env={**environment, **settings}, cwd=HOME,
        )

    @property
    def pid(self):
        return self.process.pid

    def wait_for(self, condition, seconds=20):
        """Seconds from the start of the process until `condition` held."""
        while not condition():
            if self.process.poll() is not None:
                raise RuntimeError(f"kinora ended with {self.process.returncode}: see {self.log.name}")
            if time.monotonic() - self.began > seconds:
                raise RuntimeError("kinora does not become ready")
            time.sleep(0.001)
        return time.monotonic() - self.began

    def has_started(self):
        """Whether it says so in the log, which it shares with the others."""
        self.log.seek(self.logged)
        return f'"started","verb":"{self.verb}"'.encode() in self.log.read()

    def resident_mebibytes(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


@contextlib.contextmanager
def running(*verbs, **settings):
    """Kinora in these roles, ready."""
    processes = [Application(verb, **settings) for verb in verbs]
    try:
        for process in processes:
            process.wait_for(lambda process=process: process.has_started())
        yield processes
    finally:
        for process in processes:
            process.stop()


def accepts(name):
    """Whether somebody listens on a socket."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(f"{SOCKETS}/{name}.sock") == 0


def is_ready():
    """Whether GET /readyz is answered 200: asked over the FastCGI socket itself, without nginx."""

    def record(kind, content):
        return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content

    def pair(name, value):
        return bytes((len(name), len(value))) + name + value

    parameters = pair(b"REQUEST_METHOD", b"GET") + pair(b"REQUEST_URI", b"/readyz")
    begin, end = record(1, struct.pack(">HB5x", 1, 0)), record(5, b"")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(f"{SOCKETS}/fast.sock")
            client.sendall(begin + record(4, parameters) + record(4, b"") + end)
            return b"Status: 200" in client.recv(65536)
        except OSError:
            return False
