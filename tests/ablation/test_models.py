"""Networks that a study keeps, and the page that says how to ask MLflow for them."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from small_studies import Command, job_of, make_cell, tiny_protocol, well

from study import datasets
from study.ablation.running.models import NETWORK, WEIGHTS
from study.ablation.running.worker import train_cell
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
}


def kept(folder, model):
    for name, content in model.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder / "model"


@pytest.mark.parametrize("axes", CELLS.values(), ids=CELLS)
def test_a_network_comes_back_with_its_outputs(axes, tmp_path):
    """To the bit those of the median seed, trained again; and what they mean as predictions."""
    cell, protocol = make_cell(hidden=[4], **axes), tiny_protocol()
    job = job_of(cell, protocol)
    finished = train_cell(type(job)(**{**vars(job), "models": True}))
    said = json.loads(finished.model[NETWORK])
    frame = finished.runs.to_pandas()
    scored = frame[frame.stage == "evaluate"].sort_values(["final_objective", "seed"])
    median = scored.iloc[(len(scored) - 1) // 2]
    assert (said["seed"], said["final_objective"]) == (median.seed, median.final_objective)

    from study.ablation.running.worker import _problem

    seed, rate = [said["seed"]], [said["learning_rate"]]
    problem = _problem(cell, seed)
    weights = train(problem, cell.design(), protocol.budget(), seed, rate).parameters
    data = datasets.load(cell.dataset, said["seed"])
    y = outputs(cell.design(), weights, data.test_inputs[None])[0].T
    net = load_model(kept(tmp_path, finished.model))
    expected = net._predicted(net._encoding.decode(np.ascontiguousarray(y)))
    assert np.array_equal(net.predict(data.test_inputs), expected)
    assert net.score(data.test_inputs, net.predict(data.test_inputs)) == 1.0
    right = net.predict(data.test_inputs)
    if data.task == "classification":
        t = data.test_targets
        labels = t.argmax(axis=1) if t.shape[1] > 1 else t[:, 0]
        accuracy = np.mean(right == labels)
        assert accuracy == pytest.approx(median.test_score, abs=1e-12)


def test_what_is_no_model_is_one_line(tmp_path):
    cell = make_cell(hidden=[4], gradient="removed", consistent="true")
    job = job_of(cell, tiny_protocol())
    model = train_cell(type(job)(**{**vars(job), "models": True})).model
    with pytest.raises(UsageError, match="a matched activation, which no estimator has"):
        load_model(kept(tmp_path, model))
    with pytest.raises(UsageError, match="there is no whole model in"):
        load_model(tmp_path)
    kept(tmp_path, {WEIGHTS: model[WEIGHTS][:-100]})
    with pytest.raises(UsageError, match="there is no whole model in"):
        load_model(tmp_path / "model")


def test_the_page_on_mlflow_runs_as_it_stands(migrated, tmp_path):
    command = Command(tmp_path, migrated)
    words = ["experiment=smoke", "protocol.updates=20", "only.optimizer=[sgd]"]
    well(command(*words, "tracking.models=true"))
    text = (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")
    parts = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(parts) == 2
    program = "\n".join([*parts, "print(type(net).__name__, net.n_features_in_)"])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=command.database.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for said in ("removed", "metrics.ratio_to_exact", "[(0, ", "DeltaRuleClassifier 4"):
        assert said in done.stdout
