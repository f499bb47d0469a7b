"""What a run of the benchmark leaves: a table, a figure; and the command."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pandas as pd
import pytest

from benchmarks import engines, large, results, run, speed


def compared(peak, *rows):
    columns = ["workload", "optimizer", "engine", "replicas", "cpu", "wall"]
    turns = [(*row, us, 1.25 * us) for *row, times in rows for us in times]
    return speed.compare(pd.DataFrame(turns, columns=columns), peak)


@pytest.fixture
def report():
    """A report of numbers that nobody measured: the share of ours is 50% of the peak."""
    peak = speed.WORKLOADS["W1"].flops() / 5e3
    rows = [
        ("W1", optimizer, engine, replicas, (0.9 * us, us, 1.1 * us))
        for optimizer in ("sgd", "adam")
        for engine, replicas, us in (("ours", 1, 40.0), ("ours", 32, 10.0), ("sklearn", 1, 250.0))
    ]
    rows = compared(peak, *rows).to_dict("records")
    checks = [{"what": "W1 sgd", "largest_difference": {"sklearn": 2e-16}}]
    machine = {"ours multiplies with": "its own, vectors of 64 bytes"}
    return {"quick": False, "machine": machine, "peak": peak, "checks": checks, "rows": rows}


def test_speed_of_two_engines_has_the_rows_that_are_promised(monkeypatch, caplog):
    two = {name: engines.ENGINES[name] for name in ("ours", "sklearn")}
    of_engines = {"ENGINES": two, "PRODUCT": 512, "process": lambda: ThreadPoolExecutor(1)}
    for name, value in of_engines.items():
        monkeypatch.setattr(engines, name, value)
    monkeypatch.setattr(speed, "QUICK_REPEATS", 1)
    monkeypatch.setattr(speed, "QUICK_SECONDS", 0.01)
    monkeypatch.setattr(speed.LOG, "disabled", False)  # the migration of a database disables all
    caplog.set_level("INFO")
    report = speed.run(True, ["W4"])
    found = {(row["engine"], row["optimizer"]) for row in report["rows"]}
    assert found == set(itertools.product(two, ("sgd", "adam")))
    for row in report["rows"]:
        assert 0 < row["lowest"] <= row["us"] <= row["highest"] and row["best"]
        assert 0 < row["share_of_peak"] < 1
        assert row["ratio_to_ours"] == 1 if row["engine"] == "ours" else row["ratio_to_ours"] > 1
    assert report["peak"] > 0
    assert "its own" in report["machine"]["ours multiplies with"]
    assert [c["what"] for c in report["checks"]] == ["W4 adam"]
    assert "agree" in caplog.text


def test_a_row_whose_turns_disagree_is_no_engines_best():
    rows = compared(
        250.0,
        ("W3", "sgd", "ours", 1, (320.0, 400.0, 1170.0)),
        ("W3", "sgd", "ours", 4, (790.0, 800.0, 810.0)),
        ("W3", "sgd", "jax", 1, (900.0, 1600.0, 1700.0)),  # all that there is
    )
    assert rows["best"].tolist() == [False, True, True]
    assert rows["ratio_to_ours"].tolist() == [0.5, 1.0, 2.0]


def test_a_run_replaces_its_own_sections_alone(report, tmp_path):
    """Each engine is shown at its best; what was not measured again stays to the letter."""
    committed = (results.FOLDER / results.TABLE).read_text(encoding="utf-8")
    (tmp_path / results.TABLE).write_text(committed, encoding="utf-8")
    assert results.write({}, tmp_path).read_text(encoding="utf-8") == committed
    missed = results.Measured("make help", 0.3, "s", "<= 0.2")
    reached = results.Measured("two workers against one", 1.9, "×", ">= 1.85")
    about, *_ = run.BENCHMARKS["startup"]
    again = results.speed_sections(report)
    again[f"## {about}"] = results.measured_section([missed, reached])
    text = results.write(again, tmp_path).read_text(encoding="utf-8")
    before, after = (dict(results.SECTION.findall(t)) for t in (committed, text))
    assert list(before) == list(after)  # so the committed table is what these modules write
    assert {name for name in before if before[name] != after[name]} == set(again)
    for part in (
        "| ours | 10 | 32 | 1.00 | 50% | 10 | 32 | 1.00 | 50% |",
        "| make help | 0.3 | s | <= 0.2 | **missed** |",
        "| two workers against one | 1.9 | × | >= 1.85 | met |",
        *("its own, vectors of 64 bytes", "differ from ours by at most 2e-16 (W1 sgd)"),
        "Other programs had 20% of the core",
    ):
        assert part in text


def test_figure_has_a_panel_for_each_optimizer(report):
    page = results.draw(report)
    assert len(page.axes) == 2
    for panel in page.axes:
        assert panel.get_xscale() == panel.get_yscale() == "log"
        assert (40.0, 10.0) in [tuple(line.get_ydata()) for line in panel.lines]
    assert {text.get_text() for text in page.legends[0].get_texts()} == {"ours", "sklearn"}


def test_an_unknown_benchmark_is_told_in_one_line(capsys):
    assert run.main(["sped"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "'speed'" in err


def test_a_plan_is_cut_at_so_many_trainings_and_its_cells_are_recorded():
    plan, _ = large.planned(large.FEW)
    runs = plan.cells[0].runs
    assert 0 <= plan.runs - large.FEW < plan.cells[-1].runs
    assert [len(large.planned(n)[0].cells) for n in (runs, runs + 1)] == [1, 2]
    store = Mock(**{"place.return_value": None})
    assert min(large.recorded(store, plan, 2)) > 0
    cells = [call.args[0] for call in store.record.call_args_list]
    planned = {p.identity: p.runs for p in plan.cells}
    assert len({c.cell for c in cells}) == 2
    assert all(len(c.runs) == planned[c.cell] for c in cells)
    store.close.assert_called_once()
