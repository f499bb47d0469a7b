"""The arrows between rooms go down only; no file grows beyond what one can hold in mind."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# from top to bottom; a room may import what stands under it
ROOMS = (
    "reports",
    "study.evidence",
    "study.analysis",
    "study.ablation",
    "study.estimator",
    "study.datasets",
    "study.learning",
)
# within study.ablation, under the command's own modules
STOREYS = ("publishing", "running", "store", "planning", "configuration")
OUTSIDE = {  # what a room may import beside the standard library
    "study.learning": {"numpy", "numba"},
    "study.datasets": {"numpy", "sklearn"},
    "study.estimator": {"numpy", "sklearn"},
    "study.evidence": {"numpy", "pandas", "scipy"},
    "study.analysis": {"numpy", "pandas", "scipy"},
}
ABLATION_ALONE = {"hydra", "omegaconf", "mlflow", "sqlalchemy"}
SOURCES = sorted(p for folder in ("study", "reports") for p in (ROOT / folder).rglob("*.py"))
FILES = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """All modules that a file imports, wherever in it, for types alone too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def room_of(module: str) -> str | None:
    return next((room for room in ROOMS if within(module, room)), None)


def test_every_room_is_looked_at():
    assert {room_of(dotted(path)) for path in SOURCES} >= set(ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_arrows_go_down(path):
    module = dotted(path)
    room = room_of(module)
    found = imports(path)
    for imported in found:
        target = room_of(imported)
        if room and target:
            assert ROOMS.index(target) >= ROOMS.index(room), f"{module} imports {imported}"
    strangers = {
        imported.partition(".")[0] for imported in found if not within(imported, "study")
    } - set(sys.stdlib_module_names)
    if room in OUTSIDE:
        assert strangers <= OUTSIDE[room], f"{module} imports {strangers - OUTSIDE[room]}"
    if room != "study.ablation":
        assert not strangers & ABLATION_ALONE, f"{module} imports {strangers & ABLATION_ALONE}"


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_arrows_go_down_within_ablation(path):
    def storey(module):
        return next((s for s in STOREYS if within(module, f"study.ablation.{s}")), None)

    own = storey(dotted(path))
    for imported in imports(path):
        target = storey(imported)
        if own and target:
            assert STOREYS.index(target) >= STOREYS.index(own), f"{dotted(path)} <- {imported}"


def test_no_lists_of_exports():
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not any(
            isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
            for node in tree.body
        ), path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines"


def test_no_comparison_with_names_of_rules():
    """A new modification needs no line elsewhere: nothing in study/ branches on a rule's name."""
    from study.learning.rules import GRADIENTS

    common = {"exact", "constant", "scaled", "random", "window"}  # words of other meanings too
    names = set(GRADIENTS) - common
    for path in SOURCES:
        module = dotted(path)
        if not within(module, "study") or within(module, "study.learning.rules"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                constants = {
                    leaf.value
                    for side in [node.left, *node.comparators]
                    for leaf in ast.walk(side)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
                assert not constants & names, f"{path}:{node.lineno} compares with a rule's name"
