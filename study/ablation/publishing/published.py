"""Published folders: where they are, and whether their files are those of their manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from study.errors import UsageError

MANIFEST = "manifest.json"


def manifest(folder: Path, *needed: str) -> dict[str, Any]:
    """Return the manifest of a published folder, after a check of all files that it names.

    Parameters
    ----------
    folder
        A folder in data/published.
    needed
        Keys that it must have, beside the digests.

    Raises
    ------
    UsageError
        Where the manifest is missing or broken, or a file is missing or is another one.
    """
    name = f"data/published/{folder.name}"
    restore = f"restore it with: git checkout -- {name}"
    try:
        content: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        digests = dict(content["sha256"])
        for key in needed:
            content[key]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{name}/{MANIFEST} is damaged; {restore}") from None
    for file, digest in digests.items():
        part = folder / Path(file).name  # a name, never a path
        try:
            same = hashlib.sha256(part.read_bytes()).hexdigest() == digest
        except OSError:
            raise UsageError(f"{name}/{part.name} is missing; {restore}") from None
        if not same:
            raise UsageError(f"{name}/{part.name} is not the published file; {restore}")
    return content
