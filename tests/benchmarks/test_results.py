"""What a run of the benchmark leaves: a table, a figure; and the command."""

from itertools import islice

from benchmarks import engines, figure, plans, results, run, speed
from study.ablation.planning.plan import make_plan


def test_speed_of_two_engines_has_the_rows_that_are_promised(monkeypatch):
    two = {name: engines.ENGINES[name] for name in ("ours", "sklearn")}
    monkeypatch.setattr(engines, "ENGINES", two)
    said = []
    report = speed.run(speed.Effort(repeats=1, seconds=0.01, quick=True), said.append, ["W4"])
    assert {(r["engine"], r["optimizer"]) for r in report["rows"]} == {
        (engine, optimizer) for engine in two for optimizer in ("sgd", "adam")
    }
    for row in report["rows"]:
        assert 0 < row["lowest"] <= row["us"] <= row["highest"]
        if row["engine"] == "ours":
            assert row["best"] and row["ratio_to_ours"] == 1
            assert 0 < row["share_of_peak"] < 1
        else:
            assert row["ratio_to_ours"] > 1
    assert report["machine"]["gemm_peak_gflops"] > 0
    assert "openblas" in report["machine"]["multiplies_with"]["ours"]
    assert [c["what"] for c in report["checks"]] == ["W4 adam"]
    assert any("agree" in line for line in said)


def test_a_row_whose_turns_disagree_is_no_engines_best():
    shared = {"workload": "W3", "optimizer": "sgd"}
    rows = [
        {**shared, "engine": e, "us": us, "lowest": low, "highest": high}
        for e, us, low, high in (
            ("ours", 400.0, 320.0, 1170.0),
            ("ours", 800.0, 790.0, 810.0),
            ("jax", 1600.0, 900.0, 1700.0),  # all that there is
        )
    ]
    speed.compare(rows, 250.0)
    assert [row["best"] for row in rows] == [False, True, True]
    assert [row["ratio_to_ours"] for row in rows] == [0.5, 1.0, 2.0]


def test_a_run_replaces_its_own_sections_alone(report, tmp_path):
    """Each engine is shown at its best; what was not measured again stays to the letter."""
    committed = (results.FOLDER / results.TABLE).read_text(encoding="utf-8")
    (tmp_path / results.TABLE).write_text(committed, encoding="utf-8")
    assert results.write({}, tmp_path).read_text(encoding="utf-8") == committed
    missed = results.Measured("make help", 0.3, "s", 0.2)
    reached = results.Measured("two workers against one", 1.9, "×", 1.85, least=True)
    about, *_ = run.BENCHMARKS["startup"]
    again = {
        **results.speed_sections(report),
        f"## {about}": results.measured_section([missed, reached]),
    }
    text = results.write(again, tmp_path).read_text(encoding="utf-8")
    before, after = (dict(results.SECTION.findall(t)) for t in (committed, text))
    assert list(before) == list(after)  # so the committed table is what these modules write
    assert {name for name in before if before[name] != after[name]} == set(again)
    lines = text.splitlines()
    (ours, *_) = [line for line in lines if line.startswith("| ours |")]
    assert ours.startswith("| ours | 10 | 32 | 1.00 | 50% | 10 | 32 | 1.00 | 50% |")
    assert "| make help | 0.3 | s | <= 0.2 | **missed** |" in lines
    assert "| two workers against one | 1.9 | × | >= 1.85 | met |" in lines
    assert "openblas Some" in text and "differ from ours by at most 2e-16 (W1 sgd)" in text
    assert "Other programs had 20% of the core" in text


def test_figure_has_a_panel_for_each_optimizer(report, tmp_path):
    page = figure.page(report)
    assert len(page.axes) == 2
    for panel in page.axes:
        assert panel.get_xscale() == panel.get_yscale() == "log"
        assert (40.0, 10.0) in [tuple(line.get_ydata()) for line in panel.lines]
    assert {text.get_text() for text in page.legends[0].get_texts()} == {"ours", "sklearn"}
    paths = figure.draw(report, tmp_path)
    assert [path.name for path in paths] == ["speed.pdf", "speed.png"]
    assert all(path.stat().st_size > 0 for path in paths)


def test_an_unknown_benchmark_is_told_in_one_line(capsys):
    assert run.main(["sped"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "'speed'" in err


def test_a_plan_is_cut_at_so_many_trainings_and_its_cells_are_trained():
    plan = make_plan(plans.sized(2_000))
    runs = plan.cells[0].runs
    assert len(plans.cut(plan, runs).cells) == 1
    assert len(plans.cut(plan, runs + 1).cells) == 2
    for cell, planned in islice(zip(plans.finished_cells(plan), plan.cells, strict=True), 2):
        assert cell.cell == planned.identity and len(cell.runs) == planned.runs
