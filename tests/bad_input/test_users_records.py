"""Bad records of a user's own: each refused in one line before anything is trained or written."""

import sys
import textwrap

import pytest
from own_records import WRONG, text_of
from small_studies import TINY_WORDS

from study.ablation.configuration.composition import with_configuration
from study.ablation.planning.plan import make_plan
from study.learning.core.warm_up import compile_kernels

HEAD = """
import numpy as np
from numba import njit
from study.datasets import Dataset, Raw
from study.learning.activations.base import Activation
from study.learning.rules.base import Gradient
from study.learning.initialisations import Initialisation
from study.learning.core.kernels import elementwise, kernel
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import Optimizer
from study.learning.variants import Parameter

SAID = {"formula": "?", "reference": "a test"}
X, Y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2


def f(z, y, slope, constants, key, step):
    slope[:] = 0.5 * slope


def v(z, out, constants):
    out[:] = z


def s(z, y, out, constants):
    out[:] = 1


def u(w, g, state, rate, constants):
    w -= rate * g


def t(z, y, t):
    return ((y - t.T) ** 2).sum()


def rule(**given):
    return Gradient(**{"name": "own", "factor": f, **SAID, **given})


def activation(**given):
    known = {"name": "own", "value": v, "slope": s, "derivative": "1"}
    return Activation(**{**known, **SAID, **given})


def optimizer(**given):
    return Optimizer(**{"name": "own", "kernel": u, **SAID, **given})


def objective(**given):
    known = vars(OBJECTIVES["squared_error"])
    return Objective(**{**known, "name": "own", "terms": t, **given})


def weights(draw):
    return Initialisation(name="own", draw=draw, **SAID)


def data(load=lambda seed: Raw(X, Y), **given):
    known = {"name": "own", "source": "?", "licence": "?", "task": "classification"}
    return Dataset(**{**known, "load": load, **SAID, **given})

"""

AXES = {
    "rule(": "gradient",
    "activation(": "activation",
    "optimizer(": "optimizer",
    "objective(": "objective",
    "weights(": "initialisation",
    "data(": "dataset",
}
TINY = [*TINY_WORDS, "execution.workers=1"]
count = 0


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a module that holds `own`; return the grid that names it."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(text: str) -> str:
        global count
        count += 1
        module = f"own_records_{count}"
        (tmp_path / f"{module}.py").write_text(HEAD + textwrap.dedent(text) + "\n")
        last = text.splitlines()[-1]
        axis = next((axis for call, axis in AXES.items() if call in last), "gradient")
        named = {"dataset": "iris", "hidden": "[4]", axis: f"{{_target_: {module}.own}}"}
        return "grids=[{" + ", ".join(f"{key}: {value}" for key, value in named.items()) + "}]"

    yield make
    for name in [name for name in sys.modules if name.startswith("own_records_")]:
        del sys.modules[name]


def words_of(grid):
    return [grid, *TINY, *(["+protocol.learning_rates.own=[0.1]"] if "optimizer" in grid else [])]


@pytest.mark.parametrize(("text", "line"), WRONG.values(), ids=WRONG)
def test_a_wrong_record_is_told_in_one_line(refused, own, text, line):
    said = refused(*words_of(own(text)), planned=True)  # it may say what it is about to train
    assert line in said
    assert len(said) < 500


GOOD = {
    "through a view": text_of("factor", "row = slope[0]\n    row[:] = 0"),
    "as it was": text_of("factor", "pass"),
    "infinite": text_of("factor", "slope[:] = 1 / (0 * z + 0)"),
    "z under another value": text_of("factor", "z = np.abs(z)\n    slope[:] = z"),
    "elementwise": "@elementwise\ndef f(slope):\n    return 0.5 * slope\nown = rule(factor=f)",
    "prepared": "own = rule(prepare=lambda site, z: z.mean(axis=(1, 2))[:, None])",
    "an activation": "own = activation()",
    "an optimizer": "own = optimizer()",
    "an objective": "own = objective()",
    "weights": "own = weights(lambda rng, shape, i, o, v: rng.normal(size=shape))",
    "data": "own = data()",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_records_are_let_through(own, text):
    """What comes after the looks at records would fail: the store is not to be made."""

    def look(config):
        plan = make_plan(config)
        compile_kernels((planned.cell.design() for planned in plan.cells), "float32")
        return 0

    assert with_configuration(words_of(own(text)), look) == 0


TARGETS = ["nope", "", ".x", "../x.y", "/etc/passwd", "a b.c", "5", "x..y"]


@pytest.mark.parametrize(
    ("axis", "target"),
    [*(("gradient", target) for target in TARGETS), *((axis, "../x.y") for axis in AXES.values())],
)
def test_targets_are_names_never_paths(refused, axis, target):
    line = refused(f"grids=[{{dataset: iris, {axis}: {{_target_: '{target}'}}}}]")
    assert line.startswith(f"{axis} _target_ takes module.object, such as my_rules.halved")


@pytest.mark.parametrize("target", ["os.system", "study.nope", "no.x"])
def test_targets_are_records(refused, target):
    line = refused(f"grids=[{{dataset: iris, gradient: {{_target_: {target}}}}}]")
    assert "not a Record" in line or "(no record)" in line or "No module named 'no'" in line


def test_a_record_of_another_axis(refused, own):
    own_rule = own("own = rule()").partition("_target_: ")[2].partition("}")[0]
    line = refused(f"grids=[{{dataset: iris, optimizer: {{_target_: {own_rule}}}}}]")
    assert line.startswith(
        "optimizer takes a record of class Optimizer: 'own' is of class Gradient"
    )
