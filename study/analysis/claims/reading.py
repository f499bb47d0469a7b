"""conf/claims.yaml as records."""

from __future__ import annotations

from pathlib import Path

from study.ablation.configuration.claims import claims_path
from study.ablation.configuration.yaml_files import read_yaml
from study.analysis.claims.records import Claims, claims_from


def read_claims(path: Path | None = None) -> Claims:
    """Read the file of claims, that of the checkout unless another is given.

    Raises
    ------
    UsageError
        Where it is missing or wrong, in one line.
    """
    return claims_from(read_yaml(path or claims_path()))
