"""An experiment that is the union of others: reads their files, which say but their difference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.ablation.configuration.checks import known, names
from study.ablation.configuration.yaml_files import read_yaml
from study.errors import UsageError, unknown

KEYS = ("about", "claims", "grids", "protocol")


def included(folder: Path, experiment: str, include: Any) -> dict[str, Mapping[str, Any]]:
    """Read the experiments under an experiment's ``include``.

    An included file states grids and, with ``protocol``, differences that hold for its grids
    alone. Its defaults have to be those of whoever includes it: they hold for all.

    Parameters
    ----------
    folder
        Of the experiment files.
    experiment
        Who includes.
    include
        A list of names, or nothing.

    Raises
    ------
    UsageError
        For a name without a file, a file that includes others, sets another key, or has other
        defaults.
    """
    wanted = names("include", include or [])
    options = sorted(path.stem for path in folder.glob("*.yaml") if path.stem != experiment)
    found: dict[str, Mapping[str, Any]] = {}
    for name in wanted:
        if name not in options:
            raise UsageError(unknown("include", name, options))
        content = read_yaml(folder / f"{name}.yaml")
        defaults, own = content.pop("defaults", []), read_yaml(folder / f"{experiment}.yaml")
        if defaults != own.get("defaults", []):
            raise UsageError(f"{experiment} cannot include {name}: it has other defaults")
        known(f"{name}: ", content, KEYS)
        found[name] = content
    return found
