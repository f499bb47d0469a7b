"""Modules of a user's own, for workers that don't share a disk with the process that asks."""

import importlib.util
import sys
from pathlib import Path

from study.ablation.planning.cells import REGISTRIES
from study.ablation.planning.plan import Plan


def own_modules(plan: Plan) -> dict[str, bytes]:
    """Return the files, by name, of the modules that own records in a plan come from.

    With them go all modules and packages that were loaded from the same folder. What is installed
    is left out: workers have it installed too.
    """
    folders = {place.parent for name in _named(plan) if (place := _place(name))}
    tops = {name.partition(".")[0] for name in list(sys.modules)} - {"study", "__main__"}
    found: dict[str, bytes] = {}
    for place in filter(None, map(_place, sorted(tops))):
        if place.parent in folders:
            files = [place] if place.is_file() else _files(place)
            found |= {str(path.relative_to(place.parent)): path.read_bytes() for path in files}
    return found


def _files(package: Path) -> list[Path]:
    """Return all files of a package but compiled ones."""
    return [p for p in package.rglob("*") if p.is_file() and p.parent.name != "__pycache__"]


def _named(plan: Plan) -> set[str]:
    """Return the top-level modules of the own records in a plan."""
    targets = {getattr(p.cell, axis).target for p in plan.cells for axis in REGISTRIES}
    trunks = {p.trunk.gradient.target for p in plan.cells if p.trunk}
    return {target.partition(".")[0] for target in targets | trunks if target}


def _place(name: str) -> Path | None:
    """Return the file or folder of a top-level module, None if it is installed or built in."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    file = Path(spec.origin).resolve()
    installed = (Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix))
    if any(file.is_relative_to(prefix) for prefix in installed):
        return None
    return file.parent if file.name == "__init__.py" else file
