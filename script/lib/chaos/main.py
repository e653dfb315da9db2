"""script/chaos, once its instance is prepared: runs the scenarios one after the other, and judges."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import time

import invariants
import sandbox
import situations
from instance import HOME, Instance, SQLFailed
from load import Load, Watch
from observer import Observer
from program import Late, wait_until
from receiver import Receiver
from report import Report
from scenarios import MATRIX

LOAD_SECONDS = 8


class Stage:
    """What a situation may use while the load goes on."""

    def __init__(self, instance, load):
        self.instance, self.load = instance, load
        self.believed = []
        self.cleanups = []
        self.has_operator = False
        self._never = threading.Event()

    def hold(self, seconds):
        self._never.wait(seconds)

    def after(self, action):
        """Once all tasks have ended."""
        self.cleanups.append(action)

    def operator_returns(self):
        """From now on somebody enables accounts that errors have disabled."""
        self.has_operator = True

    def wait_for_the_end(self, seconds):
        """Until every client has its answer and every task has ended, or time is up: the checks say which."""
        deadline, enabled = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < deadline:
            try:
                if self.load.is_over() and not self.instance.number(
                        "SELECT count(*) FROM task WHERE finished_at IS NULL"):
                    return
            except SQLFailed:
                pass
            if self.has_operator and time.monotonic() > enabled + 5:
                self.instance.enable_accounts()
                enabled = time.monotonic()
            self.hold(0.2)


def play(scenario, instance, count):
    """Runs one scenario. Gives the evidence and what was found broken, by invariant."""
    sandbox.reset()
    if scenario.slow:
        sandbox.slow_down(scenario.slow)
    for program in instance.kinora_programs:
        program.mark()
    since = instance.number("SELECT coalesce(max(id), 0) FROM task")
    load = Load(scenario.name, count, min(LOAD_SECONDS, max(3, count / 20)), scenario.kinds, instance.keys)
    watch, stage = Watch(load), Stage(instance, load)
    observer = Observer(instance)
    observers = (load, watch, observer)
    for each in observers:
        each.start()
    try:
        situations.under_way(stage)
        scenario.situation(stage)
        stage.wait_for_the_end(scenario.patience)
    finally:
        for each in observers:
            each.stop()
    sandbox.disarm()
    seen = invariants.Evidence(instance, load, watch, observer, stage, scenario, since).gather()
    broken = {check.__name__: list(check(seen)) for check in invariants.ALL}
    for action in stage.cleanups:
        action()
    instance.revive()
    return seen, {name: findings for name, findings in broken.items() if findings}


def possible(scenario):
    """Why a scenario cannot be run on this machine; None when it can."""
    if scenario.situation is situations.disk_full and not os.environ["CHAOS_DISK"]:
        return "no file system of its own can be mounted here"
    if scenario.situation is situations.clock_stepped and not os.path.exists(os.environ["CHAOS_FAKETIME"]):
        return "the package libfaketime is not installed"
    return None


def chosen(names, is_quick):
    known = {scenario.name: scenario for scenario in MATRIX}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"chaos: no such scenario: {', '.join(unknown)}; there are {', '.join(known)}")
    if names:
        return [known[name] for name in names]
    return [scenario for scenario in MATRIX if scenario.is_quick or not is_quick]


def parse():
    parser = argparse.ArgumentParser(prog="script/chaos")
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("scenario", nargs="*")
    options = parser.parse_args()
    if not (1 <= options.tasks <= 100_000 and 0 < options.minutes <= 240):
        parser.error("--tasks must be from 1 to 100000, --minutes from 0 to 240")
    return options


def run(scenarios, count, end, report):
    """Plays them on one instance until `end`, and then looks at what came of them all."""
    with Receiver() as receiver, Instance(receiver) as instance:
        report.head()
        for scenario in scenarios:
            if why := possible(scenario):
                report.leave_out(scenario, why)
                continue
            if time.monotonic() > end:
                report.fail(scenario, "the time was up before it began")
                continue
            began = time.monotonic()
            try:
                seen, broken = play(scenario, instance, count)
            except (Late, SQLFailed, RuntimeError, OSError) as error:
                return report.fail(scenario, error)
            report.add(scenario, seen, time.monotonic() - began, broken)
        # Who died with a message in the air leaves it to the others, a minute later.
        with contextlib.suppress(Late):
            wait_until("all messages are delivered", lambda: not instance.number(
                "SELECT count(*) FROM webhook_delivery WHERE state <> 'delivered'"), 150)
        report.conclude(invariants.ends_are_told, list(invariants.ends_are_told(instance, receiver)))


def main():
    options = parse()
    scenarios = chosen(options.scenario, options.quick)
    report = Report((*invariants.ALL, invariants.ends_are_told))
    # Asked to end: everything that was started is stopped on the way out.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    run(scenarios, max(20, options.tasks // len(scenarios)), time.monotonic() + options.minutes * 60, report)
    report.finish(f"{HOME}/chaos.json", os.environ["CHAOS_SOURCE"], sys.argv[1:])
    sys.exit(0 if report.has_held else 1)


main()
