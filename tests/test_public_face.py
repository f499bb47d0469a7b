"""`from study import ...`: what it names is there, is said, loads late, and trains."""

import ast
import doctest
from pathlib import Path

import pytest
from small_studies import python

import study

ROOT = Path(__file__).resolve().parents[1]


def test_names_are_there_documented_and_typed():
    for name, module in study.PUBLIC.items():
        assert callable(getattr(study, name))
        assert f"`{name}`" in study.__doc__
        assert name in dir(study) and module.startswith("study.")
    tree = ast.parse(Path(study.__file__).read_text(encoding="utf-8"))
    typed = {
        (alias.name, node.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == set(study.PUBLIC.items())
    assert (Path(study.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'Gradeint'"):
        study.Gradeint  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    heavy = ["numba", "numpy", "sklearn"]
    code = f"import sys, study; print([m for m in {heavy} if m in sys.modules])"
    assert python(code).stdout == "[]\n"


def test_the_example_of_the_docstring():
    found = doctest.testmod(study)
    assert found.attempted >= 5 and not found.failed
