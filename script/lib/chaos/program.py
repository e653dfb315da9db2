"""Programs that run beside this one: started, stopped, killed, and never left behind."""

import os
import signal
import subprocess
import time

# What no service needs: the client's key and the operator's password.
HIDDEN = ("KINORA_API_KEY", "KINORA_ADMIN_PASSWORD")


class Late(Exception):
    """Something did not happen in time."""


def wait_until(what, condition, seconds):
    """Repeats `condition` until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Late(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


class Program:
    """One program. `started` tells when it is ready; `asks` is the signal that has it stop by itself."""

    def __init__(self, name, command, home, started, *, asks=signal.SIGTERM, **settings):
        self.name, self.command, self.asks, self.started = name, command, asks, started
        self.settings = settings
        self.log_path = f"{home}/log/chaos-{name}.log"
        self.home = home
        self.process = None
        self.logged = self.marked = 0

    def start(self, **more):
        """Starts it and waits until it is ready. `more`: settings for this life of it only."""
        self.begin(**more)
        self.wait()

    def begin(self, **more):
        """Only from the main thread: the kernel ends what a thread has started when that thread ends."""
        environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        with open(self.log_path, "ab") as log:
            self.logged = log.tell()
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", self.asks.name[3:], "--", *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, start_new_session=True,
                env={**environment, **self.settings, **more},
            )

    def wait(self, seconds=60):
        """Until it is ready."""

        def ready():
            if self.process.poll() is not None:
                raise Late(f"{self.name} ended with {self.process.returncode}: see {self.log_path}")
            return self.started(self)

        wait_until(f"{self.name} is ready", ready, seconds)

    def logged_start(self):
        """Whether it says in its log that it has started."""
        with open(self.log_path, "rb") as log:
            log.seek(self.logged)
            return b'"started"' in log.read()

    def mark(self):
        """From here on `said` reads its log."""
        self.marked = os.path.getsize(self.log_path)

    def said(self):
        """What it has written into its log since the mark."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(self.marked)
            return log.read()

    @property
    def has_died(self):
        """Whether it ended without being told to."""
        return self.process is not None and self.process.poll() is not None

    def kill(self):
        """Ends it without asking."""
        self.process.kill()
        self.forget()

    def stop(self, how=None, seconds=30):
        """Asks it to end, and kills it when it does not."""
        if self.process is None:
            return
        self.process.send_signal(how or self.asks)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Late(f"{self.name} did not stop within {seconds} s") from None
        finally:
            self.forget()

    def forget(self):
        """It is over. What is left of its session goes too: nginx's workers, ffmpeg."""
        self.process.wait()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process = None
