"""Networks that a study has kept, as estimators."""

import json
import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from study.errors import UsageError
from study.estimator.classifier import DeltaRuleClassifier
from study.estimator.regressor import DeltaRuleRegressor
from study.learning.problem import Encoding


def load_model(folder: str | os.PathLike[str]) -> DeltaRuleClassifier | DeltaRuleRegressor:
    """Return the network in a folder as a fitted estimator.

    Parameters
    ----------
    folder
        The artifacts ``model`` of a cell that was trained with ``tracking.models=true``: files
        ``weights.npz`` and ``network.json``. Nothing is unpickled.

    Returns
    -------
    A classifier or a regressor. It takes inputs, and a regressor gives outputs, in the units of
    `study.datasets.load`. ``raw_inputs_`` and ``raw_targets_`` are (mean, deviation) of the raw
    columns, (2, d): x is (raw - mean) / deviation. None where these are the same.

    Raises
    ------
    UsageError
        If a file is missing or damaged, or a record of one's own can't be imported.
    """
    place = Path(folder)
    try:
        return _restored(place)
    except UsageError:
        raise
    except (OSError, LookupError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise UsageError(f"there is no whole model in {place}: {error}") from None


def _restored(place: Path) -> DeltaRuleClassifier | DeltaRuleRegressor:
    said = json.loads((place / "network.json").read_text(encoding="utf-8"))
    with open(place / "weights.npz", "rb") as file:
        arrays = dict(np.load(file, allow_pickle=False))
    raw = {f"{name}_": arrays.pop(name, None) for name in ("raw_inputs", "raw_targets")}
    coefs, intercepts = (
        [arrays[f"{name}_{i}"] for i in range(len(arrays) // 2)]
        for name in ("coefs", "intercepts")
    )
    cell, regression = said["cell"], said["task"] == "regression"
    net = (DeltaRuleRegressor if regression else DeltaRuleClassifier)(
        tuple(cell["hidden"]),
        cell["activation"],
        gradient=cell["gradient"],
        gradient_location=cell["location"] if cell["location"] != "none" else "hidden",
        consistent=cell["consistent"],
        objective=cell["objective"],
        solver=cell["optimizer"],
        learning_rate_init=said["learning_rate"],
        alpha=0.0,
        dtype=coefs[0].dtype.name,
    )
    if not regression:
        several = said["task"] == "multilabel"
        labels = np.eye(said["outputs"], dtype=int) if several else np.int64(said["labels"])
        net._learn_classes(labels)
    encoding: dict[str, Any] = {
        name: np.asarray(value) if isinstance(value, list) else value
        for name, value in said["encoding"].items()
    }
    net.adopt(coefs, intercepts, Encoding(**encoding))
    for name, scale in raw.items():
        setattr(net, name, scale)
    return net


_load_pyfunc = load_model
"""By this name `mlflow.pyfunc.load_model` calls it."""
