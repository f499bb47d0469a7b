"""Measure: ``python -m benchmarks.run [--quick] [NAME ...]``, or ``make bench``.

Without a name everything is measured but ``large``, which takes many minutes.
"""

import argparse
import json
import logging
import os
import pkgutil
import sys
from collections.abc import Sequence

from benchmarks import results
from benchmarks.engines import process, settle
from study.errors import unknown

# name -> what it is, the function that measures it, and whether that stays on one core
BENCHMARKS = {
    "speed": ("Every engine on the same work", "", True),
    "products": ("Matrix products beside the BLAS", "products:measure", True),
    "variants": ("Every activation, gradient rule and optimizer", "variants:measure", True),
    "recording": ("What a run costs in the store", "large:measure_recording", True),
    "scale": (
        "A hundred workers: the writer, the paper's plan",
        "scale:measure",
        False,
    ),
    "startup": ("How long the commands take to start", "whole:measure_startup", False),
    "whole": ("Whole studies: two workers, pure training", "whole:measure", False),
    "large": ("200,000 runs: plan, store and reports", "large:measure", False),
}
LOG = logging.getLogger("benchmarks")
SLOW = ("large",)
NOT_QUICK = ("variants", "whole", *SLOW)  # unless named


def _speed(quick: bool, workloads: Sequence[str]) -> dict[str, str]:
    from benchmarks import speed  # here: matplotlib would count as memory of `large`
    from reports import style

    report = speed.run(quick, workloads)
    raw = results.FOLDER / "speed.json"  # all rows, for whoever wants more than the table
    raw.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with style.theme():
        page = results.draw(report)
        for kind in ("pdf", "png"):
            page.savefig(results.FOLDER / f"speed.{kind}", bbox_inches="tight")
    return results.speed_sections(report)


def _other(name: str, quick: bool) -> dict[str, str]:
    about, where, pinned = BENCHMARKS[name]
    with process(pinned) as own:
        measure = pkgutil.resolve_name(f"benchmarks.{where}")
        rows: list[results.Measured] = own.submit(measure, quick).result()
    for row in rows:
        goal = f"   goal {row.goal}" if row.goal else ""
        LOG.info(f"  {row.what}: {row.value:.4g} {row.unit}{goal}")
    return {f"## {about}": results.measured_section(rows)}


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; 2 is the user's mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="; ".join(f"{name}: {about}" for name, (about, *_) in BENCHMARKS.items()),
    )
    parser.add_argument("--quick", action="store_true", help="two minutes, rough numbers")
    parser.add_argument("--workloads", default="", help="of speed, such as W1,W4")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    given = parser.parse_args(arguments)
    settle()
    logging.basicConfig(stream=sys.stdout, format="%(relativeCreated)6.0f ms  %(message)s")
    LOG.setLevel(logging.INFO)  # alone: others say much while they draw
    for name in given.names:
        if name not in BENCHMARKS:
            print(unknown("benchmark", name, BENCHMARKS), file=sys.stderr)
            return 2
    left_out = NOT_QUICK if given.quick else SLOW
    workloads = [name for name in given.workloads.split(",") if name]
    for name in given.names or [name for name in BENCHMARKS if name not in left_out]:
        LOG.info(f"{name}: {BENCHMARKS[name][0]}")
        found = _speed(given.quick, workloads) if name == "speed" else _other(name, given.quick)
        path = results.write(found)
    LOG.info(f"wrote {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
