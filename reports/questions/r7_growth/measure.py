"""R7: how back-propagated signals grow without relu's mask, in nets as they are initialised.

``python -m reports.questions.r7_growth.measure`` propagates signals with the study's own forward
and backward pass, and writes ``growth.csv`` beside this file, in half a minute.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import digamma
from scipy.stats import binom
from scipy.stats import t as student

from study.learning import Array
from study.learning.core.network import layers_of
from study.learning.core.stack import Stack
from study.learning.core.training import initial
from study.learning.design import named_design
from study.learning.problem import unscored

FILE = Path(__file__).with_name("growth.csv")
WIDTHS, DEPTHS = (16, 32, 128), (1, 2, 4, 8, 12, 16)
NETS, OUTPUTS, TOGETHER = 200, 10, 20
ERRORS = {"independent": 1e6, "its own": 1.0}
"""What is propagated: an error that is independent of the net, or its own; scale of targets."""


def norms(width: int, depth: int, seeds: range, targets: float) -> tuple[Array, Array]:
    """Return |δ| of the first hidden layer, (seeds,): exact, and with φ = 1 in hidden layers.

    A net of `depth` hidden layers of `width` relu units, He-initialised, sees one normal pattern
    with normal targets, times `targets`. Where they are huge the error y - t does not depend on
    the net. Of one pattern, the gradient in the biases is δ itself.
    """
    design = named_design(
        [width] * depth, "relu", gradient="removed", objective="linear_squared_error",
        initialisation="he",
    )  # fmt: skip
    found = []
    for few in (seeds[at : at + TOGETHER] for at in range(0, len(seeds), TOGETHER)):
        draw = np.random.default_rng([width, depth, few[0]])
        x, t = draw.standard_normal((1, width)), targets * draw.standard_normal((1, OUTPUTS))
        problem = unscored(x, t, "regression")
        stack = Stack(problem, design, few, initial(design, problem, few))
        deltas = (
            layers_of(stack.gradient(layers, 1), stack.widths)[0][:, -1]
            for layers in (stack.exact, stack.rules)
        )
        found.append([np.linalg.norm(delta, axis=1) for delta in deltas])
    exact, removed = np.concatenate(found, axis=1)
    return exact, removed


def expected(width: int, depth: int) -> float:
    """Return the geometric mean of the ratio in layers of independent masks and weights.

    Through W' with W_ij ~ N(0, 2/n), |δ|² is multiplied by (2/n) χ² of n degrees of freedom, and
    with the mask by (2/n) χ² of m, m ~ B(n, ½). For large n their ratio is 2 a layer, so that of
    |δ| is 2^(L/2). With E ln χ²_k = ψ(k/2) + ln 2 it follows for any n, given m > 0.
    """
    active = np.arange(1, width + 1)
    chance = binom.pmf(active, width, 0.5)
    masked = float(chance @ digamma(active / 2.0) / chance.sum())
    return float(np.exp(0.5 * depth * (digamma(width / 2.0) - masked)))


def main() -> None:
    """Write the table: geometric means over nets, and their limits of 95 % by Student's t."""
    rows = []
    for error, targets in ERRORS.items():
        for width, depth in product(WIDTHS, DEPTHS):
            exact, removed = norms(width, depth, range(1, NETS + 1), targets)
            alive = exact > 0
            logs = np.log(removed[alive] / exact[alive])
            mean = logs.mean()
            half = student.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
            rows.append(
                {
                    "error": error,
                    "width": width,
                    "depth": depth,
                    "initialisations": NETS,
                    "dead": int((~alive).sum()),
                    "ratio": np.exp(mean),
                    "low": np.exp(mean - half),
                    "high": np.exp(mean + half),
                    "ratio_of_rms": np.sqrt(np.mean(removed**2) / np.mean(exact**2)),
                    "theory": 2.0 ** (depth / 2),
                    "theory_at_width": expected(width, depth),
                }
            )
    table = pd.DataFrame(rows)
    table.to_csv(FILE, index=False, float_format="%.5g", lineterminator="\n")


if __name__ == "__main__":
    main()
