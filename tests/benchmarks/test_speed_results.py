"""What a run of the benchmark leaves: JSON, a table, a figure; and the command."""

import json

import pytest

from benchmarks import engines, figure, results, run, speed


def test_speed_of_two_engines_has_the_rows_that_are_promised(monkeypatch, tmp_path):
    two = {name: engines.ENGINES[name] for name in ("ours", "sklearn")}
    monkeypatch.setattr(speed, "ENGINES", two)
    said = []
    effort = speed.Effort(repeats=2, seconds=0.01, quick=True)
    report = speed.timed_run(effort, said.append, ["W4"])
    results.write_speed(report, tmp_path)
    saved = json.loads((tmp_path / "speed.json").read_text())
    rows = saved["rows"]
    assert {(r["engine"], r["optimizer"]) for r in rows} == {
        (engine, optimizer) for engine in two for optimizer in ("sgd", "adam")
    }
    for row in rows:
        assert set(results.KEYS) <= set(row)
        assert row["us_per_replica_update"] > 0
        assert row["threads"] == 1
        if row["engine"] == "ours":
            assert row["best"] and row["ratio_to_ours"] == 1
            assert 0 < row["fraction_of_gemm_peak"] < 1
        else:
            assert row["ratio_to_ours"] > 1
    assert saved["machine"]["gemm_peak_gflops"] > 0
    assert any("kernel" in line for line in saved["machine"]["blas"])
    assert [c["optimizer"] for c in saved["checks"]] == ["adam"]
    assert any("agree" in line for line in said)


def test_a_row_whose_turns_disagree_is_no_engines_best():
    shared = {"workload": "W3", "optimizer": "sgd"}
    rows = [
        {**shared, "engine": e, "us_per_replica_update": us, "lowest": low, "highest": high}
        for e, us, low, high in (
            ("ours", 400.0, 320.0, 1170.0),
            ("ours", 800.0, 790.0, 810.0),
            ("jax", 1600.0, 900.0, 1700.0),  # all that there is
        )
    ]
    speed._compare(rows, 250.0)
    assert [row["best"] for row in rows] == [False, True, True]
    assert [row["ratio_to_ours"] for row in rows] == [0.5, 1.0, 2.0]


def test_a_row_without_a_key_is_refused(report, tmp_path):
    del report["rows"][0]["threads"]
    with pytest.raises(ValueError, match="lacks threads"):
        results.write_speed(report, tmp_path)
    assert not (tmp_path / "speed.json").exists()


def test_ours_must_say_how_near_the_peak_it_is(report):
    del report["rows"][0]["fraction_of_gemm_peak"]
    with pytest.raises(ValueError, match="fraction_of_gemm_peak"):
        results.check_rows(report["rows"])


def test_table_has_each_engine_at_its_best(report, tmp_path):
    results.write_speed(report, tmp_path)
    results.write_goals([results.goal("startup", "make help", 0.3, "s", 0.2)], tmp_path)
    text = results.write_table(tmp_path).read_text()
    lines = text.splitlines()
    (ours,) = [line for line in lines if line.startswith("| ours |")]
    assert ours.startswith("| ours | 10 | 32 | 1.00 | 50% | 10 | 32 | 1.00 | 50% |")
    (plain,) = [line for line in lines if line.startswith("| plain_study |")]
    assert plain.startswith("| plain_study | 500 | 1 | 50.00 |  |  |  |  |  |")
    assert "kernel Some" in text
    assert "differ from ours by at most 2e-16 (W1 sgd)" in text
    assert "| make help | 0.3 | s | <= 0.2 | **missed** |" in lines


def test_goals_of_scripts_that_did_not_run_stay(tmp_path):
    results.write_goals(
        [
            results.goal("startup", "make help", 0.3, "s", 0.2),
            results.goal("whole", "two workers against one", 1.9, "×", 1.85, least=True),
        ],
        tmp_path,
    )
    results.write_goals([results.goal("startup", "make help", 0.1, "s", 0.2)], tmp_path)
    goals = results.read(tmp_path)[1]
    assert [(row["name"], row["value"], row["met"]) for row in goals] == [
        ("whole", 1.9, True),
        ("startup", 0.1, True),
    ]


def test_figure_has_a_panel_for_each_optimizer(report, tmp_path):
    page = figure.page(report)
    assert len(page.axes) == 2
    sgd, adam = page.axes
    assert sgd.get_xscale() == sgd.get_yscale() == "log"
    drawn = [tuple(line.get_ydata()) for line in sgd.lines]
    assert (40.0, 10.0) in drawn and (500.0,) in drawn
    assert not any(500.0 in ys for ys in (tuple(line.get_ydata()) for line in adam.lines))
    names = [text.get_text() for text in page.legends[0].get_texts()]
    assert names == [
        "ours",
        "scikit-learn loop",
        "Hydra + scikit-learn + MLflow",
        "large-product peak",
    ]
    paths = figure.draw(report, tmp_path)
    assert [path.name for path in paths] == ["speed.pdf", "speed.png"]
    assert all(path.stat().st_size > 0 for path in paths)


def test_an_unknown_benchmark_is_told_in_one_line(capsys):
    assert run.main(["sped"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "'speed'" in err
