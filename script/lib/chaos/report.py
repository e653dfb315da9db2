"""What came of it: a row for each scenario, a line for each invariant, and all of it as JSON."""

import collections
import json
import platform
import subprocess
import time

HEADS = ("scenario", "tasks", "succeeded", "failed", "attempts", "repeats", "looks", "seconds", "verdict")
WIDTHS = (22, 6, 9, 7, 8, 8, 6, 8, 0)


def row(cells):
    left, *right = (f"{cell:<{width}}" if not index else f"{cell:>{width}}"
                    for index, (cell, width) in enumerate(zip(cells, WIDTHS)))
    return "  ".join([left, *right])


class Report:
    """Prints as it goes, since a run takes minutes."""

    def __init__(self, invariants):
        self.invariants = invariants
        self.began = time.time()
        self.scenarios, self.left_out = [], []
        self.broken = collections.defaultdict(list)

    def head(self):
        print(row(HEADS), flush=True)

    def add(self, scenario, seen, seconds, broken):
        """`broken`: what was found, by the name of the invariant."""
        count = sum(map(len, broken.values()))
        ends = collections.Counter(task.state for task in seen.tasks)
        watched = seen.watch.looks + seen.observer.looks
        cells = (scenario.name, len(seen.tasks), ends["succeeded"], len(seen.tasks) - ends["succeeded"],
                 sum(task.attempts for task in seen.tasks), seen.load.repeats, watched, f"{seconds:.1f}",
                 "held" if count == 0 else f"BROKEN {count}")
        print(row(cells), flush=True)
        for name, findings in broken.items():
            self.broken[name] += [f"{scenario.name}: {finding}" for finding in findings]
            for finding in findings[:10]:
                print(f"    {name}: {finding}", flush=True)
        self.scenarios.append({
            **dict(zip(HEADS, cells)), "what": scenario.what, "ends": dict(collections.Counter(
                task.end for task in seen.tasks)), "broken": broken,
        })

    def conclude(self, check, findings):
        """What was found once all scenarios were over."""
        if findings:
            self.broken[check.__name__] += findings
        for finding in findings[:10]:
            print(f"    {check.__name__}: {finding}", flush=True)

    def leave_out(self, scenario, why):
        self.left_out.append((scenario.name, why))
        print(f"{scenario.name:<22}  not run: {why}", flush=True)

    def fail(self, scenario, why):
        self.broken["the scenario itself"].append(f"{scenario.name}: {why}")
        print(f"{scenario.name:<22}  FAILED: {why}", flush=True)

    @property
    def has_held(self):
        return bool(self.scenarios) and not self.broken

    def finish(self, path, source, arguments):
        print()
        for check in self.invariants:
            findings = self.broken.get(check.__name__, [])
            print(f"{'held' if not findings else f'BROKEN {len(findings)}':<10}  {check.__doc__}")
        tasks = sum(scenario["tasks"] for scenario in self.scenarios)
        minutes = (time.time() - self.began) / 60
        print(f"\n{len(self.scenarios)} scenarios, {tasks} tasks, {minutes:.1f} minutes: "
              + ("everything held" if self.has_held else f"{sum(map(len, self.broken.values()))} BROKEN")
              + (f"; not run: {', '.join(name for name, _ in self.left_out)}" if self.left_out else ""))
        revision = subprocess.run(["git", "-C", source, "describe", "--always", "--dirty"], capture_output=True,
                                  text=True, check=False).stdout.strip()
        with open(path, "w", encoding="utf-8") as file:
            json.dump({
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)), "minutes": minutes,
                "revision": revision, "system": platform.platform(), "arguments": arguments,
                "has_held": self.has_held, "scenarios": self.scenarios, "not_run": dict(self.left_out),
                "broken": self.broken,
            }, file, indent=1)
        print(f"All of it: {path}")
