"""Digests of trainings that must be the same to the bit on every processor.

Every record is in one of them, but for minimisers of scipy's. Run as a program it prints them as
JSON; to write the file anew, at the repository's root:

    PYTHONPATH=.:tests/learning .venv/bin/python tests/sameness/digests.py > tests/golden.json
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from small_nets import (
    ACTIVATION_SPECS,
    OPTIMIZER_SPECS,
    RULE_SPECS,
    design,
    home_of,
    label,
    posed,
    rule_of,
)

from study.ablation.store.rows import thin
from study.datasets import DATASETS, load
from study.learning import NUMERICS_VERSION
from study.learning.core.training import train
from study.learning.data import Data
from study.learning.design import Budget, Design
from study.learning.diagnostics.branching import Trunk, branch_on_equal_path
from study.learning.diagnostics.escape import one_unit_law
from study.learning.diagnostics.tangent import tangent_spectrum
from study.learning.initialisations import INITIALISATIONS
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.variants import resolve

SEEDS = [1, 2]


def _designs() -> Iterator[tuple[str, Design, int, str]]:
    """Yield name, design, outputs and dtype of each training."""
    for spec in ACTIVATION_SPECS:
        yield f"activation {label(spec)}", design((6, 5), spec), 3, "float32"
    for spec in RULE_SPECS:
        named = {"gradient": spec, "location": "all"}
        yield f"rule {label(spec)}", design((6, 5), home_of(spec), **named), 3, "float32"
    for spec in OPTIMIZER_SPECS:
        if resolve("optimizer", OPTIMIZERS, spec).record.scipy:
            continue  # its BLAS rounds as the processor does; documented in README.md
        yield f"optimizer {label(spec)}", design((6, 5), optimizer=spec), 3, "float32"
    for name in OBJECTIVES:
        for outputs in (1, 3):
            yield f"{name} of {outputs}", design((6, 5), "tanh", name), outputs, "float32"
    for name in INITIALISATIONS:
        plan = design((6, 5), initialisation=name)
        yield f"initialisation {name}", plan, 3, "float32"
    for activation, rule in (("tanh", "floor"), ("logistic", "power"), ("softsign", "offset")):
        for consistent in ("true", "forward"):
            named = {"gradient": rule, "consistent": consistent}
            plan = design((6, 5), activation, **named)
            yield f"{activation} matched to {rule}, {consistent}", plan, 3, "float32"
    for dtype in ("float32", "float64"):  # wider than a vector, in one and in three layers
        one = design((40,), "logistic", "cross_entropy", "mean_matched")
        three = design((70, 33, 17), "gelu", "cross_entropy", optimizer="adam")
        yield f"wide, {dtype}", one, 3, dtype
        yield f"wide and deep, {dtype}", three, 3, dtype


def _patterns(outputs: int, n: int = 45, d: int = 5) -> Data:
    """Draw patterns without any function of the C library."""
    rng = np.random.default_rng([n, d])
    x = 4.0 * rng.random((n, d)) - 2.0
    t = np.eye(max(outputs, 2))[np.arange(n) % max(outputs, 2)][:, :outputs]
    return Data(x[:30], t[:30], x[30:], t[30:], task="classification")


def digest(*found: Any) -> str:
    """Return a short SHA-256 of arrays, texts and numbers, all NaN alike."""
    whole = hashlib.sha256()
    for one in map(np.asarray, found):
        alike = (
            np.where(np.isnan(one), one.dtype.type(np.nan), one) if one.dtype.kind == "f" else one
        )
        whole.update(np.ascontiguousarray(alike).tobytes())
    return whole.hexdigest()[:16]


def trainings() -> Iterator[tuple[str, str]]:
    """Yield the name of each training, and a digest of all that is stored of it."""
    for name, plan, outputs, dtype in _designs():
        full = OPTIMIZERS[plan.optimizer.name].full_batch
        batch = None if full else 8
        budget = Budget(updates=12, batch_size=batch, checkpoints=5, probes=2, dtype=dtype)
        problem = posed(plan, _patterns(outputs))
        found = train(problem, plan, budget, SEEDS, [0.01, 0.3])
        spectrum = tangent_spectrum(plan, problem, found.parameters[::2], 8, SEEDS)
        parts = {**vars(found), **vars(spectrum), **found.curves}
        del parts["curves"], parts["stopped_test_score"], parts["learnt_at"]  # taken on request
        yield name, digest(*(parts[key] for key in sorted(parts)))


def others() -> Iterator[tuple[str, str]]:
    """Yield digests of what laws and searches compute."""
    for name in ("exact", "removed", "floor"):
        laws = [one_unit_law(z, 0.2, rule_of(name)) for z in (0.5, 6.0)]
        yield f"law of one unit, {name}", digest(laws)
    plan = design((6, 5), gradient="removed")
    budget = Budget(updates=8, batch_size=8, checkpoints=3, probes=2)
    trunk = Trunk(rule_of("exact"), 5, 0.1)
    problem = posed(plan, _patterns(3))
    found = branch_on_equal_path(problem, plan, budget, SEEDS, 0.1, trunk)
    yield "branches of equal path", digest(found.rates, found.path_length)
    yield "points of a curve", digest(list(thin(tuple(range(0, 3000, 7)), 40)))


def data() -> Iterator[tuple[str, str]]:
    """Yield a digest of each dataset that needs no download."""
    for name, record in DATASETS.items():
        if "fetch" not in record.source:
            found = load(name, seed=1 if record.fresh else None)
            parts = (found.inputs, found.targets, found.test_inputs, found.test_targets)
            yield f"dataset {name}", digest(*parts)


if __name__ == "__main__":
    content = {
        "numerics_version": NUMERICS_VERSION,
        "digests": dict(chain(data(), trainings(), others())),
    }
    print(json.dumps(content, indent=1))
