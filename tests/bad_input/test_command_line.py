"""Bad command lines, addresses and small commands: one line each, exit 2, nothing written."""

import shlex
import string

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_studies import refused as refusal

from study.ablation.configuration import composition, overrides
from study.ablation.planning.cells import AXES
from study.ablation.store import open_store
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
    return refusal(overrides.prepared, [SMOKE, *words], CONF)


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
        refusal(composition.with_configuration, [SMOKE, word], lambda config: 0)


@pytest.mark.parametrize("value", "[ [{ { [1 [1} {a:}} ] [,] ( [a: ${ f(".split())
def test_grammar(value):
    for key in ("grids", "only.dataset", "protocol.learning_rates.sgd"):
        assert unread(f"{key}={value}").startswith(f"cannot read {key}={value}: key=value, ")


NO_NAMES = ["../smoke", "/etc/passwd", "./smoke", "smoke.yaml", "..", "Smoke", "null", ""]


@QUICK
@given(st.sampled_from(NO_NAMES) | LETTERS | st.integers().map(str))
def test_experiments(name):
    assume(name not in (*EXPERIMENTS, "true", "false", "yes", "no", "on", "off", "nan", "inf"))
    line = unread(f"experiment={name}")
    assert line.startswith(f"unknown experiment {name!r}.")
    assert line.endswith(f"Valid: {', '.join(EXPERIMENTS)}")


@pytest.mark.parametrize("option", ["nope", "7", "null", "../quick", "[a, b]", "quick.yaml"])
def test_groups(option):
    for group in ("protocol", "tracking", "execution"):
        line = unread(f"{group}={option}")
        assert group in line and "Valid: " in line


HYDRAS = {  # what Hydra, or its grammar of flags, knows better
    "flag": (["-x"], "unrecognized arguments: -x (flags stand before all key=value, or after"),
    "flag without its value": (["--cfg"], "argument --cfg/-c: expected one argument"),
    "value of a flag": (["--cfg=nope"], "argument --cfg/-c: invalid choice: 'nope'"),
    "resolve": (["--resolve"], "--resolve goes with --cfg job alone"),
    "config": (["--config-name=nope"], ""),
    "folder": (["--config-dir=/nope"], ""),
    "launcher": (["hydra/launcher=nope"], "hydra/launcher=nope is refused: the jobs of -m run"),
    "launcher of many": (["hydra/launcher=joblib", "-m"], "hydra/launcher=joblib is refused: "),
    "key of Hydra's": (["hydra.nope=1"], ""),
    "nothing to delete": (["~nothing"], ""),
    "twice": (["+experiment=smoke"], "experiment is chosen twice: experiment=..., without +, tak"),
    "list": (["about=[a]"], "about takes a text, not ['a']"),
    "package": (["experiment@foo=smoke"], ""),
    "rates": (["protocol.learning_rates=[0.1]"], "protocol.learning_rates takes rates by opt"),
    "grids by name": (["grids={dataset: iris}"], "grids takes a list, not {dataset: iris}"),
    "only": (["only=[3]"], "only takes values by name, not [3]"),
    "no such grid": (["grids.9.hidden=[3]"], "unknown configuration key 'grids.9'. Did you mean"),
    "no number": (["grids.x=[3]"], "unknown configuration key 'grids.x': grids are counted"),
    "key of a grid": (["grids.0.hiden=[3]"], "unknown axis in grids[0] 'hiden'. Did you mean 'h"),
    **{
        f"{axis} as a key": ([f"{axis}=[x]"], f"{axis} is an axis: only.{axis}=[...] keeps")
        for axis in AXES
    },
    "no value": (["execution=scheduler"], "execution.scheduler: it has no value yet; give it one"),
    "a bare word": (["train"], "'train' sets nothing: key=value does, such as experiment=smoke"),
    "a job of many": (["protocol=quick,nope", "-m"], "unknown protocol 'nope'. Valid: "),
    "too much": (["execution.max_runs=10"], "the plan has 320 trainings (about "),
    "two jobs": (["experiment=smoke,default"], "Ambiguous value for argument 'experiment=smoke,"),
    "key": (["protocol.updats=3"], "unknown configuration key 'protocol.updats'. Did you mean "),
    "key, added": (["+foo=3"], "unknown configuration key 'foo'. Valid: about, claims, "),
    "key of a group": (["foo.bar=3"], "unknown configuration key 'foo'. Valid: about, claims, "),
    "key below a number": (["protocol.updates.x=3"], "protocol.updates takes a whole number, not"),
    "deleted": (["~protocol.updates"], "protocol.updates is missing"),
    "no grids": (["~grids"], "experiment 'smoke': grids takes a list of products of axes"),
    "axis": (["only.gradint=[floor]"], "unknown configuration key 'only.gradint'. Did you mean "),
    **{v: ([f"about={v}"], "about: ") for v in ("${nope}", "${oc.env:NO_SUCH}", "${about}")},
}


@pytest.mark.parametrize(("words", "line"), HYDRAS.values(), ids=HYDRAS)
def test_what_hydra_finds(refused, words, line):
    said = refused(SMOKE, *words)
    assert said.startswith(line) and len(said) < 500, said


ADDRESSES = [
    *("x", "../x", "ftp://x", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "http"),
    *("http:", "http://", "file:///x", "uc:x", "é", "postgresql://", "mysql://", "mssql:"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses(address, monkeypatch, tmp_path):
    """The line names where the address came from."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    for uri in (address, None):
        line = refusal(open_store, uri, "smoke", tmp_path)
        assert address in line
        assert ("tracking.uri " in line) == (uri is not None), line


def test_a_password_is_not_shown(refused):
    for address, line in (
        ("postgresql+psycopg://me:secret@h/x", ""),
        ("postgresql+nothing://me:secret@h/x", "cannot use postgresql+nothing://***@h/x"),
        ("ftp://me:secret@h/x", "tracking.uri 'ftp://***@h/x' is no address that MLflow takes"),
        ("http://me:secret@127.0.0.1:9", "no MLflow server answers at http://***@127.0.0.1:9: "),
        ("http://127.0.0.1:port", "no MLflow server answers at"),
    ):
        said = refused(SMOKE, f"tracking.uri='{address}'")
        assert said.startswith(line) and "secret" not in said


SMALL = {  # words of small commands, and how the line begins
    "list gradient": "unknown list 'gradient'. Did you mean 'gradients'? Valid: ",
    **dict.fromkeys(["list ../x", "list ''"], "unknown list "),
    "train": "'train' is no command (list, explain, ui, publish, verify, predict) and sets",
    "explain": "study explain takes a name, such as: study explain floor",
    "explain flor": "unknown name 'flor'. Did you mean 'floor'? Valid: iris",
    **dict.fromkeys(["explain ''", "explain floor nope", "explain ../x"], "unknown name "),
    "ui prt=5": "unknown option of study ui 'prt'. Did you mean 'port'? Valid: ",
    **dict.fromkeys(["ui x", "ui ="], "unknown option of study ui "),
    **dict.fromkeys(
        [f"ui port={port}" for port in ("0", "high", "99999999999", "-1", "５０")],
        "port takes a number from 1 to 65535, not ",
    ),
    **dict.fromkeys(["ui host=", "ui 'host=a b'"], "host takes an address such as 127.0.0.1"),
    **dict.fromkeys(["ui experiment=../x", "ui experiment=", "ui tracking.uri=x"], ""),
    **dict.fromkeys(["publish", "publish experiment=smoke", "publish ../x", "publish nope"], ""),
    **dict.fromkeys(["verify", "verify ../x", "verify nope", "verify smoke cells=x"], ""),
    **dict.fromkeys([f"verify smoke {word}" for word in ("cells=0", "cels=3", "seed=a")], ""),
}


@pytest.mark.parametrize("words", SMALL)
def test_small_commands(refused, words):
    line = refused(*shlex.split(words), study=False)
    assert line.startswith(SMALL[words]) and len(line) < 1200, line


@pytest.mark.parametrize("name", ["../up", "..\\up", ".. up", "..", "a//b", "what?", "/root"])
def test_names_that_leave_their_folder(refused, name):
    for words in (["ui", f"experiment={name}"], ["publish", name], ["verify", name]):
        line = refused(*words, study=False)
        assert line.startswith("experiment ") and "cannot name a folder" in line
