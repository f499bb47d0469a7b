"""Bad records of a user's own: each refused in one line before anything is trained or written."""

import itertools
import sys

import pytest
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
    return 0.5 * ((y - t.T) ** 2).sum()


def maker(kind, **known):
    return lambda **given: kind(**{**known, **SAID, "name": "own", **given})


rule = maker(Gradient, factor=f)
activation = maker(Activation, value=v, slope=s, derivative="1")
optimizer = maker(Optimizer, kernel=u)
objective = maker(Objective, **{**vars(OBJECTIVES["squared_error"]), "terms": t})


def weights(draw):
    return Initialisation(name="own", draw=draw, **SAID)


def data(load=lambda seed: Raw(X, Y), **given):
    known = {"name": "own", "source": "?", "licence": "?", "task": "classification"}
    return Dataset(**{**known, "load": load, **SAID, **given})

"""

WRITES = {  # the start of each kind of kernel's text
    "factor": "def k(z, y, slope, constants, key, step):\n    ",
    "replace": "def k(z, delta, constants):\n    ",
    "value": "def k(z, out, constants):\n    ",
    "slope": "def k(z, y, out, constants):\n    ",
    "kernel": "def k(w, g, state, rate, constants):\n    ",
    "terms": "def k(z, y, t):\n    ",
}
RECORD = {"factor": "rule", "replace": "rule", "value": "activation", "slope": "activation"}
RECORD |= {"kernel": "optimizer", "terms": "objective"}


def text_of(field: str, body: str) -> str:
    """Return the text of a record with this kernel."""
    return f"{WRITES[field]}{body}\n{RECORD[field]}({field}=k)"


KERNELS = {
    # the text of a kernel
    "sets a name": ("factor", "slope = 2 * slope", "factor 'k' of gradient 'own' sets the name"),
    "sets it by a loop": ("factor", "for slope in z: pass", "sets the name slope, which changes"),
    "update sets a name": ("kernel", "w = w - rate * g", "write into the array, w[:] = ..."),
    "returns": ("factor", "return 0.5 * slope", "returns a value, which is lost: write into slop"),
    "terms, nothing": ("terms", "pass", "returns nothing: it returns the sum of its terms"),
    "an unknown name": ("factor", "slope[:] = half", "can't be compiled: NameError: name 'half'"),
    "terms, an array": ("terms", "return y", "can't be compiled: No c"),
    # what it does
    "changes z": ("factor", "z[:] = 0\n    slope[:] = 1", "changes z, which must stay as it is"),
    "changes y by a name": ("factor", "q = y\n    q += 1", "changes y, which must stay as it is"),
    "constants": ("factor", "if constants.size == 0: slope[0] = constants[0]", "IndexError"),
    "slope changes y": ("slope", "y[:] = 1\n    out[:] = y", "slope 'k' of activation 'own' cha"),
    "terms change y": ("terms", "y[:] = 0\n    return 1.0", "changes y, which must stay as it is"),
    "another shape": ("factor", "slope[:] = z.T", "fails: ValueError: cannot assign slice"),
    "beyond": ("factor", "for i in range(4): slope[i, 0] = 1", "IndexError: index is out of boun"),
    "an error": ("factor", "raise ValueError('no')", "fails: ValueError: no"),
    "NaN": ("factor", "slope[:] = np.sqrt(z)", "gives NaN in slope for ordinary numbers"),
    "terms NaN": ("terms", "return np.nan", "gives NaN in what it "),
    "value unfilled": ("value", "out[0] = z[0]", "does not fill out: write every element, as in"),
}
OTHERS = {
    # what is no kernel, or has other arguments
    "too few arguments": ("rule(factor=s)", "a factor kernel is called with (z, y, slope, "),
    "no value": ("activation(value=None)", "a value kernel is a plain function"),
    "a class": ("class own: pass", "is a type, not a Record"),
    "nothing": ("own = None", "unknown gradient of module "),
    "another name for it": (
        "def f(z, y, mine, constants, key, step):\n    mine = z\nrule(factor=f)",
        "sets the name mine, which changes nothing: write into the array, mine[:] = ...",
    ),
    "elementwise, more constants than it has": (
        "@elementwise\ndef f(slope, a):\n    return a * slope\nrule(factor=f)",
        "fails: IndexError: index is out of bounds",
    ),
    "elementwise, nothing returned": (
        "@elementwise\ndef f(slope):\n    slope = 1\nrule(factor=f)",
        "can't be compiled: ",
    ),
    "elementwise where rows are needed": (
        "@elementwise\ndef f(z, y, t):\n    return y\nobjective(terms=f)",
        "a terms kernel is a plain function of (z, y, t), not a CPUDispatcher",
    ),
    "another derivative": (
        "def f(z, y, t):\n    return ((y - t.T) ** 2).sum()\nobjective(terms=f)",
        "every delta starts with (y - t) φ(z), so it would not be minimised",
    ),
    # what the other functions return
    "prepare, all of z": ("rule(prepare=lambda s, z: z)", "gave float32 of shape (2, 3, "),
    "prepare fails": ("rule(prepare=lambda s, z: nope)", "fails: NameError: name 'nope'"),
    "prepare changes z": (
        "def p(site, z):\n    z[:] = 0\n    return z[:, :, 0]\nrule(prepare=p)",
        "prepare of gradient 'own' changes z",
    ),
    "constants, one": ("rule(constants=lambda s: 5)", "it takes a tuple of numbers"),
    "source, one": ("rule(source=lambda s: 5)", "it takes (bound activation, steepness)"),
    "refusal": ("rule(refusal=lambda v, a, u: nope)", "own: NameError: name 'nope' is"),
    "same_as": ("rule(same_as=lambda v, a: 'nope')", "unknown gradient 'nope'"),
    "an optimizer's": ("optimizer(constants=lambda n: 5)", "constants of optimizer 'own' gave"),
    "their shape": ("optimizer(constants=lambda n: (X[0, :1].repeat(7),))", "shape (7,)"),
    "rate": ("optimizer(rate_at=lambda r, n, s: 5.0)", "it takes rates (R,)"),
    "start": ("optimizer(start=lambda s, r: s[7])", "start of optimizer 'own' fails: Ind"),
    "constant": ("objective(constant_terms=lambda t, m: t.sum())", "it takes numbers (n"),
    "output": ("objective(output=lambda h, o: 5)", "gave 5: it takes an activation"),
    "output fails": ("objective(output=lambda h: h)", "TypeError: "),
    "weights, turned": ("weights(lambda r, s, i, o, v: X[:2, :1].T)", "of the shape it"),
    "weights, NaN": ("weights(lambda r, s, i, o, v: np.full(s, np.nan))", "not finite"),
    "weights, complex": ("weights(lambda r, s, i, o, v: np.full(s, 1j))", "gave complex128"),
    # names and fields
    "a path for a name": ("rule(name='../x')", "has the name '../x': a name is letters, "),
    "a number for a name": ("rule(name=5)", "has the name 5"),
    "one of the study's": ("rule(name='floor')", "has the name of one of the study's own"),
    "a bare default": ("rule(parameters={'a': 1})", "parameters takes a dict of names to"),
    "a default out of range": (
        "rule(parameters={'a': Parameter(-1.0, 'x', low=0)})",
        "the default of a = -1 is out of range",
    ),
    "a flag": ("rule(hidden_only='no')", "hidden_only takes True or False, not 'no'"),
    "a number for a reference": ("rule(reference=5)", "reference takes a text, not 5"),
    "downwards": ("activation(bounds=(1.0, -1.0))", "takes (low, high), upwards, not"),
    "bounds too narrow": ("activation(bounds=(-1.0, 1.0))", "outside bounds"),
    "largest slope, text": ("activation(largest_slope='x')", "it takes a number"),
    "largest slope, negative": ("activation(largest_slope=-1.0)", "takes a number above 0"),
    "too small": ("activation(largest_slope=0.5)", "more than its largest_slope"),
    "saturation, one": ("activation(saturation=5)", "it takes (below, above)"),
    "state, a text": ("optimizer(state='abc')", "state takes a tuple, not 'abc'"),
    # modules
    "a field that is missing": ("own = Gradient(name='own')", "cannot be imported: "),
    "an error on import": ("raise RuntimeError('a\\nb')", "cannot be imported: a b"),
    "a misspelt object": ("owm = rule()", "Did you mean 'owm'? Valid: owm"),
    # datasets; what may be wrong with their numbers stands in tests/datasets
    "load fails": ("data(lambda seed: nope)", "its load fails: NameError: name 'nope' is n"),
    "load ends": ("data(lambda seed: exit())", "its load fails: SystemExit"),
    "load, a number": ("data(5)", "load takes a function, not 5"),
    "chance": (
        "data(lambda seed: Raw(np.random.rand(40, 2), Y))",
        "its load gives other numbers each time",
    ),
    "solved_below, a text": ("data(solved_below='x')", "solved_below takes a number"),
    "a task that is none": ("data(task='ranking')", "task is 'ranking', not one of"),
    "fewer rows than a batch": (
        "data(lambda seed: Raw(X[:10], Y[:10]))",
        "protocol.batch_size = 16 is more than the 8 training patterns of dataset 'own': full",
    ),
    "NaN in it": ("data(lambda seed: Raw(X / X, Y))", "inputs hold NaN or infinity (1, fir"),
}
WRONG = {what: (text_of(*kernel), line) for what, (*kernel, line) in KERNELS.items()} | OTHERS

AXES = {"rule(": "gradient", "weights(": "initialisation", "data(": "dataset"}
AXES |= {f"{axis}(": axis for axis in ("activation", "optimizer", "objective")}
TINY = [*TINY_WORDS, "execution.workers=1"]
numbers = itertools.count()


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a module whose last line makes `own`; return the grid that names it."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(text: str) -> str:
        module = f"own_records_{next(numbers)}"
        *above, last = text.splitlines()
        last = f"own = {last}" if last.startswith(tuple(AXES)) else last
        (tmp_path / f"{module}.py").write_text("\n".join([HEAD, *above, last, ""]))
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
    "infinite": text_of("factor", "slope[:] = 1 / (0 * z + 0)"),
    "z under another value": text_of("factor", "z = np.abs(z)\n    slope[:] = z"),
    "elementwise": "@elementwise\ndef f(slope):\n    return 0.5 * slope\nrule(factor=f)",
    "prepared": "rule(prepare=lambda site, z: z.mean(axis=(1, 2))[:, None])",
    "an objective": "objective()",
    "weights": "weights(lambda rng, shape, i, o, v: rng.normal(size=shape))",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_records_are_let_through(own, text):
    """What comes after the looks at records would fail: the store is not to be made."""

    def look(config):
        plan = make_plan(config)
        compile_kernels((planned.cell.design() for planned in plan.cells), "float32")
        return 0

    assert with_configuration(words_of(own(text)), look) == 0


@pytest.mark.parametrize("target", ["nope", "", ".x", "../x.y", "/etc/passwd", "a b.c", "x..y"])
def test_targets_are_names_never_paths(refused, target):
    for axis in AXES.values():
        line = refused(f"grids=[{{dataset: iris, {axis}: {{_target_: '{target}'}}}}]")
        assert line.startswith(f"{axis} _target_ takes module.object, such as my_rules.halved")


@pytest.mark.parametrize("target", ["os.system", "study.nope", "no.x"])
def test_targets_are_records(refused, target):
    line = refused(f"grids=[{{dataset: iris, gradient: {{_target_: {target}}}}}]")
    assert "not a Record" in line or "(no record)" in line or "No module named 'no'" in line


def test_a_record_of_another_axis(refused, own):
    own_rule = own("rule()").partition("_target_: ")[2].partition("}")[0]
    line = refused(f"grids=[{{dataset: iris, optimizer: {{_target_: {own_rule}}}}}]")
    assert line.startswith("optimizer takes a record of class Optimizer: 'own' is of class Grad")
