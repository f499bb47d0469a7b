"""Optimizers that use the objective's curvature: estimated as they go, or of a sample."""

from __future__ import annotations

from study.learning.core.kernels import kernel
from study.learning.updater import Optimizer, share
from study.learning.variants import Parameter


@kernel("update")
def _gauss_newton(w, g, state, rate, constants):
    sample, mean = state[0], state[1]
    decay, rest, damping = constants[0], constants[1], constants[2]
    for i in range(w.size):
        tracked = decay * mean[i] + rest * sample[i]
        mean[i] = tracked
        w[i] -= rate * g[i] / (tracked + damping)


@kernel("update")
def _keep(w, g, state, rate, constants):
    state[0, :] = g


def _flat_start(state, rate):
    state[:, 1] = 1.0


SECOND_ORDER = (
    Optimizer(
        name="gauss_newton",
        formula="w -= η g / (h + μ), h = ρ h + (1 - ρ) d, where d is an unbiased sample of the "
        "Gauss-Newton diagonal under the rule, without penalty or sample weights; h starts at 1",
        reference="LeCun, Bottou, Orr & Müller 1998, Efficient BackProp; d sampled as in "
        "Liu, Li, Hall, Liang & Ma 2023 (Sophia)",
        label="Gauss-Newton diagonal",
        family="curvature",
        parameters={
            "decay": share(0.99, "ρ, memory of the diagonal"),
            "damping": Parameter(0.02, "μ, keeps the divisor from 0", low=0.0),
        },
        examples=({"decay": 0.5, "damping": 0.1},),
        kernel=_gauss_newton,
        state=("sample of the diagonal", "mean of the samples"),
        constants=lambda n: (n["decay"], 1.0 - n["decay"], n["damping"]),
        start=_flat_start,
        curved=True,
        learning_rates="2 a decade from 1e-4 to 10",
    ),
    Optimizer(
        name="lbfgs",
        formula="w = η v, v by L-BFGS with a line search; an update is an accepted iteration, and "
        "η the length of the first trial step; the rate does not fall",
        reference="Byrd, Lu, Nocedal & Zhu 1995; Zhu, Byrd, Lu & Nocedal 1997; scipy's L-BFGS-B",
        label="L-BFGS",
        family="curvature",
        parameters={
            "maxcor": Parameter(10, "steps that are remembered", low=1),
            "maxls": Parameter(20, "most trial steps of a line search", low=1),
        },
        examples=({"maxcor": 3, "maxls": 5},),
        kernel=_keep,
        state=("gradient",),
        full_batch=True,
        scipy="L-BFGS-B",
        learning_rates="1 a decade from 1 to 1",
    ),
)
