"""What is compiled before the workers start is all that they will need."""

import os
import subprocess
import sys
from pathlib import Path

from small_nets import ACTIVATION_SPECS, RULE_SPECS, design, home_of, patterns, posed

from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS

FOLDER = Path(__file__).resolve().parent


def plans():
    """Every record in some design, but not every pair of them."""
    found = [design((3, 3), "tanh", optimizer=name) for name in OPTIMIZERS]
    found += [design((3, 3), home_of(s), gradient=s) for s in RULE_SPECS]
    found += [design((3, 3), activation) for activation in ACTIVATION_SPECS]
    found += [design((3, 3), objective=name) for name in OBJECTIVES]
    return found


def train_all(dtype):
    """Train what `plans` has on larger nets, with one output and with three."""
    for plan in plans():
        full = plan.optimizer.record.full_batch
        for outputs in (1, 3):
            budget = Budget(updates=3, batch_size=None if full else 4, checkpoints=3, dtype=dtype)
            data = patterns(plan.objective.tasks[0], outputs=outputs, n=300)
            train(posed(plan, data), plan, budget, [1, 2], [0.1, 0.2])


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
    command, env = [sys.executable, "-c", script], {**os.environ, "PYTHONPATH": path}
    ran = subprocess.run(command, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
