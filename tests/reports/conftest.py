"""Prepared results, and the project's style around every test."""

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


@pytest.fixture(scope="session")
def results():
    """A small experiment, prepared."""
    from study.evidence.naming import prepare

    return prepare("small", *synthetic(**SMALL))


@pytest.fixture(scope="session")
def default_results():
    """An experiment of the default's size and shape, prepared."""
    from study.evidence.naming import prepare

    return prepare("default", *synthetic(**DEFAULT))


@pytest.fixture(scope="session")
def many_results():
    """An experiment with nearly every rule, prepared."""
    from study.evidence.naming import prepare

    return prepare("many", *synthetic(**MANY))


@pytest.fixture(autouse=True)
def themed():
    """Every figure is drawn in the project's style."""
    from reports import style

    with style.theme():
        yield
