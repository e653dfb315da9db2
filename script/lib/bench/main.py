"""script/bench, once everything it needs runs: measures the parts that were asked for, and reports."""

import sys

import connections
import drain
import figures
import flight
import growth
import ladder
import machine
import pickup
import recovery
import relay
import start
import submit
import waiters

PARTS = {
    "ladder": ladder.measure,
    "submit": submit.measure,
    "pickup": pickup.measure,
    "start": start.measure,
    "connections": connections.measure,
    "drain": drain.measure,
    "flight": flight.measure,
    "recovery": recovery.measure,
    "relay": relay.measure,
    "growth": growth.measure,
    "waiters": waiters.measure,
}


def main(names):
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"bench: no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    results, steps = [], []
    for name in names or PARTS:
        print(f"measuring: {name}", flush=True)
        more_results, more_steps = PARTS[name]()
        results += more_results
        steps += more_steps
    print()
    figures.show(results, steps)
    path = f"{machine.HOME}/bench.json"
    figures.save(path, machine.description(), results, steps)
    print(f"All of it, with every single run: {path}")


main(sys.argv[1:])
