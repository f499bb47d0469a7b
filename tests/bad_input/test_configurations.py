"""Bad configurations: each is refused in one line that names what is wrong and what is valid.

They are read and planned in this process, without Hydra; `test_command_line` goes through the
command. Hypothesis makes those that have many forms.
"""

import copy
import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_studies import GRID, TINY, own, refused, tiny_plan

from study.ablation.configuration.schema import read
from study.ablation.planning.cells import AXES, REGISTRIES
from study.ablation.planning.plan import make_plan

PROPERTY = settings(max_examples=20, deadline=None, derandomize=True)
LETTERS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
IRIS = {"dataset": "iris"}
REFINE = {"per_decade": 4, "rates": 5, "seeds": 2, "recentre_decades": 1}
GOOD = {"grids": [GRID], "protocol": {**TINY, "refine": REFINE}, "tracking": {}, "execution": {}}


def refusal(*grids, **keys):
    """The line about a plan of these grids, on iris unless they say otherwise."""
    return refused(tiny_plan, *({**IRIS, **grid} for grid in grids), **keys)


def refusal_at(key, value):
    """The line about a good configuration with another value at a dotted key; ... removes it."""
    container = copy.deepcopy(GOOD)
    level, (*parents, last) = container, key.split(".")
    for part in parents:
        level = level[part]
    level[last] = value
    if value is ...:
        del level[last]
    return refused(lambda: make_plan(read("trial", container)))


@st.composite
def misspelt(draw, names):
    """A name with one letter lost, doubled or exchanged, and the name."""
    name = draw(st.sampled_from([n for n in names if len(n) > 3]))
    at = draw(st.integers(0, len(name) - 2))
    begin, one, two, end = name[:at], name[at], name[at + 1], name[at + 2 :]
    wrong = begin + draw(st.sampled_from([two, one + one + two, two + one])) + end
    assume(wrong not in names and wrong.isidentifier() and wrong.strip("_"))
    return wrong, name


@pytest.mark.parametrize("axis", REGISTRIES)
@PROPERTY
@given(data=st.data())
def test_misspelt_variants(axis, data):
    names = list(REGISTRIES[axis])
    wrong, _ = data.draw(misspelt(names))
    line = refusal({axis: wrong})
    assert line.startswith(f"unknown {axis} {wrong!r}. Did you mean ")
    assert f"Valid: {names[0]}, {names[1]}, " in line


@PROPERTY
@given(misspelt(AXES))
def test_misspelt_axes(pair):
    wrong, name = pair
    hint = f"Did you mean {name!r}? Valid: dataset, objective, "
    assert refusal({wrong: 1}).startswith(f"unknown axis in grids[0] {wrong!r}. {hint}")
    assert f"'only.{wrong}'. Did you mean 'only.{name}'?" in refusal({}, only={wrong: 1})


KEYS = {
    "": ["about", "claims", "include", "grids", "protocol", "tracking", "execution", "dry_run"],
    "protocol.": [*TINY, "transfer", "decay", "refine", "branch", "dtype", "tune"],
    "protocol.refine.": list(REFINE),
    "tracking.": ["uri", "artifacts", "tables"],
    "execution.": ["workers", "block", "max_runs"],
}


@pytest.mark.parametrize("where", KEYS)
@PROPERTY
@given(data=st.data())
def test_unknown_keys(where, data):
    wrong, name = data.draw(misspelt(KEYS[where]))
    line = refusal_at(f"{where}{wrong}", 3)
    assert line.startswith(f"unknown configuration key '{where}{wrong}'. Did you mean ")
    assert f"{where}{name}" in line.partition("Valid: ")[2]
    other = data.draw(LETTERS.filter(lambda name: name not in [*KEYS[where], "only"]))
    line = refusal_at(f"{where}{other}", 3)
    assert line.startswith(f"unknown configuration key '{where}{other}'.") and "Valid: " in line


WHOLE = {  # key -> least and largest valid value
    "protocol.updates": (1, 10**8),
    "protocol.tuning_seeds": (1, 1000),
    "protocol.evaluation_seeds": (1, 10**6),
    "protocol.checkpoints": (2, 10**4),
    "protocol.probes": (0, 10**4),
    "protocol.refine.per_decade": (1, 100),
    "protocol.refine.rates": (1, 1000),
    "protocol.refine.seeds": (1, 1000),
    "protocol.refine.recentre_decades": (0, 20),
    "execution.workers": (1, 4096),
    "execution.block": (1, 10**6),
    "execution.max_runs": (1, 10**9),
}
NO_WHOLE = ["many", [1], {"a": 1}, True, "5", 1e3, float("nan"), float("inf"), 0.5]


@pytest.mark.parametrize(("key", "limits"), WHOLE.items())
def test_whole_numbers(key, limits):
    low, high = limits
    for value in NO_WHOLE:
        assert refusal_at(key, value) == f"{key} takes a whole number, not {value!r}"
    for value in (low - 1, high + 1, -(10**30), 10**30):
        assert refusal_at(key, value).startswith(f"{key} = {value} is out of range: {low} to ")


@pytest.mark.parametrize(
    "key", ["protocol.decay", "protocol.transfer", "protocol.tune", "dry_run"]
)
def test_flags(key):
    for value in (1, 0, "maybe", [True], {"a": True}, 1.5, "true"):
        assert refusal_at(key, value) == f"{key} takes true or false, not {value!r}"


SGD = "protocol.learning_rates.sgd"
LIST = " takes a list of rates, or a range such as '2 a decade from 1e-3 to 10', not "
RATES = " takes learning rates from 1e-30 to 1e+30, not "
BRANCH = {"gradient": "exact", "updates": 3}
BATCHES = [*("16", 1.5, True, [16]), *(-1, 10**7 + 1), None]
MEANT = "unknown {}. Did you mean {}"
PROTOCOLS = [  # key, value, line: the whole, or what follows the key
    *(("protocol.batch_size", value, " ") for value in BATCHES),
    ("protocol.batch_size", "half", " takes a whole number or full, not 'half'"),
    ("protocol.batch_size", 0, " = 0 is out of range: 1 to 10000000"),
    ("protocol.updates", None, " takes a whole number, not None"),
    ("protocol.updats", 3, MEANT.format("configuration key 'protocol.updats'", "'protocol.u")),
    ("protocol.dtype", "float16", MEANT.format("protocol.dtype 'float16'", "'float64'?")),
    *(("protocol.dtype", value, "unknown protocol.dtype ") for value in (5, None, ["float32"])),
    ("protocol.refine", "twice", " takes keys with values, not 'twice'"),
    ("protocol.refine", {"sed": 3}, MEANT.format("configuration key 'protocol.refine.sed'", "")),
    ("protocol.learning_rates", [0.1], " takes rates by optimizer (sgd, "),
    *((SGD, value, LIST) for value in ([], 0.1, {"low": 1}, None, "0.1 to 1", "3 a decade")),
    *((SGD, [0.1, v], RATES) for v in (0, -1, "a", [1], True, "1", 1e31, float("nan"))),
    (SGD, [1, 1.0], " has 1.0 twice: each value once"),
    (SGD, "2 a decade from 0.1 to much", LIST),
    (SGD, "2 a decade from 1 to 0.1", " takes a range upwards, not from 1 to 0.1"),
    (SGD, "2 a decade from 0 to 1", f"{RATES}0"),
    (SGD, "0 a decade from 0.1 to 1", " takes from 1 to 100 rates a decade, not 0"),
    ("protocol.branch", "exact", " takes keys with values, not 'exact'"),
    ("protocol.branch", {"updates": 3}, ".gradient is missing"),
    ("protocol.branch", {"gradient": "exact"}, ".updates is missing"),
    *(
        ("protocol.branch", {**BRANCH, key: value}, line)
        for key, value, line in (
            ("rates", 1, MEANT.format("configuration key 'protocol.branch.rates'", "'")),
            ("rate", "ten", MEANT.format("protocol.branch.rate 'ten'", "'tenth'? Valid: own,")),
            ("location", "all", ".location is the location of the grid: leave it"),
            ("gradient", "exat", MEANT.format("gradient 'exat'", "'exact'?")),
        )
    ),
]


@pytest.mark.parametrize(("key", "value", "line"), PROTOCOLS, ids=str)
def test_protocols(key, value, line):
    """An experiment's, a grid's, one in a grid's list, and that of a file that is included."""
    line = line if line.startswith("unknown") else key + line
    assert refusal_at(key, value).startswith(line)
    _, name, *within = key.split(".")
    protocol = {name: {within[0]: value} if within else value}
    for written, where in ((protocol, ""), ([{}, protocol], "[1]")):
        grids = [GRID, {**GRID, "protocol": written}]
        where = f"grids[1].protocol{where}."
        assert refusal(*grids).startswith(line.replace("protocol.", where))
        container, files = {"include": ["wrong"], "protocol": TINY}, {"wrong": {"grids": grids}}
        said = refused(read, "all", container, files)
        assert said.startswith(line.replace("protocol.", f"wrong: {where}"))


def test_rates_of_an_optimizer_that_does_not_exist():
    said = "learning_rates.sdg'. Did you mean '{0}.learning_rates.sgd'? Valid: {0}.learning_rates."
    rates = {"sgd": [0.1], "sdg": [0.1]}
    lines = refusal(GRID, learning_rates=rates), refusal(own(learning_rates=rates))
    for line, where in zip(lines, ("protocol", "grids[0].protocol"), strict=True):
        assert line.startswith(f"unknown configuration key '{where}.{said.format(where)}")


def test_protocols_of_grids():
    where = "grids[0].protocol."
    line = f"{where}branch takes rates that were chosen, and {where}tune is false"
    assert refusal(own(branch=BRANCH, tune=False)) == line
    for written, where in (("updates", ""), ([{}, "updates"], "[1]")):
        line = refusal({**GRID, "protocol": written})
        assert line == f"grids[0].protocol{where} takes keys with values, not 'updates'"


OTHERS = [
    *((f"protocol.{key}", ..., f"protocol.{key} is missing") for key in list(TINY)[:5]),
    *(("grids", v, "grids takes a list, not ") for v in ("x", IRIS, 5)),
    *(("grids", v, "grids[0] takes keys with values, not ") for v in (["iris"], [None], [[]])),
    *(("grids", v, "experiment 'trial': grids takes a list of products") for v in ([], ...)),
    ("grids", [IRIS, {}], "grids[1] names no dataset"),
    *(("only", value, "only takes keys with values, not ") for value in ([1], "exact")),
    ("protocol", 3, "protocol takes keys with values, not 3"),
    ("protocol", ..., "protocol.updates is missing"),
    *(("tracking.uri", value, "tracking.uri takes a text, not ") for value in (5, ["a"], True)),
    *(("tracking.tables", value, "tracking.tables takes a text, not ") for value in (5, ["a"])),
    ("claims", "C1", "claims takes a list, not 'C1'"),
    ("about", ["a"], "about takes a text, not ['a']"),
]


@pytest.mark.parametrize(("key", "value", "line"), OTHERS, ids=str)
def test_other_keys(key, value, line):
    assert refusal_at(key, value).startswith(line)


BAD_VALUES = {
    "hidden": [0, -3, [0], "x", [[8], ["x"]], 1.5, True, [100_001], {"a": 1}, None],
    "gain": [0, -1, "x", float("inf"), float("nan"), None, {"a": 1}, [1, [2]], True, 1e300],
    "location": ["al", 5, {"a": 1}, [["all"]], None, "", "last_0", "last_10", "last", ["last_x"]],
    "consistent": ["x", {"a": 1}, None, 7],
    **{axis: [5, 1.5, True, None, [None], [["x"]], {}, {"a": 1, "b": 2}] for axis in REGISTRIES},
}


@pytest.mark.parametrize("axis", AXES)
def test_values_of_axes(axis):
    for value in BAD_VALUES[axis]:
        line = refusal({axis: value})
        starts = (f"{axis} takes ", f"{axis}[", f"{axis} = ", f"unknown {axis} ", "grids[0].")
        assert line.startswith(starts) and axis in line, (value, line)
    if axis != "hidden":  # there, [] is the network without hidden layers
        assert refusal({axis: []}) == f"grids[0].{axis} has no value"
        assert refusal({}, only={axis: []}) == f"only.{axis} has no value"


TWICE = {
    "activation": ["tanh", "relu", "tanh"],
    "gradient": [{"floor": {"minimum": [0.1, 0.2]}}, {"floor": {"minimum": 0.2}}],
    "hidden": [[8], [4], [8]],
    "gain": [1, 2, 1.0],
}


@pytest.mark.parametrize("axis", TWICE)
def test_values_that_are_there_twice(axis):
    line = refusal({axis: TWICE[axis]})
    assert line.startswith(f"grids[0].{axis} has ") and line.endswith(" twice: each value once")


@pytest.mark.parametrize(
    ("axis", "name", "parameter", "values"),
    [
        ("gradient", "floor", "minimum", [-1, "x", None, {"a": 1}, float("nan"), [[1]], True]),
        ("gradient", "floor", "absolute", [1, "x"]),
        ("gradient", "relu_at_zero", "arm", ["x", 5]),
        ("gradient", "substitute", "activation", ["tahn", 5]),
        ("dataset", "moons", "patterns", [2, 1.5, 1e9]),
        ("optimizer", "adam", "beta_1", [-1, 2, "x"]),
    ],
)
def test_parameters_of_variants(axis, name, parameter, values):
    for value in values:
        assert f"{name}.{parameter}" in refusal({axis: {name: {parameter: value}}})
    line = refusal({axis: {name: {f"{parameter}s": values[0]}}})
    assert line.startswith(f"unknown parameter of {axis} {name!r} '{parameter}s'. Did you mean ")


@pytest.mark.parametrize(("gains", "floors"), [(400, 250), (30, 40)])
def test_gigantic_grids(gains, floors):
    """Up to four million combinations, refused at once, with what they would cost."""
    grid = {
        "dataset": {"moons": {"noise": [0.01 * i for i in range(40)]}},
        "gain": list(range(1, gains + 1)),
        "gradient": {"floor": {"minimum": [0.0001 * (i + 1) for i in range(floors)]}},
    }
    line = refusal(grid, execution={"max_runs": 10_000})
    assert line.startswith(f"the grids have {40 * gains * floors:,} combinations, some ")
    assert " trainings (at least " in line and "max_runs = 10,000: raise that" in line


def test_a_limit_that_can_be_raised():
    line = "the plan has 17 trainings (about 0.0 min, 0 MB), more than execution.max_runs = 16: "
    line += "raise that, or narrow the grids with only.<axis>"
    assert refusal(GRID, execution={"max_runs": 16, "workers": 2}) == line
    assert tiny_plan(GRID, execution={"max_runs": 17}).runs == 17
    line = refusal(GRID, evaluation_seeds=1_000_000)
    assert " hours, 42.0 GB), more than execution.max_runs = 1,000,000" in line
    line = refusal({"hidden": [[100_000, 100_000]]})
    assert line.startswith("a stack of iris ") and "GB: make hidden smaller" in line


def test_a_batch_may_hold_all_the_data():
    assert tiny_plan(GRID, batch_size=120).runs
    line = "protocol.batch_size = 121 is more than the 120 training patterns of dataset 'iris': "
    assert refusal({}, batch_size=121) == f"{line}full takes all of them"
