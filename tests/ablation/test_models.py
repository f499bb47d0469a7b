"""Networks that a study keeps, and the page that says how to ask MLflow for them."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from small_studies import (
    Command,
    composed,
    in_order,
    job_of,
    make_cell,
    tiny_protocol,
    well,
)

from study import datasets
from study.ablation.planning.plan import make_plan
from study.ablation.running.models import NETWORK, WEIGHTS
from study.ablation.running.worker import _problem, train_cell
from study.errors import UsageError
from study.estimator import load_model
from study.learning.core.training import outputs, train
from study.places import ROOT

CELLS = {
    "classes": {"dataset": "iris", "gradient": "removed", "activation": "tanh"},
    "two classes": {"dataset": "breast_cancer", "objective": "cross_entropy"},
    "numbers": {"dataset": "diabetes", "gradient": {"floor": {"minimum": 0.1}}},
    "labels": {"dataset": "linnerud", "optimizer": "adam"},
    "fresh data": {"dataset": "moons", "objective": "unit_cross_entropy"},
    "matched": {"dataset": "iris", "gradient": "removed", "consistent": "true"},
    "matched forward": {"gradient": {"floor": {"minimum": 0.1}}, "consistent": "forward"},
}


def train_kept(cell, protocol=None):
    return train_cell(replace(job_of(cell, protocol or tiny_protocol()), models=True))


def kept(folder, model):
    for name, content in model.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder / "model"


@pytest.mark.parametrize("axes", CELLS.values(), ids=CELLS)
def test_a_network_comes_back_with_its_outputs(axes, tmp_path):
    """To the bit those of the median seed, trained again; and what they mean as predictions."""
    cell, protocol = make_cell(hidden=[4], **axes), tiny_protocol(evaluation_seeds=4)
    finished = train_kept(cell, protocol)
    said = json.loads(finished.model[NETWORK])
    frame = finished.runs.to_pandas()
    scored = frame[frame.stage == "evaluate"].sort_values(["final_objective", "seed"])
    median = scored.iloc[(len(scored) - 1) // 2]
    assert (said["seed"], said["learning_rate"]) == (median.seed, median.learning_rate)
    seed, rate = [said["seed"]], [said["learning_rate"]]
    problem = _problem(cell, seed)
    weights = train(problem, cell.design(), protocol.budget(), seed, rate).parameters
    data = datasets.load(cell.dataset, said["seed"])
    y = outputs(cell.design(), weights, data.test_inputs[None])[0].T
    net = load_model(kept(tmp_path, finished.model))
    again = outputs(net._design(), net._parameters(), data.test_inputs[None])[0].T
    assert np.array_equal(again, y), "to the bit"
    expected = net._predicted(net._encoding.decode(np.ascontiguousarray(y)))
    right = net.predict(data.test_inputs)
    assert np.array_equal(right, expected)
    assert np.array_equal(net.raw_inputs_, data.raw_inputs), "of the seed's own data"
    if data.task == "classification":
        t = data.test_targets
        labels = t.argmax(axis=1) if t.shape[1] > 1 else t[:, 0]
        accuracy = np.mean(right == labels)
        assert accuracy == pytest.approx(median.test_score, abs=1e-12)


def test_nothing_else_of_a_cell_depends_on_it():
    cell = make_cell(hidden=[4], optimizer="adam")
    with_one, without = train_kept(cell), train_cell(job_of(cell, tiny_protocol()))
    assert with_one.model and not without.model
    for name in ("runs", "curves"):
        frames = (in_order(getattr(each, name)) for each in (with_one, without))
        pd.testing.assert_frame_equal(*frames, check_exact=True)
    plans = (
        make_plan(composed("experiment=smoke", f"tracking.models={m}")) for m in ("true", "false")
    )
    one, other = ([planned.identity for planned in plan.cells] for plan in plans)
    assert one == other


def test_raw_units_and_labels_come_back(tmp_path):
    """Against scikit-learn's arrays: the mean over the training part, and 3 for a third digit."""
    net = load_model(kept(tmp_path, train_kept(make_cell(dataset="iris", hidden=[4])).model))
    raw, data = load_iris(return_X_y=True), datasets.load("iris")
    mean, deviation = net.raw_inputs_
    found = data.inputs * deviation + mean  # rows of the raw table
    assert np.abs(found[:, None] - raw[0]).max(axis=2).min(axis=1).max() < 1e-12
    assert net.classes_.tolist() == [0, 1, 2] and net.raw_targets_ is None
    net = load_model(kept(tmp_path, train_kept(make_cell(dataset="diabetes")).model))
    mean, deviation = net.raw_targets_
    targets = load_diabetes(return_X_y=True, scaled=False)[1]
    found = datasets.load("diabetes").targets * deviation + mean
    assert np.abs(found - targets).min(axis=1).max() < 1e-9


def test_it_is_trained_further(tmp_path):
    net = load_model(kept(tmp_path, train_kept(make_cell(dataset="iris", hidden=[4])).model))
    data, before = datasets.load("iris"), net.coefs_[0].copy()
    net.partial_fit(data.inputs, data.targets.argmax(axis=1))
    assert 0 < np.abs(net.coefs_[0] - before).max() < 1


def test_what_is_no_model_is_one_line(tmp_path):
    model = train_kept(make_cell(hidden=[4])).model
    with pytest.raises(UsageError, match="there is no whole model in"):
        load_model(tmp_path)
    kept(tmp_path, {WEIGHTS: model[WEIGHTS][:-100]})
    with pytest.raises(UsageError, match="there is no whole model in"):
        load_model(tmp_path / "model")
    for text in ("[]", "{}", '{"cell": {}, "task": "regression"}', "no JSON"):
        kept(tmp_path, {**model, NETWORK: text.encode()})
        with pytest.raises(UsageError, match="there is no whole model in"):
            load_model(tmp_path / "model")
    np.savez(kept(tmp_path, model) / "weights.npz", coefs_0=np.array([print], dtype=object))
    with pytest.raises(UsageError, match=r"there is no whole model in .* allow_pickle=False"):
        load_model(tmp_path / "model")


def test_the_page_on_mlflow_runs_as_it_stands(migrated, tmp_path):
    command = Command(tmp_path, migrated)
    words = ["experiment=smoke", "protocol.updates=20", "only.optimizer=[sgd]"]
    well(command(*words, "tracking.models=true"))
    text = (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")
    parts = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(parts) == 2 and '`mlflow.pyfunc.load_model(f"runs:/{cell.run_id}/model")`' in text
    wrapped = "mlflow.pyfunc.load_model(f'runs:/{cell.run_id}/model').predict(np.ones((3, 4)))"
    parts += ["import numpy as np", f"print({wrapped} == net.predict(np.ones((3, 4))))"]
    program = "\n".join([*parts, "print(type(net).__name__, net.n_features_in_)"])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=command.database.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seen = "removed", "metrics.ratio_to_exact", "[(0, ", "[ True  True  True]"
    for said in (*seen, "DeltaRuleClassifier 4"):
        assert said in done.stdout
