"""`study predict` and `predict_harm`: what they say, and mistakes in one line."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_up_population import chance, publish, runs, signal, tasks

from study.ablation import predict
from study.ablation.commands import COMMANDS
from study.estimator import DeltaRuleClassifier, expected
from study.harm import models
from study.harm.effects import effects
from study.harm.forecast import COUNTS, forecast

TASKS = tasks()
RUNS = runs(TASKS, removed=signal(TASKS), floor=0.01, points=-4 + chance(TASKS))
SIZES = "{kind: classification, patterns: 500, inputs: 10, outputs: 3, hidden: [16], gain: 4, "


@pytest.fixture
def base(tmp_path, monkeypatch):
    publish(tmp_path, TASKS, RUNS)
    for module in (predict, expected):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def said(tmp_path, capsys):
    """What the command prints for a file of this text."""

    def call(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        assert predict.command([str(path)]) == 0
        return capsys.readouterr().out

    return call


def test_in_plain_words(base, said):
    lines = said(f"{SIZES} objective: squared_error}}").splitlines()
    assert lines[0].startswith("On tasks like yours, the 30 nearest of 160 published tasks")
    starts = ("removal in hidden layers ends at ", "removal changes test accuracy by −", "a floor")
    for line, start in zip(lines[3:], (*starts, "an offset", "Harmless"), strict=True):
        assert line.strip().startswith(start)
    told = "ends at 1.02 to 1.02 times exact's objective (middle 1.02), and is harmless in 100 %; "
    assert told + "90 % interval by neighbours, held 100 % of 80 external tasks" in lines[5]
    far = said("{kind: regression, patterns: 90000, inputs: 5000, outputs: 300, hidden: [9999]}")
    assert "rely on none of this" in far and "test R² by −" in far


def test_its_numbers_are_those_of_the_nearest_tasks(base):
    known = effects(RUNS, TASKS)
    fit, apart = (known[known["split"] == split] for split in ("fit", "external"))
    own = fit.iloc[7]
    found = forecast(own.to_dict() | {"exact_early": None}, base)
    x = pd.get_dummies(models.covariates(fit, "facts"), dtype=float)
    for name in x:
        x[name] /= np.sqrt(2) if name.startswith(models.WORDS) else x[name].std(ddof=0)
    distance = np.sqrt(((x - x.loc[own.name]) ** 2).sum(axis=1)).nsmallest(30)
    removed = found.expected[0]
    assert removed.middle == pytest.approx(fit.loc[distance.index, "removed"].median())
    assert found.distance == pytest.approx(distance.median())
    known, new = (models.covariates(frame, "facts") for frame in (fit, apart))
    made = models.calibrated("neighbours", known, fit["removed"].to_numpy(), fit["draw"])
    low, _, high = made.predict(new)
    inside = (low <= apart["removed"]) & (apart["removed"] <= high)
    assert (removed.coverage, removed.tasks) == (inside.mean(), 80)


def test_where_the_map_counts_it_speaks(base, said):
    folder = base / "reports" / "tables"
    folder.mkdir(parents=True)
    rows = [("removed", "early", "ridge", COUNTS), ("accuracy", "early", "median", "cannot be")]
    rows.append(("removed", "measured", "median", COUNTS))
    columns = ["outcome", "covariates", "model", "verdict"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "map.csv", index=False)
    lines = said(f"{SIZES} objective: squared_error, exact_early: 0.5}}").splitlines()
    assert "interval by ridge, " in lines[3] and "interval by neighbours, " in lines[4]
    assert lines[-1].strip() == "The map for test accuracy of removal: cannot be."
    assert "by ridge" not in said(f"{SIZES} objective: squared_error}}")
    more = "exact_early: 0.5, exact_share: 0.1, frozen_share: 0.9}"
    assert "interval by median, " in said(f"{SIZES} {more}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hiden: 4", "unknown configuration key 'hiden'. Did you mean 'hidden'? Valid: dataset, "),
        ("patterns: 5", "the task lacks kind, inputs, outputs: or give a dataset"),
        ("{dataset: iris, inputs: 4}", "a task has a dataset, or kind, patterns, inputs, outputs"),
        (
            "{dataset: diabetes, objective: cross_entropy}",
            "objective cross_entropy is not",
        ),
        ("{dataset: iris, noise: 2}", "noise = 2 is out of range: 0 to 1"),
        ("{dataset: iris, batch_size: big}", "batch_size takes a whole number or full"),
        ("{dataset: iris, activation: tahn}", "unknown activation 'tahn'. Did you mean 'tanh'?"),
        ("{kind: odd}", "unknown kind 'odd'. Valid: classification, regression"),
        ("[3]", "mine.yaml holds no keys"),
    ],
)
def test_mistakes(base, said, refusal, text, line):
    assert refusal(said, text).startswith(line)


def test_without_a_file_or_a_population(tmp_path, monkeypatch, said, refusal):
    for words in ([], ["--help"], ["a.yaml", "b.yaml"]):
        assert refusal(COMMANDS["predict"], words) == predict.USAGE
    assert refusal(COMMANDS["predict"], ["none.yaml"]).endswith("there is no file 'none.yaml'")
    monkeypatch.setattr(predict, "ROOT", tmp_path)
    assert refusal(said, "dataset: iris").startswith("there is no population of tasks in ")
    publish(tmp_path, TASKS.head(20), RUNS)
    assert refusal(said, "dataset: iris").endswith("tasks to learn from, fewer than 30")
    (tmp_path / "data/published/population/tasks.parquet").write_bytes(b"no")
    assert "cannot be read: " in refusal(said, "dataset: iris")


def test_an_estimator_says_the_same_of_its_data(base, refusal):
    x, y = np.random.default_rng(0).normal(size=(500, 10)), np.arange(500) % 3
    net = DeltaRuleClassifier((16,), "tanh", objective="squared_error", max_iter=10)
    found = net.predict_harm(x, y)
    assert not hasattr(net, "classes_") and dataclasses.is_dataclass(found)
    task = predict.OwnTask(
        **{"kind": "classification", "patterns": 500, "inputs": 10, "outputs": 3},
        **{"hidden": 16, "batch_size": 200, "updates": 30},
    )
    assert str(found) == str(forecast(task.facts(), base))
    assert refusal(net.predict_harm, x, np.eye(3, dtype=int)[y][:, :2] | 1).startswith("no publ")
    assert "from 0 to 1" in refusal(lambda: net.predict_harm(x, y, noise=3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.of = 3
