"""What the shell offers after ``study``, beside what Hydra's own completion does."""

import os
from collections.abc import Sequence
from pathlib import Path

from study.ablation.commands import COMMANDS
from study.ablation.planning.cells import REGISTRIES
from study.ablation.publishing import publish
from study.ablation.publishing.published import MANIFEST
from study.conf import configuration_folder


def asks(arguments: Sequence[str]) -> bool:
    """Whether a shell asks what it could offer."""
    return arguments[:1] in (["-sc"], ["--shell-completion"]) and "query=" in arguments[-1]


def offer() -> bool:
    """Print words that could end a command line; tell whether they are all there is."""
    said = os.environ.get("COMP_LINE", "")
    words = said.split()[1:]
    if said[-1:].strip():
        words = words[:-1]  # the last one is what is completed
    if not words:
        print(*COMMANDS)
    elif words[0] in COMMANDS:
        print(*_words_of(words[0]))
    return bool(words) and words[0] in COMMANDS


def _words_of(command: str) -> list[str]:
    experiments = sorted(
        path.stem for path in (configuration_folder() / "experiment").glob("*.yaml")
    )
    if command == "verify":
        published = sorted(path.parent.name for path in publish.FOLDER.glob(f"*/{MANIFEST}"))
        return [*published, "cells=", "seed=", "only.", "execution.workers="]
    if command == "explain":
        return [name for registry in REGISTRIES.values() for name in registry]
    if command == "list":
        return [*(f"{axis}s" for axis in REGISTRIES), "experiments"]
    if command == "predict":
        return sorted(map(str, Path().glob("*.yaml")))
    if command == "ui":
        places = ["port=", "host=", "tracking.uri="]
        return [*(f"experiment={name}" for name in experiments), *places]
    return experiments
