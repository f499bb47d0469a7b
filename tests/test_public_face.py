"""`from study import ...`: what it names is there, is said, loads late, and trains."""

import ast
import doctest
from pathlib import Path

import pytest
from small_studies import python

import study
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve

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


def test_the_own_record_of_the_documentation(tmp_path, monkeypatch):
    """Its snippet, in a file of the current folder, is a rule that a grid can name."""
    text = (ROOT / "docs" / "own_variant.md").read_text(encoding="utf-8")
    snippet = text.split("`my_rules.py`")[1].split("```python\n")[1].split("```")[0]
    assert "from study import" in snippet
    (tmp_path / "my_rules.py").write_text(snippet, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    own = resolve("gradient", GRADIENTS, {"_target_": "my_rules.halved"})
    exact, halved = (
        study.named_design((4,), gradient=gradient, optimizer="sgd") for gradient in ("exact", own)
    )
    problem = study.pose([study.datasets.load("encoder")], exact.objective, exact.output(10))
    one, two = (
        study.train(problem, design, study.Budget(updates=5, probes=0), [1], [0.1]).parameters
        for design in (exact, halved)
    )
    assert (one != two).any()
