"""Raw arrays on disk: where they lie, how they are read and written. Nothing is ever unpickled."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from uuid import uuid4

import numpy as np

from study.datasets.record import Raw
from study.errors import UsageError

_HOME = Path(__file__).resolve().parents[2]
# of a checkout; a package installed elsewhere has no data of its own and takes the current folder
ROOT = _HOME if (_HOME / "pyproject.toml").is_file() else Path.cwd()


def cache_folder() -> Path:
    """Return the folder of cached arrays: ``$STUDY_DATA``, else ``data/cache`` in `ROOT`."""
    given = os.environ.get("STUDY_DATA")
    return Path(given).expanduser().resolve() if given else ROOT / "data" / "cache"


def read(key: str) -> Raw | None:
    """Return the arrays stored under `key`, or None if there are none.

    Raises
    ------
    UsageError
        If the file is there and is no archive of plain arrays.
    """
    path = cache_folder() / f"{key}.npz"
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return Raw(stored["inputs"], stored["targets"], task=str(stored["task"]))
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        raise UsageError(
            f"the cached dataset {path} is damaged: delete it and load again"
        ) from None


def write(key: str, raw: Raw) -> None:
    """Store arrays under `key`, all or nothing, whoever else writes at the same time."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{key}.{uuid4().hex}.part"
    try:
        with part.open("xb") as file:
            np.savez_compressed(
                file,
                inputs=np.asarray(raw.inputs),
                targets=np.asarray(raw.targets),
                task=np.asarray(raw.task),
            )
        part.replace(folder / f"{key}.npz")
    finally:
        part.unlink(missing_ok=True)
