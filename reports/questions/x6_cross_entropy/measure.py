"""X6: whether the objective is a matter of norm alone.

``python -m reports.questions.x6_cross_entropy.measure`` trains the digits' nets of the experiment
again and writes ``rescaled.csv`` beside this file, which the figure reads.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from study.datasets import load
from study.learning import Array
from study.learning.core.network import layers_of
from study.learning.core.training import train
from study.learning.design import Budget, named_design
from study.learning.problem import pose

FILE = Path(__file__).with_name("rescaled.csv")
RATES = {"exact": 3.16228, "removed": 316.228}
"""The rates that the experiment chooses on digits, tanh, float32."""
SEEDS = range(2001, 2021)
UNITS = 32
NORMS = 10.0 ** np.arange(0.5, 3.51, 0.25)
LEAST = 1e-30  # smaller shares are stored as this


def losses(outputs: Array, classes: Array) -> Array:
    """Return each pattern's cross-entropy ln(1 + Σ_k exp(z_k - z_t)), k ≠ t, (n,).

    From net inputs (K, n) of softmax units and the patterns' classes t (n,). As a logarithm of 1
    plus something it keeps losses far below the rounding of 1.
    """
    behind = outputs - outputs[classes, np.arange(outputs.shape[1])]
    behind[classes, np.arange(outputs.shape[1])] = -np.inf
    return np.asarray(np.logaddexp(0.0, logsumexp(behind, axis=0)))


def rescaled(rule: str, seeds: range = SEEDS) -> pd.DataFrame:
    """Train on the digits, and give the output layer other norms with its direction kept.

    Returns ``rule, seed, wrong, trained, norm, left``: patterns that are wrong, the norm of the
    output weights and biases as trained, a norm put in its place, and the share of the constant
    predictor's objective that the net then leaves. In float64.
    """
    design = named_design((UNITS,), "tanh", gradient=rule, objective="cross_entropy")
    data = load("digits")
    outputs = data.targets.shape[1]
    problem = pose([data], design.objective, design.output(outputs))
    budget = Budget(updates=2000, probes=0)
    found = train(problem, design, budget, seeds, [RATES[rule]])
    inputs = np.vstack([data.inputs.T, np.ones(len(data.inputs))])
    classes, rows = data.targets.argmax(axis=1), []
    layers = layers_of(found.parameters.astype(float), (len(inputs) - 1, UNITS, outputs))
    for seed, first, last in zip(seeds, *layers, strict=True):
        hidden = np.vstack([np.tanh(first.T @ inputs), np.ones(inputs.shape[1])])
        z, trained = last.T @ hidden, float(np.linalg.norm(last))
        wrong = int((z.argmax(axis=0) != classes).sum())
        for norm in NORMS:
            left = losses(z * (norm / trained), classes).mean() / found.constant[0]
            rows.append((rule, seed, wrong, trained, norm, left))
    return pd.DataFrame(rows, columns=["rule", "seed", "wrong", "trained", "norm", "left"])


def main() -> None:
    """Write the table: quartiles over seeds, and how many nets have a wrong pattern."""
    table = pd.concat([rescaled(rule) for rule in RATES])
    grouped = table.groupby(["rule", "norm"])
    out = grouped["left"].quantile([0.25, 0.5, 0.75]).unstack()
    out.columns = pd.Index(["lower", "middle", "upper"])
    out = out.clip(lower=LEAST)
    out["trained"], out["wrong"] = grouped["trained"].median(), grouped["wrong"].agg(_some)
    out.reset_index().to_csv(FILE, index=False, float_format="%.4g", lineterminator="\n")


def _some(wrong: "pd.Series[int]") -> int:
    return int((wrong > 0).sum())


if __name__ == "__main__":
    main()
