"""Nothing is unpickled (caches: tests/datasets/test_stored_datasets.py); names are no paths."""

import ast
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from study.ablation.planning.cells import REGISTRIES
from study.ablation.store import check_name
from study.errors import UsageError
from study.learning.variants import NAME
from study.places import ROOT

STUDY = ROOT / "study"


def test_nothing_in_the_package_unpickles():
    """No pickle, joblib.load, eval or exec; np.load says allow_pickle=False."""
    files = [*STUDY.rglob("*.py"), *STUDY.with_name("reports").rglob("*.py")]
    assert len(files) > 50
    loads = 0
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "cloudpickle", "dill", "marshal", "shelve"} & set(names), path
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name == "exec" and path.name == "kernels.py":
                continue  # it makes the loop around a scalar function, from the function's names
            assert name not in ("eval", "exec", "joblib.load", "pd.read_pickle", "yaml.load"), path
            if name in ("np.load", "numpy.load"):
                loads += 1
                assert "allow_pickle=False" in ast.unparse(node), path
    assert loads


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=20))
def test_a_name_that_is_let_through_stays_in_its_folder(name):
    home = Path("/home/of/results")
    try:
        check_name(name)
    except UsageError:
        return
    place = Path(home, name)
    assert place.is_relative_to(home)
    assert ".." not in place.parts


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.from_regex(NAME, fullmatch=True))
def test_names_of_records_are_names_of_files(name):
    assert Path("/home", f"{name}.npz").parent == Path("/home")
    assert not set("/\\\n\0") & set(name)
    names = [name for registry in REGISTRIES.values() for name in registry]
    assert len(names) > 50 and all(map(NAME.fullmatch, names))
