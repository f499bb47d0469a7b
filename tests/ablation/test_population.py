"""A population of tasks: what is drawn, that it stays, and what its tables say."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from small_studies import refused

from study.ablation import app
from study.ablation.configuration.composition import with_configuration
from study.ablation.planning.plan import make_plan
from study.errors import UsageError
from study.learning.core.network import count

SMALL = [
    "experiment=population",
    "protocol.tasks=3",
    "population.most_gflop=0.02",
    "protocol.evaluation_seeds=2",
    "protocol.refine=null",
    "only.gradient=[exact,removed,frozen]",
]


def plan_of(*words):
    made = []

    def keep(config):
        made.append(make_plan(config))
        return 0

    with_configuration(list(words), keep)
    return made[0]


def test_a_larger_population_begins_with_the_smaller_one():
    few, more = (plan_of("experiment=population", f"protocol.tasks={n}") for n in (6, 9))
    same = [[(t.name, t.axes, t.own) for t in plan.drawn.tasks[:6]] for plan in (few, more)]
    assert same[0] == same[1]
    assert {p.identity for p in few.cells} < {p.identity for p in more.cells}
    other = plan_of("experiment=population", "protocol.tasks=6", "population.seed=2")
    assert not {p.identity for p in few.cells} & {p.identity for p in other.cells}


def test_tasks_of_a_draw_share_their_data_and_no_others():
    tasks = plan_of("experiment=population", "protocol.tasks=40").drawn.tasks
    data = {}
    for task in tasks:
        data.setdefault(task.draw, set()).add(task.facts.digest)
    assert len(data) == 20 and all(len(digests) == 1 for digests in data.values())
    assert len(set.union(*data.values())) == 20
    nets = {str((t.axes["hidden"], t.axes["activation"], dict(t.own))) for t in tasks}
    assert len(nets) > 30


def test_what_is_drawn_is_spread_as_the_file_says_and_never_too_costly():
    plan = plan_of("experiment=population", "protocol.tasks=600")
    tasks = plan.drawn.tasks
    for task in tasks:
        sizes = (task.facts.inputs, *task.axes["hidden"], task.facts.outputs)
        batch = min(task.protocol.batch_size or task.facts.patterns, task.facts.patterns)
        flop = 6 * count(sizes) * batch * task.protocol.updates
        assert flop == pytest.approx(1e9 * task.gflop) and task.gflop <= 3
    updates = np.array([task.protocol.updates for task in tasks])
    assert updates.min() >= 500 and updates.max() <= 8000
    # gains are drawn apart from sizes: five equal chances, two of them for 1
    gains = np.array([task.axes["gain"] for task in tasks])
    for gain, share in ((0.5, 0.2), (1, 0.4), (2, 0.2), (4, 0.2)):
        assert np.mean(gains == gain) == pytest.approx(share, abs=4 * 0.02)
    splits = [task.split for task in tasks]
    assert splits == ["fit"] * 400 + ["confirm"] * 200
    rejected = sum(plan.drawn.rejected.values())
    assert 0.1 < rejected / (rejected + 600) < 0.6


def test_arms_of_a_task_differ_in_nothing_but_the_rule_and_the_optimizer():
    plan = plan_of("experiment=population", "protocol.tasks=8")
    for task in plan.drawn.tasks:
        own = [planned for planned in plan.cells if planned.task == task.name]
        same = {
            (str(p.cell.dataset), p.cell.hidden, p.cell.gain, str(p.cell.activation),
             str(p.cell.objective), str(p.cell.initialisation), p.protocol.updates,
             p.protocol.batch_size, p.protocol.evaluation_seeds)
            for p in own
        }  # fmt: skip
        assert len(same) == 1 and len(own) >= 11
        assert all(planned.name.startswith(f"{task.name} · ") for planned in own)


def test_a_population_is_trained_resumed_and_told_as_tables(tmp_path, capsys):
    words = [*SMALL, f"tracking.uri=sqlite:///{tmp_path}/mlflow.db", f"tracking.tables={tmp_path}"]
    assert app.main(words) == 0
    runs, tasks = (
        pq.read_table(tmp_path / "population" / f"{name}.parquet").to_pandas()
        for name in ("runs", "tasks")
    )
    assert list(tasks["task"]) == ["t0000", "t0001", "t0002"] == sorted(runs["task"].unique())
    scored = runs[runs["stage"] == "evaluate"]
    assert scored["stopped_test_score"].notna().any()
    assert runs.loc[runs["stage"] == "tune", "stopped_test_score"].isna().all()
    for row in tasks.to_dict("records"):
        exact = scored[(scored["task"] == row["task"]) & (scored["gradient"] == "exact")]
        exact = exact[exact["optimizer"] == "sgd"]
        left = (exact["final_objective"] - exact["optimum"]) / (
            exact["constant_objective"] - exact["optimum"]
        )
        assert row["exact_share"] == pytest.approx(left.where(~exact["failed"], 1.0).median())
        assert row["exact_failed"] == exact["failed"].mean()
        assert row["eligible"] == (row["exact_failed"] <= 0.2 and row["exact_share"] < 0.7)
        assert row["epochs"] == pytest.approx(row["updates"] * row["batch_size"] / row["patterns"])
    capsys.readouterr()
    assert app.main(words) == 0
    assert "nothing to train" in capsys.readouterr().out


def test_a_dry_run_shows_what_is_in_the_population(capsys):
    assert app.main(["experiment=population", "protocol.tasks=20", "dry_run=true"]) == 0
    out = capsys.readouterr().out
    for words in ("20 tasks, drawn with seed 1", "family", "noise", "layers", "rejected"):
        assert words in out


MISTAKES = {
    "more tasks than there are": (["protocol.tasks=677"], "protocol.tasks = 677"),
    "no such list": (["population.parts.fit.data=other"], "Valid: data, external, net, training"),
    "no range": (["population.draw.training.protocol.updates={from: 9, to: 3}"], "from 9 to 3"),
    "no net is cheap enough": (["population.most_gflop=0"], "raise population.most_gflop"),
    "unknown key": (["population.speed=1"], "unknown configuration key"),
    "unknown axis": (["++population.draw.training.width=3"], "width"),
    "hidden": (["++population.draw.training.hidden={depth: 1}"], "layers and units"),
}


@pytest.mark.parametrize(("words", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_line(words, said):
    text = refused(plan_of, "experiment=population", "protocol.tasks=4", *words)
    assert said in text and "\n" not in text


def test_tasks_are_for_populations_alone():
    assert "has no population" in refused(plan_of, "experiment=smoke", "protocol.tasks=4")


def test_another_distribution_is_a_file(tmp_path):
    folder = tmp_path / "experiment"
    folder.mkdir()
    own = {
        "defaults": [{"override /protocol": "quick"}],
        "population": {
            "seed": 3,
            "parts": {"mine": {"tasks": 4}},
            "draw": {
                "data": {"dataset": {"drawn_moons": {"spread": [0.1, 0.2]}}},
                "net": [{"hidden": {"layers": 1, "units": {"from": 2, "to": 8}}}],
            },
        },
        "grids": [{"gradient": ["exact", "removed"]}],
    }
    text = "# @package _global_\n" + yaml.safe_dump(own)
    (folder / "moons_alone.yaml").write_text(text, encoding="utf-8")
    plan = plan_of(f"--config-dir={tmp_path}", "experiment=moons_alone")
    assert len(plan.drawn.tasks) == 4 and len(plan.cells) == 8
    assert {p.cell.dataset.name for p in plan.cells} == {"drawn_moons"}
    with pytest.raises(UsageError, match="4 tasks"):
        plan_of(f"--config-dir={tmp_path}", "experiment=moons_alone", "protocol.tasks=5")
