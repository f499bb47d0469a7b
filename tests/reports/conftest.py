"""Prepared results, a checkout to call commands in, and the project's style around every test."""

import sys
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from synthetic_tables import DEFAULT, MANY, SMALL, synthetic

ROOT = Path(__file__).resolve().parents[2]
matplotlib.use("Agg")
sys.path.insert(0, str(ROOT))  # reports/ is not installed


@pytest.fixture(scope="session", autouse=True)
def one_check():
    """In place of the checks of gradients, which take seconds: one that holds."""
    from study.evidence import evidence

    columns = {"check": ["derivative"], "location": ["hidden"], "rule": ["exact"]}
    checks = pd.DataFrame({**columns, "ratio": [0.01]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "gradient_checks", lambda: checks)
        yield checks


def _prepared(name, shape):
    """Return a fixture: a synthetic experiment, prepared."""

    def made():
        from study.evidence.naming import prepare

        return prepare(name, *synthetic(**shape))

    return pytest.fixture(made, scope="session")


results, default_results, many_results = (
    _prepared(name, shape)
    for name, shape in (("small", SMALL), ("default", DEFAULT), ("many", MANY))
)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with an experiment that was not run; commands take it for theirs."""
    from reports import command

    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "planned.yaml").touch()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(command, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def themed():
    """Every figure is drawn in the project's style."""
    from reports import style

    with style.theme():
        yield


@pytest.fixture(scope="session")
def checkout_with_page(tmp_path_factory):
    """A checkout of small results with the page made from them, for all its tests."""
    from page_base import make_base  # brings the whole of the reports

    return make_base(tmp_path_factory.mktemp("page"))
