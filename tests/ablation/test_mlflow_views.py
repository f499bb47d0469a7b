"""The prepared views in MLflow's UI name what there is, and keep as many cells as it loads."""

import json
import re

import numpy as np
import pytest
from small_studies import plan_of, tiny_plan

from study.ablation.running.engines import ThisProcess
from study.ablation.running.jobs import Jobs
from study.ablation.store import views


@pytest.fixture(scope="module")
def trained():
    grid = {"dataset": "iris", "hidden": [4], "gradient": ["exact", "removed", "floor"]}
    plan = tiny_plan(grid)
    return plan, {cell.cell: cell for cell in ThisProcess().train(Jobs(plan))}


def test_columns_and_charts_are_of_the_cells(trained):
    plan, cells = trained
    found = views.tags([planned.cell.params() for planned in plan.cells])
    table, charts = (json.loads(found[f"mlflow.sharedViewState.{n}"]) for n in ("cells", "rules"))
    changed = [cell for cell in cells.values() if "ratio_to_exact" in cell.metrics]
    assert len(changed) == len(cells) - 1, "exact has none"
    there = {f"metrics.`{name}`" for name in changed[0].metrics}
    there |= {f"params.`{name}`" for name in plan.cells[0].cell.params()}
    assert set(table["selectedColumns"]) <= there | {"attributes.`Dataset`"}
    assert table["orderByKey"] in there
    assert {f"metrics.`{chart['metricKey']}`" for chart in charts["compareRunCharts"]} <= there
    assert charts["groupBy"]["groupByKeys"][0]["groupByData"] in plan.cells[0].cell.params()


def test_a_ratio_is_that_of_the_medians(trained):
    plan, cells = trained

    def median(cell):
        frame = cells[cell].runs.to_pandas()
        return np.median(frame[frame.stage == "evaluate"].final_objective)

    for planned in plan.cells:
        if planned.reference:
            metrics, ratio = cells[planned.identity].metrics, median(planned.identity)
            ratio /= median(planned.reference)
            assert metrics["ratio_to_exact"] == ratio
            assert metrics["log_ratio_to_exact"] == np.log10(ratio)


@pytest.mark.parametrize("experiment", ["smoke", "default", "paper", "replication"])
def test_charts_show_all_of_the_cells_that_they_are_of(experiment):
    """MLflow draws what its page has loaded: the first hundred of more would be no sample."""
    cells = [planned.cell.params() for planned in plan_of(experiment).cells]
    state = json.loads(views.tags(cells)["mlflow.sharedViewState.rules"])
    conditions = dict(re.findall(r"params\.(\w+) = '([^']+)'", state["searchFilter"]))
    kept = [cell for cell in cells if all(cell[k] == v for k, v in conditions.items())]
    assert 10 < len(kept) <= 100 or len(kept) == len(cells) <= 100
    assert len({cell["gradient"] for cell in kept}) > 2
