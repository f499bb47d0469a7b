"""The benchmark of many workers feeds a real store, and counts waves as they were."""

from small_studies import tiny_plan

from benchmarks import scale
from study.ablation.planning.schedule import seconds_together


def test_a_fed_store_reports_its_time():
    seconds, late = scale.fed(rate=1e6, seconds=2e-4)
    assert 0 < seconds < 1 and late > 0


def test_waves_wait_for_their_last_cell():
    grid = {"dataset": "iris", "hidden": [[4], [64, 64]], "gradient": ["exact", "removed"]}
    plan = tiny_plan(grid)
    first, second = (sorted(p.seconds for p in plan.cells if p.wave == n) for n in (0, 1))
    assert scale._in_waves(plan, 2) == first[-1] + second[-1]
    assert scale._in_waves(plan, 1) == sum(p.seconds for p in plan.cells)
    assert seconds_together(plan.cells, 2) <= scale._in_waves(plan, 2)
