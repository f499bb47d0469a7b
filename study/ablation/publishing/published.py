"""Published folders: where they are, and whether their files are those of their manifest."""

import hashlib
import json
from pathlib import Path
from typing import Any

from study.errors import UsageError

MANIFEST = "manifest.json"


def manifest(folder: Path, *needed: str) -> dict[str, Any]:
    """Return the manifest of a published folder, with the keys `needed`.

    A manifest that is missing or broken, and a file of it that is missing or another one, raise
    `UsageError`.
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
