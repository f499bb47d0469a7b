"""The file of claims: fixed before evaluation seeds are run, so its digest goes on every run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from study.ablation.configuration.composition import configuration_folder
from study.errors import UsageError


def claims_path() -> Path:
    """Return conf/claims.yaml of the checkout."""
    return configuration_folder() / "claims.yaml"


def claims_digest(path: Path | None = None) -> str:
    """Return the sha256 of the file of claims, 64 hex digits.

    Raises
    ------
    UsageError
        Where it is missing.
    """
    path = path or claims_path()
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"conf/{path.name} cannot be read: {error.strerror}") from None
