import pytest

import study.datasets
from study.datasets import Dataset
from study.errors import UsageError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_DATA", str(tmp_path / "cache"))
    study.datasets._fixed.cache_clear()
    yield tmp_path / "cache"
    study.datasets._fixed.cache_clear()


@pytest.fixture
def refusal():
    """The one line of the UsageError that a call raises."""

    def call(function, *arguments, **options):
        with pytest.raises(UsageError) as caught:
            function(*arguments, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return call


@pytest.fixture
def user():
    """Make a record of a user's own, whose loader returns the given raw arrays."""

    def make(raw, task="regression", **fields):
        said = dict.fromkeys(("formula", "reference", "source", "licence"), "?")
        return Dataset(name="mine", task=task, load=lambda seed: raw, **said, **fields)

    return make
