"""A checkout from which the page can be made: small results, a made-up population, its tables."""

import shutil

import made_up_population
import numpy as np
import paper_base

from reports.command import ROOT
from reports.page import cells, document

TABLES = ("shares", "test_scores", "map")


def make_base(folder):
    """Write the page's sources into a folder, and the page."""
    base = paper_base.make_base(folder, "mixed", figures=False)
    for name in TABLES:
        shutil.copy(ROOT / "reports" / "tables" / f"{name}.csv", base / "reports" / "tables")
    tasks = made_up_population.tasks(120, 40)
    effects = {"removed": made_up_population.signal(tasks), "floor": 0.01}
    effects["points"] = -4 + made_up_population.chance(tasks)
    made_up_population.publish(base, tasks, made_up_population.runs(tasks, **effects))
    document.make(base)
    return base


def named(shown, row):
    """Return a cell's labels by axis."""
    return {axis: shown["axes"][axis][code] for axis, code in zip(cells.AXES, row, strict=False)}


def quartiles(values):
    """Return quartiles that occurred."""
    return np.quantile(values.fillna(np.inf), cells.QUARTILES, method="inverted_cdf")
