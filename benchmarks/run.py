"""Measure: ``python -m benchmarks.run [--quick] [NAME ...]``, or ``make bench``.

Without a name everything is measured but ``large``, which takes many minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import results
from benchmarks.children import Child
from study.errors import unknown

Rows = list[dict[str, Any]]


def _speed(quick: bool, workloads: Sequence[str]) -> Rows:
    from benchmarks import figure, plain_study, speed

    report = speed.timed_run(speed.QUICK if quick else speed.FULL, say, workloads)
    if not workloads or "W1" in workloads:
        speed.add_plain_study(report, plain_study.measure(quick))
    results.write_speed(report)
    for path in figure.draw(report, results.FOLDER):
        say(f"wrote {path}")
    return []


def _in_child(module: str, pinned: bool) -> Callable[[bool, Sequence[str]], Rows]:
    def measure(quick: bool, workloads: Sequence[str]) -> Rows:
        with Child(module, pinned) as child:
            return child.call(f"benchmarks.{module}:measure", quick)

    return measure


BENCHMARKS: dict[str, tuple[str, Callable[[bool, Sequence[str]], Rows]]] = {
    "speed": ("every engine on the same work", _speed),
    "variants": ("every activation, gradient and optimizer", _in_child("variants", True)),
    "recording": ("what a run costs in the store", _in_child("recording", True)),
    "startup": ("how long the commands take to start", _in_child("startup", False)),
    "whole": ("whole studies: two workers, pure training", _in_child("whole", False)),
    "large": ("200,000 runs through plan, store and reports", _in_child("large", False)),
}
SLOW = ("large",)
NOT_QUICK = ("variants", "whole", *SLOW)  # unless named


def say(line: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {line}", flush=True)


STARTED = time.monotonic()


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; 2 is the user's mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="; ".join(f"{name}: {about}" for name, (about, _) in BENCHMARKS.items()),
    )
    parser.add_argument("--quick", action="store_true", help="two minutes, rough numbers")
    parser.add_argument("--workloads", default="", help="of speed, such as W1,W4")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    given = parser.parse_args(arguments)
    for name in given.names:
        if name not in BENCHMARKS:
            print(unknown("benchmark", name, BENCHMARKS), file=sys.stderr)
            return 2
    left_out = NOT_QUICK if given.quick else SLOW
    names = given.names or [name for name in BENCHMARKS if name not in left_out]
    workloads = [name for name in given.workloads.split(",") if name]
    rows: Rows = []
    for name in names:
        say(f"{name}: {BENCHMARKS[name][0]}")
        found = BENCHMARKS[name][1](given.quick, workloads)
        for row in found:
            aim = f"   goal {row['goal']}" if row["goal"] else ""
            say(f"  {row['what']}: {row['value']:.4g} {row['unit']}{aim}")
        rows += found
    if rows:
        results.write_goals(rows)
    say(f"wrote {os.path.relpath(results.write_table())}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
