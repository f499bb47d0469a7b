"""What holds for the tree as a whole, beside the imports that `make lint` checks."""

import ast
from pathlib import Path

from study.learning.rules import GRADIENTS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for folder in ("study", "reports") for p in (ROOT / folder).rglob("*.py"))
FILES = [*SOURCES, *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def test_no_lists_of_exports_and_no_relative_imports():
    for path, tree in TREES.items():
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert "__all__" not in names, path
        assert not any(isinstance(n, ast.ImportFrom) and n.level for n in ast.walk(tree)), path


def test_files_stay_small():
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {path: number for path, number in lines.items() if number > 400} == {}


def test_no_comparison_with_names_of_rules():
    """A new rule needs no line elsewhere: nothing in study/ branches on a rule's name."""
    common = {"exact", "constant", "scaled", "random", "window"}  # words of other meanings too
    names = set(GRADIENTS) - common
    for path, tree in TREES.items():
        parts = path.relative_to(ROOT).parts
        if parts[0] != "study" or parts[:3] == ("study", "learning", "rules"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                found = {leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)}
                assert not found & names, f"{path}:{node.lineno} compares with a rule's name"
