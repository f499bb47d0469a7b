"""A cell's network as files: weights without pickle, and what else `study.estimator` needs."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study import datasets
from study.ablation.planning.cells import Cell
from study.learning.core.network import layers_of
from study.learning.core.training import Outcome
from study.learning.problem import encoding_of

WEIGHTS, NETWORK = "model/weights.npz", "model/network.json"
MLMODEL = "model/MLmodel"  # by which MLflow knows it, and loads it with `mlflow.pyfunc`
FLAVORS = {"python_function": {"loader_module": "study.estimator.models"}}


def model_of(cell: Cell, scored: Sequence[Outcome]) -> dict[str, bytes]:
    """Return the network of a cell's median seed: files by name.

    The median is the lower one of the scored final objectives, of equal ones the first seed's.
    Inputs are those that `study.datasets.load` gives: standardised, if the dataset says so.
    """
    trained = [(outcome, row) for outcome in scored for row in range(len(outcome.seeds))]

    def order(one: tuple[Outcome, int]) -> tuple[float, int]:
        outcome, row = one
        return np.nan_to_num(outcome.final_objective[row], nan=np.inf), outcome.seeds[row]

    outcome, row = sorted(trained, key=order)[(len(trained) - 1) // 2]
    seed = int(outcome.seeds[row])
    data, design = datasets.load(cell.dataset, seed), cell.design()
    inputs, targets = data.inputs.shape[1], data.targets.shape[1]
    sizes, flat = (inputs, *design.hidden, targets), outcome.parameters[row : row + 1]
    layers = [layer[0] for layer in layers_of(flat, sizes)]
    encoding = encoding_of(data.task, data.targets, design.objective, design.output(targets))
    said: dict[str, Any] = {
        "cell": cell.specification(),
        "task": data.task,
        "outputs": targets,
        "seed": seed,
        "learning_rate": float(outcome.rates[row]),
        "output": design.output(targets).name,
        "labels": data.labels,
        "encoding": {name: np.asarray(value).tolist() for name, value in vars(encoding).items()},
    }
    arrays = {f"coefs_{i}": layer[:-1] for i, layer in enumerate(layers)}
    arrays |= {f"intercepts_{i}": layer[-1] for i, layer in enumerate(layers)}
    for name in ("raw_inputs", "raw_targets"):
        if scale := getattr(data, name):
            arrays[name] = np.stack(scale)
    mlmodel = {"artifact_path": "model", "flavors": FLAVORS}
    texts = {NETWORK: said, MLMODEL: mlmodel}  # JSON is YAML, too
    files = {name: json.dumps(text, indent=1).encode() for name, text in texts.items()}
    return {WEIGHTS: _npz(arrays), **files}


def _npz(arrays: Mapping[str, Any]) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return sink.getvalue()
