"""Bad command lines, addresses and small commands: one line each, exit 2, nothing written."""

import string

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from study.ablation.configuration import composition, overrides
from study.conf import configuration_folder
from study.errors import UsageError

CONF = configuration_folder()
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
QUICK = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LETTERS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
SMOKE = "experiment=smoke"


def unread(*words):
    """The line about words that are refused before Hydra composes anything."""
    with pytest.raises(UsageError) as caught:
        overrides.prepared([SMOKE, *words], CONF)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# ---- the command line itself ------------------------------------------------------------------

UNREADABLE = st.text(min_size=1, max_size=12).filter(lambda text: text[0] not in "-~+") | (
    st.sampled_from(["=", "==", "=5", "a b", "'", '"', "a=b=c", "..=1", ".x=3", "protocol.=3"])
)


@QUICK
@given(UNREADABLE)
def test_words_without_sense(word):
    """They are refused here, or composed into a key that the schema does not know."""
    try:
        overrides.prepared([SMOKE, word], CONF)
    except UsageError as error:
        assert str(error).startswith("cannot read ") or "sets nothing" in str(error)
    else:
        with pytest.raises(UsageError):
            composition.with_configuration([SMOKE, word], lambda config: 0)


@QUICK
@given(
    st.sampled_from(["grids", "only.dataset", "protocol.learning_rates.sgd"]),
    st.sampled_from(["[", "[{", "{", "[1", "[1}", "{a: }}", "]", "[,]", "(", "[a b:", "${", "f("]),
)
def test_grammar(key, value):
    assert unread(f"{key}={value}").startswith(f"cannot read {key}={value}: key=value, ")


@QUICK
@given(
    st.sampled_from(
        ["../smoke", "/etc/passwd", "./smoke", "smoke.yaml", "..", "Smoke", "null", ""]
    )
    | LETTERS.map(lambda name: f"../{name}")
    | LETTERS
    | st.integers().map(str)
)
def test_experiments(name):
    assume(name not in (*EXPERIMENTS, "true", "false", "yes", "no", "on", "off", "nan", "inf"))
    line = unread(f"experiment={name}")
    assert line.startswith(f"unknown experiment {name!r}.")
    assert line.endswith(f"Valid: {', '.join(EXPERIMENTS)}")


@pytest.mark.parametrize("group", ["protocol", "tracking", "execution"])
@pytest.mark.parametrize(
    "option", ["nope", "7", "null", "../quick", "[a, b]", "[1]", "quick.yaml"]
)
def test_groups(group, option):
    line = unread(f"{group}={option}")
    assert group in line and "Valid: " in line


HYDRAS = {  # what Hydra, or its grammar of flags, knows better
    "flag": (["-x"], "unrecognized arguments: -x (flags stand before all key=value, or after"),
    "flag without its value": (["--cfg"], "argument --cfg/-c: expected one argument"),
    "value of a flag": (["--cfg=nope"], "argument --cfg/-c: invalid choice: 'nope'"),
    "resolve": (["--resolve"], "--resolve goes with --cfg job alone"),
    "config": (["--config-name=nope"], ""),
    "folder": (["--config-dir=/nope"], ""),
    "launcher": (["hydra/launcher=nope"], "unknown hydra/launcher 'nope'. Valid: basic"),
    "key of Hydra's": (["hydra.nope=1"], ""),
    "nothing to delete": (["~nothing"], ""),
    "twice": (["+experiment=smoke"], "experiment is chosen twice: experiment=..., without +, tak"),
    "list": (["about=[a]"], "about takes a text, not ['a']"),
    "package": (["experiment@foo=smoke"], ""),
    "rates": (
        ["protocol.learning_rates=[0.1]"],
        "protocol.learning_rates takes values by name, not [0.1]",
    ),
    "grids by name": (["grids={dataset: iris}"], "grids takes a list, not {dataset: iris}"),
    "only": (["only=[3]"], "only takes values by name, not [3]"),
    "grid that is not there": (["grids.9.hidden=[3]"], "cannot use 'grids.9.hidden=[3]': "),
    "grid without number": (
        ["grids.x=[3]"],
        "unknown configuration key 'grids.x': grids are counted",
    ),
    "key of a grid": (["grids.0.hiden=[3]"], "unknown axis in grids[0] 'hiden'. Did you mean 'h"),
    "two jobs": (["experiment=smoke,default"], "Ambiguous value for argument 'experiment=smoke,"),
    "key": (["protocol.updats=3"], "unknown configuration key 'protocol.updats'. Did you mean "),
    "key, added": (["+foo=3"], "unknown configuration key 'foo'. Valid: about, claims, grids, "),
    "key of a group": (["foo.bar=3"], "unknown configuration key 'foo'. Valid: about, claims, "),
    "key below a number": (["protocol.updates.x=3"], "protocol.updates takes a whole number, not"),
    "deleted": (["~protocol.updates"], "protocol.updates is missing"),
    "no grids": (["~grids"], "experiment 'smoke': grids takes a list of products of axes"),
    "axis": (["only.gradint=[floor]"], "unknown configuration key 'only.gradint'. Did you mean "),
    **{
        f"interpolation {value}": ([f"about={value}"], "about: ")
        for value in ("${nope}", "${oc.env:NOT_SET_AT_ALL}", "${nope:1}", "${about}")
    },
}


@pytest.mark.parametrize(("words", "line"), HYDRAS.values(), ids=HYDRAS)
def test_what_hydra_finds(refused, words, line):
    said = refused(SMOKE, *words)
    assert said.startswith(line) and len(said) < 500, said


# ---- tracking, the environment, the small commands ---------------------------------------------

ADDRESSES = [
    *("x", "../x", "ftp://x", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "http"),
    *("http:", "http://", "file:///x", "uc:x", "é", "postgresql://", "mysql://", "mssql:"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses(address, monkeypatch, tmp_path):
    """The line names where the address came from."""
    from study.ablation.store import open_store

    for uri in (address, None):
        if uri is None:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(UsageError) as caught:
            open_store(uri, "smoke", tmp_path)
        line = str(caught.value)
        assert address in line and len(line.splitlines()) == 1
        assert ("tracking.uri " in line) == (uri is not None), line


def test_a_password_is_not_shown(refused):
    for address in ("postgresql+psycopg://me:secret@h/x", "ftp://me:secret@h/x"):
        assert "secret" not in refused(SMOKE, f"tracking.uri='{address}'")


SMALL = [
    *(["list", "../x"], ["list", ""], ["list", "gradient"], ["explain"], ["explain", ""]),
    *(["explain", "flor"], ["explain", "floor", "nope"], ["explain", "../x"], ["ui", "x"]),
    *(["ui", "="], ["ui", "prt=5"], ["ui", "port=0"], ["ui", "port=99999999999"]),
    *(["ui", "port=-1"], ["ui", "port=５０"], ["ui", "host="], ["ui", "host=a b"]),
    *(["ui", "experiment=../x"], ["ui", "experiment="], ["ui", "tracking.uri=x"]),
    *(["publish"], ["publish", "experiment=smoke"], ["publish", "../x"], ["publish", "nope"]),
    *(["verify"], ["verify", "../x"], ["verify", "nope"], ["verify", "smoke", "cells=x"]),
    *(["verify", "smoke", word] for word in ("cells=0", "cels=3", "seed=a")),
]


@pytest.mark.parametrize("words", SMALL, ids=" ".join)
def test_small_commands(refused, words):
    line = refused(*words, study=False)
    assert len(line) < 1200


@QUICK
@given(
    st.sampled_from(["ui experiment=", "publish ", "verify "]), LETTERS, st.sampled_from("./ \\")
)
def test_names_that_leave_their_folder(refused, command, name, sign):
    word, _, option = command.partition(" ")
    line = refused(word, f"{option}..{sign}{name}", study=False)
    assert line.startswith("experiment ") and "cannot name a folder" in line
