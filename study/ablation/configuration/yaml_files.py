"""A YAML file as plain containers, or one line of error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.errors import UsageError


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys of a YAML file with their values.

    Raises
    ------
    UsageError
        Where it is missing, no YAML, or holds no keys.
    """
    from omegaconf import OmegaConf

    try:
        found: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:  # the parser's errors have no class of their own here
        said = " ".join(str(error).split())
        raise UsageError(f"{path.name} cannot be read: {said}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path.name} holds no keys")
    return {str(key): value for key, value in found.items()}
