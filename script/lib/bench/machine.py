"""The machine and the processes on it: who runs, as whom, and what it costs."""

import contextlib
import fcntl
import os
import platform
import subprocess
import time

HOME = os.environ["KINORA_HOME"]
SOCKETS = os.environ["KINORA_SOCKET_DIR"]
SOURCE = os.environ["BENCH_SOURCE"]
PORT = int(os.environ["BENCH_PORT"])
PLAIN = f"http://127.0.0.1:{PORT}"


def as_owner():
    """A prefix that runs a command as the instance's owner: root is not what serves in production."""
    owner = os.stat(HOME)
    if os.geteuid() != 0 or owner.st_uid == 0:
        return []
    return ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--init-groups", "--no-new-privs"]


def description():
    revision = subprocess.run(
        ["git", "-C", SOURCE, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "revision": revision.stdout.strip(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
    }


@contextlib.contextmanager
def quiet():
    """Holds KINORA_BENCH_LOCK: builds that respect it do not run meanwhile."""
    path = os.environ.get("KINORA_BENCH_LOCK")
    if not path:
        yield
        return
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def process_tree(roots):
    """The processes below `roots`, those included: {pid: fields of /proc/PID/stat after the name}."""
    table = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                table[int(name)] = file.read().rpartition(")")[2].split()
    found, waiting = {}, list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in table and pid not in found:
            found[pid] = table[pid]
            waiting += [child for child, fields in table.items() if int(fields[1]) == pid]
    return found


def cpu_seconds(roots):
    """Processor time of the processes below `roots` so far, children that have ended included."""
    ticks = sum(sum(map(int, fields[11:15])) for fields in process_tree(roots).values())
    return ticks / os.sysconf("SC_CLK_TCK")


def sql(statement, *arguments, database="kinora"):
    """Runs SQL as the superuser; gives the rows as lists of text."""
    command = [*as_owner(), "psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-h", SOCKETS]
    for pair in arguments:
        command += ["-v", pair]
    done = subprocess.run(
        [*command, "-U", "postgres", "-d", database], input=statement, text=True, capture_output=True, cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return [line.split("\x1f") for line in done.stdout.splitlines()]
