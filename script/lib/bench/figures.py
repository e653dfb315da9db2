"""What was measured, as a table for people and as JSON for programs."""

import json
import statistics
from dataclasses import asdict, dataclass
from typing import Optional

median = statistics.median


@dataclass
class Figure:
    """A value beside what it is compared with. `how` says how it came about."""

    name: str
    value: float
    unit: str
    how: str
    reference: Optional[float] = None
    ratio: Optional[float] = None
    goal: Optional[str] = None
    is_met: Optional[bool] = None

    @property
    def verdict(self):
        return "" if self.is_met is None else "ok" if self.is_met else "MISS"

    def row(self):
        goal = self.goal or ""
        return [
            self.name, number(self.value), self.unit, number(self.reference), number(self.ratio), goal, self.verdict
        ]


def number(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(name, values, references, unit, how, at_least=None, at_most=None):
    """Medians, and the median of the ratios of runs that were made one after the other."""
    ratios = [value / reference for value, reference in zip(values, references)]
    result = Figure(name, median(values), unit, how, median(references), median(ratios))
    if at_least is not None:
        result.goal, result.is_met = f"ratio >= {at_least}", result.ratio >= at_least
    if at_most is not None:
        result.goal, result.is_met = f"ratio <= {at_most}", result.ratio <= at_most
    return result


def bound(name, values, unit, how, at_most=None, references=None):
    """A goal for the value itself; what it is beside others of the same runs is told as well."""
    result = ratio(name, values, references, unit, how) if references else Figure(name, median(values), unit, how)
    if at_most is not None:
        result.goal, result.is_met = f"<= {number(at_most)} {unit}", result.value <= at_most
    return result


def columns(rows):
    """Text in columns: the first to the left, the others to the right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if n == 0 else cell.rjust(width) for n, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def show(figures, steps):
    if steps:
        header = ["step", "clients", "req/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "CPU us/req", "failed"]
        print("\n".join(columns([header] + [step.row() for step in steps])), end="\n\n")
    header = ["figure", "value", "unit", "reference", "ratio", "goal", ""]
    print("\n".join(columns([header] + [figure.row() for figure in figures])), end="\n\n")
    for figure in figures:
        print(f"{figure.name}: {figure.how}")
    missed = [figure.name for figure in figures if figure.is_met is False]
    print(f"\n{len(missed)} goals missed{': ' if missed else '.'}{'; '.join(missed)}")


def save(path, machine, figures, steps):
    report = {
        "machine": machine,
        "figures": [{**asdict(figure), "verdict": figure.verdict} for figure in figures],
        "steps": [step.summary() for step in steps],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
