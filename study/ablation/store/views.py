"""Prepared views of an experiment in MLflow's UI: its cells in a table, its rules in charts.

MLflow keeps a view that was shared as a tag of the experiment, and a link names its key.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

CELLS = "tags.role = 'cell'"
COLUMNS = (
    *(("params", name) for name in ("dataset", "activation", "gradient", "location", "optimizer")),
    *(("metrics", name) for name in ("learning_rate", "failed_rate", "final_objective")),
    *(("metrics", "ratio_to_exact"), ("attributes", "Dataset")),
)
CHARTS = ("log_ratio_to_exact", "failed_rate", "test_score")
"""Metrics whose means over the cells with one rule are drawn."""

NARROWED = ("optimizer", "dataset", "activation", "hidden", "objective", "gain", "location")
LOADED = 100  # cells that MLflow's page loads at once
SECTION = "rules"


def tags(cells: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags of an experiment that hold its views, for cells with these params."""
    order = _named("metrics", "ratio_to_exact")
    states = {"cells": _state(CELLS, order), "rules": _state(_few(cells), order, **_CHARTS)}
    return {f"mlflow.sharedViewState.{name}": json.dumps(state) for name, state in states.items()}


def _few(cells: Sequence[Mapping[str, str]]) -> str:
    """Return a filter that keeps as many cells as MLflow loads at once, or fewer.

    Those with the most frequent optimizer and dataset, and so on. Charts of more cells than are
    loaded would show the first ones alone, which are no sample.
    """
    kept, found = list(cells), CELLS
    for axis in NARROWED:
        if len(kept) <= LOADED:
            break
        ((value, _),) = Counter(cell[axis] for cell in kept).most_common(1)
        kept = [cell for cell in kept if cell[axis] == value]
        found += f" and params.{axis} = '{value}'"
    return found


def links(address: str, experiment: str) -> dict[str, str]:
    """Return the link to each view, by what it shows."""
    page = f"{address}/#/experiments/{experiment}/runs"
    return {
        "table of all cells": f"{page}?viewStateShareKey=cells",
        "charts that compare rules": f"{page}?viewStateShareKey=rules&compareRunsMode=CHART",
        "all trainings": f"{page}?searchFilter=",
    }


def _named(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _state(which: str, order: str, **own: Any) -> dict[str, Any]:
    """Return a view's state as MLflow's pages write it: what is searched, and how it is shown."""
    columns = [_named(*column) for column in COLUMNS]
    return {
        **{"searchFilter": which, "orderByKey": order, "orderByAsc": True, "startTime": "ALL"},
        **{"lifecycleFilter": "Active", "datasetsFilter": [], "modelVersionFilter": "All Runs"},
        **{"selectedColumns": columns, "columnOrder": columns, "columnWidths": {}},
        **{"runsExpanded": {}, "runsPinned": [], "runsHidden": [], "runsVisibilityMap": {}},
        **{"runsHiddenMode": "SHOW_ALL", "viewMaximized": False, "runListHidden": False},
        **{"isAccordionReordered": False, "useGroupedValuesInCharts": True, "groupBy": None},
        **{"hideEmptyCharts": True, "groupsExpanded": {}, "autoRefreshEnabled": False},
        **own,
    }


_CHARTS = {
    "groupBy": {
        "aggregateFunction": "average",
        "groupByKeys": [{"mode": "param", "groupByData": "gradient"}],
    },
    "compareRunSections": [
        {"uuid": SECTION, "name": "Rules", "display": True, "isReordered": True, "columns": 1}
    ],
    "compareRunCharts": [
        {
            **{"uuid": metric, "type": "BAR", "runsCountToCompare": 30, "deleted": False},
            **{"metricSectionId": SECTION, "isGenerated": False, "metricKey": metric},
        }
        for metric in CHARTS
    ],
}
