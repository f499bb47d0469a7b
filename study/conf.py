"""The folder conf/: where it is, its YAML files, the digest of the claims."""

import hashlib
from pathlib import Path
from typing import Any

from study.errors import UsageError
from study.places import CARRIED


def configuration_folder() -> Path:
    """Return conf/ of the checkout, or the one that the installed package carries."""
    folder = CARRIED / "conf"
    if not (folder / "config.yaml").is_file():
        raise UsageError(f"{folder} has no config.yaml: install the package again")
    return folder


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys of a YAML file with their values, in plain containers.

    Where it is missing, is not YAML, or holds no keys, it raises `UsageError`.
    """
    from omegaconf import OmegaConf  # figures of finished tables do without it

    try:
        found: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:  # the parser's errors have no common class
        said = " ".join(str(error).split())
        raise UsageError(f"{path.name} cannot be read: {said}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path.name} holds no keys")
    return {str(key): value for key, value in found.items()}


def claims_path() -> Path:
    """Return conf/claims.yaml."""
    return configuration_folder() / "claims.yaml"


def shares_path() -> Path:
    """Return conf/shares.yaml, the claims about a population of tasks."""
    return configuration_folder() / "shares.yaml"


def claims_digest(path: Path | None = None) -> str:
    """Return the sha256 of the file of claims, 64 hex digits.

    The claims are fixed before evaluation seeds are run, so every scored run carries this digest.
    A file that cannot be read raises `UsageError`.
    """
    path = path or claims_path()
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"conf/{path.name} cannot be read: {error.strerror}") from None
