"""Bad configurations, most of them made by Hypothesis: one line each, exit 2, nothing written.

Each test is a category; its strategy makes the bad words and says what the line must name.
"""

import string

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from study.ablation.configuration.composition import configuration_folder
from study.ablation.planning.cells import AXES, REGISTRIES

QUICK = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LETTERS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
SMOKE = "experiment=smoke"
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "rprop")
WHOLE = {  # key -> least valid value
    "protocol.updates": 1,
    "protocol.batch_size": 1,
    "protocol.tuning_seeds": 1,
    "protocol.evaluation_seeds": 1,
    "protocol.checkpoints": 2,
    "protocol.probes": 0,
    "execution.workers": 1,
    "execution.block": 1,
    "execution.max_runs": 1,
}
EXPERIMENTS = sorted(path.stem for path in (configuration_folder() / "experiment").glob("*.yaml"))


@st.composite
def misspelt(draw, names):
    """A name with one letter lost, doubled or exchanged, and the name."""
    name = draw(st.sampled_from([n for n in names if len(n) > 3]))
    at = draw(st.integers(0, len(name) - 2))
    how = draw(st.sampled_from(["lost", "doubled", "exchanged"]))
    wrong = {
        "lost": name[:at] + name[at + 1 :],
        "doubled": name[: at + 1] + name[at:],
        "exchanged": name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    }[how]
    assume(wrong not in names and wrong.strip("_"))
    assume(wrong.isidentifier())
    return wrong, name


def names_of(axis):
    return list(REGISTRIES[axis][0])


# ---- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", REGISTRIES)
@QUICK
@given(data=st.data())
def test_misspelt_variants(refused, axis, data):
    wrong, _ = data.draw(misspelt(names_of(axis)))
    line = refused(SMOKE, f"grids=[{{dataset: iris, {axis}: {wrong}}}]")
    assert line.startswith(f"unknown {axis} {wrong!r}. Did you mean ")
    assert f"Valid: {names_of(axis)[0]}, {names_of(axis)[1]}, " in line


@QUICK
@given(misspelt(AXES))
def test_misspelt_axes(refused, pair):
    wrong, name = pair
    line = refused(SMOKE, f"grids=[{{dataset: iris, {wrong}: 1}}]")
    assert line.startswith(f"unknown axis in grids[0] {wrong!r}. Did you mean {name!r}?")
    line = refused(SMOKE, f"only.{wrong}=1")
    assert f"'only.{wrong}'. Did you mean 'only.{name}'?" in line


@QUICK
@given(misspelt(["updates", "batch_size", "tuning_seeds", "evaluation_seeds", "checkpoints"]))
def test_misspelt_keys(refused, pair):
    wrong, name = pair
    line = refused(SMOKE, f"protocol.{wrong}=3")
    assert f"'protocol.{wrong}'. Did you mean 'protocol.{name}'?" in line
    added = refused(SMOKE, f"+protocol.{wrong}=3")
    assert f"'protocol.{wrong}'. Did you mean 'protocol.{name}'?" in added


@QUICK
@given(LETTERS, st.sampled_from(["", "protocol.", "tracking.", "execution.", "only."]))
def test_unknown_keys(refused, name, prefix):
    assume(not prefix or name not in ("uri", "tables", "block", "workers", "gain", "updates"))
    assume(name not in ("about", "grids", "only", "protocol", "tracking", "execution", "hydra"))
    line = refused(SMOKE, f"{prefix}{name}=1")
    assert line.startswith(f"unknown configuration key '{prefix}{name}'.")
    assert " Valid: " in line


@QUICK
@given(
    st.sampled_from(["../smoke", "/etc/passwd", "./smoke", "smoke.yaml", "..", "Smoke"])
    | LETTERS.map(lambda name: f"../{name}")
    | LETTERS.filter(lambda name: name not in EXPERIMENTS)
    | st.integers().map(str)
)
@example("null")
@example("")
def test_experiments(refused, name):
    line = refused(f"experiment={name}")
    assert line.startswith(f"unknown experiment {name!r}.")
    assert line.endswith(f"Valid: {', '.join(EXPERIMENTS)}")


@pytest.mark.parametrize("group", ["protocol", "tracking", "execution"])
@pytest.mark.parametrize(
    "option", ["nope", "7", "null", "../quick", "[a, b]", "[1]", "quick.yaml"]
)
def test_groups(refused, group, option):
    line = refused(SMOKE, f"{group}={option}")
    assert group in line and "Valid: " in line


# ---- types and ranges -----------------------------------------------------------------------

NO_WHOLE = st.sampled_from(
    ["many", "[1]", "{a: 1}", "true", "'5'", "1e3", "nan", "inf", "-inf"]
) | st.floats(0.1, 1e6).filter(lambda x: not x.is_integer()).map(repr)


@pytest.mark.parametrize("key", WHOLE)
@QUICK
@given(NO_WHOLE)
def test_whole_numbers(refused, key, value):
    line = refused(SMOKE, f"{key}={value}")
    if key == "protocol.batch_size":
        assert line.startswith(f"{key} takes a whole number")
    else:
        assert line.startswith(f"{key} takes a whole number, not ")


@pytest.mark.parametrize(("key", "least"), WHOLE.items())
@QUICK
@given(beyond=st.integers(1, 10**30), large=st.booleans())
def test_ranges(refused, key, least, beyond, large):
    value = 10**11 + beyond if large else least - beyond
    line = refused(SMOKE, f"{key}={value}")
    assert line.startswith(f"{key} = {value} is out of range: {least} to ")


@pytest.mark.parametrize("key", ["protocol.decay", "protocol.transfer", "dry_run"])
@QUICK
@given(st.sampled_from(["1", "0", "maybe", "[true]", "{a: true}", "1.5", "'true'"]))
def test_flags(refused, key, value):
    assert refused(SMOKE, f"{key}={value}").startswith(f"{key} takes true or false, not ")


@QUICK
@given(
    st.sampled_from(OPTIMIZERS),
    st.floats(max_value=0.0) | st.floats(1e31, allow_infinity=True) | st.just(float("nan")),
)
def test_learning_rates_that_are_none(refused, optimizer, rate):
    line = refused(SMOKE, f"protocol.learning_rates.{optimizer}=[0.1,{rate!r}]")
    assert line.startswith(f"protocol.learning_rates.{optimizer}")
    assert "above 0" in line or "out of range" in line or "takes a number" in line


LISTS = ["[]", "abc", "5", "{a: 1}", "null", "'3 a decade'", "'2 a decade from 10 to 1'"]


@pytest.mark.parametrize("value", [*LISTS, "[a]", "[[1]]", "[true]", "[0.1,0.1]", "[1,1.0]"])
def test_lists_of_learning_rates(refused, value):
    line = refused(SMOKE, f"protocol.learning_rates.sgd={value}")
    assert line.startswith("protocol.learning_rates.sgd")


@pytest.mark.parametrize("value", ["[0.1]", "0.1", "fast", "[]", "null"])
def test_learning_rates_go_by_optimizer(refused, value):
    """A list for all optimizers used to show Hydra's own words on merging."""
    line = refused(SMOKE, f"protocol.learning_rates={value}")
    assert line.startswith("protocol.learning_rates ")
    assert "Cannot merge" not in line
    if value == "[0.1]":
        assert "takes values by name (sgd, momentum, " in line and line.endswith("not [0.1]")


DTYPES = ["float16", "double", "5", "[float32]", "{float32: 1}", "null", "true"]


@pytest.mark.parametrize("value", DTYPES)
def test_dtypes(refused, value):
    line = refused(SMOKE, f"protocol.dtype={value}")
    assert line.startswith("unknown protocol.dtype ") and line.endswith("float32, float64")


# ---- grids ----------------------------------------------------------------------------------

BAD_VALUES = {
    "hidden": ["0", "-3", "[0]", "x", "[[8],[x]]", "1.5", "true", "[1000000]", "{a: 1}", "null"],
    "gain": ["0", "-1", "x", "inf", "nan", "null", "{a: 1}", "[1,[2]]", "true", "1e300"],
    "location": ["al", "5", "{a: 1}", "[[all]]", "null", "''"],
    "consistent": ["x", "{a: 1}", "null", "7"],
}


@pytest.mark.parametrize(
    ("axis", "value"), [(axis, value) for axis, values in BAD_VALUES.items() for value in values]
)
def test_values_of_plain_axes(refused, axis, value):
    line = refused(SMOKE, f"grids=[{{dataset: iris, {axis}: {value}}}]")
    assert line.startswith((f"{axis} takes ", f"unknown {axis} "))


NO_VARIANT = ["5", "1.5", "true", "null", "[null]", "[[x]]", "{}", "{a: 1, b: 2}"]


@pytest.mark.parametrize("axis", REGISTRIES)
@pytest.mark.parametrize("value", NO_VARIANT)
def test_values_of_axes_of_records(refused, axis, value):
    line = refused(SMOKE, f"grids=[{{dataset: iris, {axis}: {value}}}]")
    assert axis in line and "takes" in line


@pytest.mark.parametrize("axis", AXES)
def test_empty_axes(refused, axis):
    if axis == "hidden":
        return  # [] is the network without hidden layers
    line = refused(SMOKE, f"grids=[{{dataset: iris, {axis}: []}}]")
    assert line == f"grids[0].{axis} has no value"
    assert refused(SMOKE, f"only.{axis}=[]") == f"only.{axis} has no value"


TWICE = {
    "activation": "[tanh, relu, tanh]",
    "gradient": "[{floor: {minimum: [0.1, 0.2]}}, {floor: {minimum: 0.2}}]",
    "hidden": "[[8], [4], [8]]",
    "gain": "[1, 2, 1.0]",
    "optimizer": "[sgd, sgd]",
}


@pytest.mark.parametrize(("axis", "values"), TWICE.items())
def test_duplicate_values(refused, axis, values):
    line = refused(SMOKE, f"grids=[{{dataset: iris, {axis}: {values}}}]")
    assert line.startswith(f"grids[0].{axis} has ") and "twice" in line


PARAMETERS = [
    ("gradient", "floor", "minimum", ["-1", "x", "null", "{a: 1}", "nan", "[[1]]", "true"]),
    ("gradient", "floor", "absolute", ["1", "x"]),
    ("gradient", "relu_at_zero", "arm", ["x", "5"]),
    ("gradient", "substitute", "activation", ["tahn", "5"]),
    ("dataset", "moons", "noise", ["-1", "x", "inf"]),
    ("dataset", "moons", "patterns", ["2", "1.5", "1e9"]),
    ("optimizer", "adam", "beta_1", ["-1", "2", "x"]),
    ("initialisation", "uniform", "r", ["-1", "x"]),
]


@pytest.mark.parametrize(
    ("axis", "name", "parameter", "value"),
    [(a, n, p, value) for a, n, p, values in PARAMETERS for value in values],
)
def test_parameters_of_variants(refused, axis, name, parameter, value):
    grid = {"dataset": "iris"} | {axis: f"{{{name}: {{{parameter}: {value}}}}}"}
    text = ", ".join(f"{key}: {said}" for key, said in grid.items())
    line = refused(SMOKE, f"grids=[{{{text}}}]")
    assert f"{name}.{parameter}" in line
    wrong = text.replace(f"{parameter}:", f"{parameter}s:")
    line = refused(SMOKE, f"grids=[{{{wrong}}}]")
    assert line.startswith(f"unknown parameter of {axis} {name!r} '{parameter}s'. Did you mean ")


@pytest.mark.parametrize(
    "value", ["[]", "x", "null", "{dataset: iris}", "[iris]", "[null]", "[[]]", "5", "[{}]"]
)
def test_no_grids(refused, value):
    assert "grids" in refused(SMOKE, f"grids={value}")


@pytest.mark.parametrize("key", ["grids.9.hidden", "grids.x", "grids.0.hidden.9", "grids.0.hiden"])
def test_places_in_grids(refused, key):
    line = refused(SMOKE, f"{key}=[3]")
    assert line.startswith("unknown configuration key 'grids.") and "Valid: grids." in line


@QUICK
@given(
    st.sampled_from(AXES),
    LETTERS.filter(lambda name: name not in ("all", "no", "on", "off", "n", "y", "true", "false")),
)
def test_only_what_no_grid_has(refused, axis, name):
    assume(name not in ("iris", "tanh", "relu", "exact", "removed", "floor", "sgd", "adam"))
    assume(name not in ("squared_error", "glorot", "hidden", "nan", "inf", "infinity", "null"))
    line = refused(SMOKE, f"only.{axis}={name}")
    assert line.startswith(f"unknown value of only.{axis} {name!r}.")


# ---- size -----------------------------------------------------------------------------------


@QUICK
@given(st.integers(2, 60), st.integers(2, 5))
def test_gigantic_grids(refused, gains, depth):
    """Up to 10^13 combinations, refused at once, with what they would cost."""
    assume(gains * 40**depth > 40_000)
    values = ",".join(str(i + 1) for i in range(gains))
    noise = ",".join(f"{0.01 * i:.2f}" for i in range(40))
    rest = ["patterns: 40", f"noise: [{noise}]"]
    floors = ",".join(f"{0.001 * (i + 1):.3f}" for i in range(40 ** min(depth - 1, 2)))
    grid = (
        f"dataset: {{moons: {{{', '.join(rest)}}}}}, gain: [{values}], "
        f"gradient: {{floor: {{minimum: [{floors}]}}}}"
    )
    line = refused(SMOKE, f"grids=[{{{grid}}}]", "execution.max_runs=10000")
    assert line.startswith("the grids have ") and " trainings (at least " in line
    assert "execution.max_runs = 10,000: raise that" in line


def test_a_limit_that_can_be_raised(refused):
    line = refused(SMOKE, "execution.max_runs=10")
    assert line.startswith("the plan has 320 trainings (about ")
    assert "execution.max_runs = 10: raise that" in line
    raised = refused(SMOKE, "execution.max_runs=320", "protocol.batch_size=1000")
    assert "max_runs" not in raised


def test_more_seeds_than_anyone_has_time_for(refused):
    line = refused(SMOKE, "protocol.evaluation_seeds=1000000")
    assert " hours, 280.0 GB), more than execution.max_runs = 1,000,000" in line


def test_networks_beyond_the_memory(refused):
    line = refused(SMOKE, "grids=[{dataset: iris, hidden: [[100000,100000]]}]")
    assert line.startswith("a stack of iris ") and "GB: make hidden smaller" in line


@QUICK
@given(st.integers(121, 10**7))
def test_batches_larger_than_the_data(refused, size):
    line = refused(SMOKE, f"protocol.batch_size={size}")
    assert line == (
        f"protocol.batch_size = {size} is more than the 120 training patterns of dataset 'iris': "
        "full takes all of them"
    )
