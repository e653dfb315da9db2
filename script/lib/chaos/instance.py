"""The private instance: PostgreSQL, nginx, the sandbox, and several processes of Kinora on one database."""

import json
import os
import shlex
import signal
import socket
import subprocess

from program import Program

HOME = os.environ["KINORA_HOME"]
SOCKETS = os.environ["KINORA_SOCKET_DIR"]
KINORA = f"{HOME}/bin/kinora"
SERVERS, WORKERS, ACCOUNTS, SLOTS = 2, 3, 4, 40
# The last client's key has a limit of unfinished tasks.
CLIENTS, CONCURRENT_MAX = 3, 20


class SQLFailed(Exception):
    """A statement failed, or PostgreSQL is away."""


def accepts(path):
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


class Instance:
    """Its programs by name. Context manager: they run inside and are gone behind."""

    def __init__(self, receiver):
        self.receiver = receiver
        os.environ["KINORA_EGRESS_ALLOW"] += f",{receiver.address}"
        self.postgres = Program("postgres", shlex.split(os.environ["CHAOS_POSTGRES"]), HOME,
                                lambda _: self.database_answers(), asks=signal.SIGINT)
        self.nginx = Program("nginx", shlex.split(os.environ["CHAOS_NGINX"]), HOME,
                             lambda _: self.port_answers(), asks=signal.SIGQUIT)
        self.sandbox = Program("sandbox", [KINORA, "sandbox"], HOME, lambda _: accepts(f"{SOCKETS}/sandbox.sock"))
        self.servers = [self._server(number) for number in range(1, SERVERS + 1)]
        self.workers = [Program(f"work-{number}", [KINORA, "work"], HOME, Program.logged_start)
                        for number in range(1, WORKERS + 1)]
        self.keys, self.limited_key_id, self.credentials = [], None, {}

    @staticmethod
    def _server(number):
        folder = SOCKETS if number == 1 else f"{SOCKETS}/{number}"
        return Program(f"serve-{number}", [KINORA, "serve"], HOME,
                       lambda _: accepts(f"{folder}/fast.sock"), KINORA_SOCKET_DIR=folder)

    @property
    def kinora_programs(self):
        return [*self.servers, *self.workers]

    @property
    def programs(self):
        return [self.postgres, self.nginx, self.sandbox, *self.kinora_programs]

    def __enter__(self):
        try:
            self.postgres.start()
            self._furnish()
            for program in self.programs[1:]:
                program.begin()
            for program in self.programs[1:]:
                program.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # PostgreSQL last: the others give back what they hold.
        for program in reversed(self.programs):
            try:
                program.stop()
            except Exception as error:  # whatever happens, the next one is stopped too
                print(f"chaos: {error}", flush=True)

    def _furnish(self):
        """Accounts, users and keys of this run, and a place to remember how tasks ended."""
        self.kinora("account", "disable", "openai/sandbox", "--reason", "script/chaos has its own")
        base = os.environ["SANDBOX_URL"] + "/openai/v1"
        for number in range(1, ACCOUNTS + 1):
            name, credential = f"chaos-{number}", f"sk-sandbox-chaos-{number}"
            self.kinora("account", "add", "--vendor", "openai", "--name", name, "--base-url", base,
                        "--slots", str(SLOTS), stdin=credential)
            self.credentials[name] = credential
        for number in range(1, CLIENTS + 1):
            limit = ["--concurrent-tasks", str(CONCURRENT_MAX)] if number == CLIENTS else []
            made = json.loads(self.kinora("key", "create", "--user", f"client-{number}", *limit, "--json"))
            self.keys.append(made["key"])
            self.limited_key_id = made["id"]
            self.kinora("quota", "topup", f"client-{number}", "1000000")
        self.kinora("model", "price", "set", "sora-2", "--task", "0.25")
        self.kinora("webhook", "add", "--user", "client-1", "--url", f"http://{self.receiver.address}/")
        self.sql("CREATE TABLE public.chaos_final (task_id bigint PRIMARY KEY, was text NOT NULL)")

    def revive(self):
        """Starts again what has died by itself: the next scenario has faults of its own."""
        for program in self.programs:
            if program.has_died:
                program.forget()
                program.start()

    def enable_accounts(self):
        """What an operator does when a vendor is well again."""
        for name in self.credentials:
            self.kinora("account", "enable", name)

    @staticmethod
    def kinora(*arguments, stdin=""):
        """Runs a command of Kinora and gives what it prints."""
        done = subprocess.run([KINORA, *arguments], input=stdin, capture_output=True, text=True, timeout=60,
                              cwd=HOME, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"kinora {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    @staticmethod
    def psql(*arguments):
        """psql's command line, as the superuser: it is not held to what Kinora's own role may do."""
        return ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1",
                "-h", SOCKETS, "-U", "postgres", "-d", "kinora", *arguments]

    def sql(self, statement):
        """The rows as lists of text."""
        try:
            done = subprocess.run(self.psql(), input=f"SET search_path = kinora; {statement}", text=True,
                                  capture_output=True, timeout=30, cwd="/", check=False)
        except subprocess.TimeoutExpired:
            raise SQLFailed(f"it takes too long: {statement}") from None
        if done.returncode != 0:
            raise SQLFailed(done.stderr.strip())
        return [row.split("\x1f") for row in done.stdout.rstrip("\n").split("\x1e") if row]

    def number(self, statement):
        return int(self.sql(statement)[0][0])

    def database_answers(self):
        try:
            return self.number("SELECT 1") == 1
        except SQLFailed:
            return False

    @staticmethod
    def port_answers():
        port = int(os.environ["SANDBOX_URL"].rpartition(":")[2])
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0
