"""The bad situations themselves. Each function makes one, holds it for a while, and ends it; the load goes on."""

import contextlib
import http.client
import os
import random
import secrets
import signal
import subprocess
import time

import sandbox
from instance import SQLFailed
from load import Line
from program import wait_until

CHANCE = random.Random(7)
MEDIA = os.environ["KINORA_MEDIA_DIR"]


def nothing(_stage):
    """Only the load."""


def worker_killed(stage):
    victim = stage.instance.workers[0]
    victim.kill()
    stage.hold(4)
    victim.start()


def all_killed(stage):
    victims = stage.instance.kinora_programs
    for victim in victims:
        victim.kill()
    stage.hold(2)
    start(victims)


def killed_over_and_over(stage):
    for _ in range(8):
        victim = CHANCE.choice(stage.instance.kinora_programs)
        victim.kill()
        stage.hold(0.7)
        victim.start()
        stage.hold(0.5)


def replaced_one_by_one(stage):
    """As an upgrade does it: asked to end, and started again."""
    for program in stage.instance.kinora_programs:
        program.stop()
        program.start()


def without_notifications(stage):
    """Whoever is started here neither sends nor hears one."""
    for program in stage.instance.kinora_programs:
        program.stop()
        program.start(KINORA_NOTIFY="false")
    stage.after(lambda: replaced_one_by_one(stage))


def start(programs):
    for program in programs:
        program.begin()
    for program in programs:
        program.wait()


def postgres_restarted(stage):
    restart_postgres(stage, signal.SIGINT)


def postgres_crashed(stage):
    """Immediate shutdown: what was not committed is gone, and it recovers from its log."""
    restart_postgres(stage, signal.SIGQUIT)


def restart_postgres(stage, how):
    stage.instance.postgres.stop(how)
    stage.hold(1.5)
    stage.instance.postgres.start()


END_SESSIONS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity " \
    "WHERE application_name = 'kinora' AND random() < {share}"


def sessions_ended(stage):
    # Often, since a session that rests is replaced in silence: some must be ended in the middle of a statement.
    for _ in range(120):
        stage.instance.sql(END_SESSIONS.format(share=0.5))
        stage.hold(0.03)


def sessions_refused(stage):
    """The server has none left to give: of those that were had, most are ended."""
    stage.instance.sql("ALTER ROLE kinora CONNECTION LIMIT 4")
    try:
        for _ in range(3):
            stage.instance.sql(END_SESSIONS.format(share=0.8))
            stage.hold(3)
    finally:
        stage.instance.sql("ALTER ROLE kinora CONNECTION LIMIT -1")


HOLD_ON = """
BEGIN;
SELECT count(*) FROM (SELECT FROM kinora.task WHERE finished_at IS NULL ORDER BY random() LIMIT 40 FOR UPDATE) held;
UPDATE kinora.account SET weight = weight WHERE name = 'chaos-1';
\\echo holding
"""


def transaction_left_open(stage):
    """Somebody's psql holds tasks and an account in a transaction, and goes for coffee."""
    command = stage.instance.psql("-f", "-")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
                          start_new_session=True) as session:
        session.stdin.write(HOLD_ON)
        session.stdin.flush()
        while session.stdout.readline().strip() != "holding":
            if session.poll() is not None:
                raise SQLFailed("the session that was to hold on has ended")
        stage.hold(15)
        session.stdin.write("ROLLBACK;\n")
        session.stdin.close()


def account_disabled(stage):
    stage.instance.kinora("account", "disable", "chaos-2", "--reason", "chaos")
    stage.hold(5)
    stage.instance.kinora("account", "enable", "chaos-2")


def credential_refused(stage):
    sandbox.arm("wrong_key", 2, "submit")
    stage.hold(4)
    sandbox.disarm()
    stage.instance.enable_accounts()


def vendor_without_credit(stage):
    sandbox.arm("insufficient_quota", 3, "submit")
    stage.hold(4)
    sandbox.disarm()
    stage.instance.enable_accounts()


def storm(fault, seconds=6, **more):
    """A situation: the vendor answers everything so, for a while."""

    def situation(stage):
        sandbox.arm(fault, 1_000_000, **more)
        stage.hold(seconds)
        sandbox.disarm()
        stage.instance.enable_accounts()

    return situation


def uncertain_storm(stage):
    """Refusals that leave open whether the task was taken."""
    for fault in ("server_error", "bad_gateway", "html"):
        sandbox.arm(fault, max(3, stage.load.count // 60), "submit")
    sandbox.arm("server_error", stage.load.count // 5, "poll")
    stage.hold(6)
    sandbox.disarm()
    stage.operator_returns()


def callbacks_forged(stage):
    """Strangers call back: garbage, and tokens that look right."""
    line = Line()
    for number in range(400):
        task = CHANCE.choice(list(stage.load.accepted.values()) or ["0"])
        token = CHANCE.choice([secrets.token_hex(20), f"{task}.1.{secrets.token_hex(32)}", "%00", "x" * 300])
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, _, _ = line.ask("POST", f"/callback/{token}", "", b"{}")
            if status < 400:
                stage.believed.append(f"a forged callback was answered {status}: {token}")
        if number % 20 == 0:
            stage.hold(0.1)
    line.close()


def disk_full(stage):
    """Nothing can be stored any more; then there is room again."""
    balloon = f"{MEDIA}/balloon"
    with open(balloon, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    try:
        stage.hold(8)
    finally:
        os.unlink(balloon)


def is_ahead(stage):
    """Seconds by which the database's clock is ahead of the machine's."""
    return float(stage.instance.sql("SELECT extract(epoch FROM clock_timestamp())")[0][0]) - time.time()


def clock_stepped(stage):
    """The machine's clock jumps a minute ahead, and back. PostgreSQL, servers and workers live by it."""
    path = f"{stage.instance.postgres.home}/clock"
    faked = {"LD_PRELOAD": os.environ["CHAOS_FAKETIME"], "FAKETIME_TIMESTAMP_FILE": path,
             "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_CACHE_DURATION": "1"}

    def step(offset):
        with open(f"{path}.new", "w", encoding="ascii") as file:
            file.write(f"{offset}\n")
        os.replace(f"{path}.new", path)

    step("+0")
    programs = [stage.instance.postgres, *stage.instance.kinora_programs]
    for program in reversed(programs):
        program.stop()
    for program in programs:
        program.start(**faked)
    for offset in (60, 0, -60, 0):
        stage.hold(4)
        step(f"{offset:+}")
        # Nobody is declared dead by a step: that it was one, the database's clock says.
        wait_until(f"the clock is {offset} s ahead", lambda ahead=offset: abs(is_ahead(stage) - ahead) < 20, 30)
    stage.hold(4)

    def restore():
        for program in reversed(programs):
            program.stop()
        for program in programs:
            program.start()

    stage.after(restore)


def under_way(stage):
    """Until a fifth of the tasks are at the vendor."""
    share = max(1, stage.load.count // 5)
    wait_until("the load is under way", lambda: sandbox.stats()["accepted"] >= share or stage.load.is_over(), 60)
