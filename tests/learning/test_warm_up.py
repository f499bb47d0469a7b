"""What is compiled before the workers start is all that they will need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_nets import ACTIVATION_SPECS, RULE_SPECS, design, patterns, posed, refused, rule_of

from study.errors import UsageError
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.core import kernels
from study.learning.core.kernels import as_kernel
from study.learning.core.training import train
from study.learning.core.warm_up import compile_kernels
from study.learning.design import Budget
from study.learning.objectives import IDENTITY, LOGISTIC, OBJECTIVES, SOFTMAX
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient

FOLDER = Path(__file__).resolve().parent


def plans():
    """Every record in some design, but not every pair of them."""
    found = [design((3, 3), "tanh", optimizer=name) for name in OPTIMIZERS]
    for spec in RULE_SPECS:
        activation = "relu" if refused(rule_of(spec), bound_activation("tanh")) else "tanh"
        found.append(design((3, 3), activation, gradient=spec))
    found += [design((3, 3), activation) for activation in ACTIVATION_SPECS]
    found += [design((3, 3), objective=name) for name in OBJECTIVES]
    return found


def kernels_in(record):
    """Every kernel of a record, by the field that holds it."""
    families = {**{family: family for family in kernels.FAMILIES}, "update": "kernel"}
    found = ((family, getattr(record, name, None)) for family, name in families.items())
    return [as_kernel(family, function) for family, function in found if function]


def train_all(dtype):
    """Train what `plans` has on larger nets, with one output and with three."""
    for plan in plans():
        full = plan.optimizer.record.full_batch
        for outputs in (1, 3):
            budget = Budget(updates=3, batch_size=None if full else 4, checkpoints=3, dtype=dtype)
            data = patterns(plan.objective.tasks[0], outputs=outputs, n=300)
            train(posed(plan, data), plan, budget, [1, 2], [0.1, 0.2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kernel_is_compiled_for_the_working_precision(dtype, monkeypatch):
    records = [*ACTIVATIONS.values(), *GRADIENTS.values(), *OBJECTIVES.values()]
    records += [*OPTIMIZERS.values(), IDENTITY, LOGISTIC, SOFTMAX]
    for record in records:
        for kernel in kernels_in(record):
            monkeypatch.setattr(kernel, "_compiled", {})
    compile_kernels(plans(), dtype)
    for record in records:
        assert kernels_in(record)
        for kernel in kernels_in(record):
            assert list(kernel._compiled) == [dtype], (record.name, kernel.family)
    monkeypatch.setattr(kernels, "_compile", None)  # whoever calls it now fails
    train_all(dtype)


def test_nothing_is_compiled_after_the_warm_up():
    """In a process of its own, which has compiled nothing else before."""
    script = """
import gc, sys
import numba
from study.learning.core import kernels
from test_warm_up import plans, train_all
from study.learning.core.warm_up import compile_kernels

def compiled():
    functions = [f for f in gc.get_objects() if isinstance(f, numba.core.dispatcher.Dispatcher)]
    return {f"{f.__module__}.{f.__qualname__}": len(f.signatures) for f in functions}

compile_one = kernels._compile
for dtype in ("float32", "float64"):
    compile_kernels(plans(), dtype)
    before = compiled()
    assert sum(before.values()) > 5
    kernels._compile = None
    train_all(dtype)
    after = compiled()
    assert after == before, {k: n for k, n in after.items() if n != before.get(k)}
    kernels._compile = compile_one
"""
    path = os.pathsep.join(map(str, (FOLDER, FOLDER.parent, FOLDER.parents[1])))
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


def test_objectives_and_outputs_count_as_much_as_rules(monkeypatch):
    """Designs that differ in nothing else: what the second needs is compiled too."""
    for record in (*OBJECTIVES.values(), LOGISTIC, SOFTMAX):
        for kernel in kernels_in(record):
            monkeypatch.setattr(kernel, "_compiled", {})
    compile_kernels([design(), design(objective="cross_entropy")], "float32")
    for record in (OBJECTIVES["squared_error"], OBJECTIVES["cross_entropy"]):
        assert "float32" in as_kernel("terms", record.terms)._compiled
    for output in (SOFTMAX, LOGISTIC):  # of three outputs, and of one
        assert "float32" in as_kernel("value", output.value)._compiled


def wrong(z, y, slope):
    slope[:] = 1


def test_a_kernel_that_cannot_be_compiled_is_told_before_the_workers_start():
    own = Gradient(name="own", formula="none", reference="a test", factor=wrong)
    with pytest.raises(UsageError, match=r"factor 'wrong' takes \(z, y, slope\)"):
        compile_kernels([design(), design(gradient=own)], "float32")


def test_what_fails_on_a_few_numbers_is_refused_before_anything_is_trained():
    def prepare(site, z):
        raise ZeroDivisionError

    own = Gradient(name="own", formula="none", reference="a test", prepare=prepare)
    with pytest.raises(UsageError, match="prepare of gradient 'own' fails: ZeroDivisionError"):
        compile_kernels([design(gradient=own), design()], "float32")
