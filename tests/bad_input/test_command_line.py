"""Bad command lines, addresses and small commands: one line each, exit 2, nothing written.

Each test is a category; its strategy makes the bad words and says what the line must name.
"""

import string

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

QUICK = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LETTERS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
SMOKE = "experiment=smoke"


# ---- the command line itself ------------------------------------------------------------------

UNREADABLE = st.text(min_size=1, max_size=12).filter(lambda text: text[0] not in "-~+") | (
    st.sampled_from(["=", "==", "=5", "a b", "'", '"', "a=b=c", "..=1", ".x=3", "protocol.=3"])
)


@settings(QUICK, max_examples=30)
@given(UNREADABLE)
def test_words_without_sense(refused, word):
    assume(word not in ("list", "explain", "ui", "publish", "verify"))
    line = refused(SMOKE, word)
    culprit = line.startswith(("cannot read ", "unknown configuration key", "cannot use "))
    assert culprit or "sets nothing" in line


@QUICK
@given(
    st.sampled_from(["grids", "only.dataset", "protocol.learning_rates.sgd"]),
    st.sampled_from(["[", "[{", "{", "[1", "[1}", "{a: }}", "]", "[,]", "(", "[a b:", "${", "f("]),
)
def test_grammar(refused, key, value):
    assert refused(SMOKE, f"{key}={value}").startswith(f"cannot read {key}={value}: key=value, ")


@pytest.mark.parametrize(
    "value", ["${nope}", "${oc.env:NOT_SET_AT_ALL}", "${nope:1}", "${about}", "${protocol.nope}"]
)
def test_interpolations(refused, value):
    assert refused(SMOKE, f"about={value}").startswith("about: ")


FLAGS = [
    *(["-x"], ["--nope"], ["--cfg"], ["--cfg=nope"], ["--info=nope"], ["--resolve"]),
    *(["--hydra-help=3"], ["-m", "experiment=glob(nope*)"], ["--config-name=nope"]),
    *(["--config-path=/nope"], ["--config-dir=/nope"], ["hydra/launcher=nope"], ["hydra=x"]),
    *(["hydra.nope=1"], ["~nothing"], ["~grids"], ["~protocol.updates"], ["+experiment=smoke"]),
    *(["about=[a]"], ["experiment={a: b}"], ["experiment=[a]"], ["experiment@foo=smoke"]),
]


@pytest.mark.parametrize("words", FLAGS, ids=" ".join)
def test_flags_and_what_hydra_knows(refused, words):
    assert len(refused(SMOKE, *words)) < 500


# ---- tracking, the environment, the small commands ---------------------------------------------

ADDRESSES = [
    *("x", "../x", "ftp://x", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "http"),
    *("http:", "http://", "file:///x", "uc:x", "é", "postgresql://", "mysql://", "mssql:"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses(refused, address, monkeypatch):
    """The line names where the address came from."""
    line = refused(SMOKE, f"tracking.uri='{address}'")
    assert address in line
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    told = refused(SMOKE, study=False)
    assert address in told
    assert "tracking.uri " not in told


@pytest.mark.parametrize("key", ["tracking.uri", "tracking.tables"])
@pytest.mark.parametrize("value", ["5", "[a]", "{a: b}", "true", "1.5"])
def test_tracking(refused, key, value):
    assert refused(SMOKE, f"{key}={value}").startswith(f"{key} takes ")


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
    *(
        ["verify", "smoke", "cells=0"],
        ["verify", "smoke", "cels=3"],
        ["verify", "smoke", "seed=a"],
    ),
]


@pytest.mark.parametrize("words", SMALL, ids=" ".join)
def test_small_commands(refused, words):
    line = refused(*words, study=False)
    assert len(line) < 1200


@settings(QUICK, max_examples=10)
@given(
    st.sampled_from(["ui experiment=", "publish ", "verify "]), LETTERS, st.sampled_from("./ \\")
)
def test_names_that_leave_their_folder(refused, command, name, sign):
    word, _, option = command.partition(" ")
    line = refused(word, f"{option}..{sign}{name}", study=False)
    assert line.startswith("experiment ") and "cannot name a folder" in line
