"""Where an experiment's tables lie: its own results, else the published ones."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from study.ablation.publishing.published import MANIFEST, manifest
from study.errors import UsageError, unknown

PUBLISHED = ("data", "published")
PLACES = {("data", "results"): ("runs.parquet",), PUBLISHED: ("runs.parquet", "manifest.json")}
"""Folder -> files that show a stored experiment: a manifest without runs means lost files."""


def place_of(base: Path, experiment: str) -> Path | None:
    """Return the first folder with the experiment's results, unchecked; none where none is."""
    for place, signs in PLACES.items():
        folder = base.joinpath(*place, experiment)
        if any((folder / name).is_file() for name in signs):
            return folder
    return None


def folder_of(base: Path, experiment: str) -> Path:
    """Return the first folder with the experiment's runs; published ones are checked.

    Raises
    ------
    UsageError
        Where there is none, a published file is missing, changed or not in the manifest, or the
        manifest is damaged.
    """
    if Path(experiment).name != experiment:
        raise UsageError(f"an experiment is a name, not a path: {experiment!r}")
    folder = place_of(base, experiment)
    if folder is None:
        raise UsageError(_absent(base, experiment))
    if folder.parent == base.joinpath(*PUBLISHED) and (folder / MANIFEST).is_file():
        digests = manifest(folder)["sha256"]
        for part in parts(folder, tuning=True):
            if part.name not in digests:
                name = f"data/published/{folder.name}/{part.name}"
                raise UsageError(f"{name} is not in its manifest.json: remove it")
    return folder


def _absent(base: Path, experiment: str) -> str:
    configured = base / "conf" / "experiment"
    if configured.is_dir() and not (configured / f"{experiment}.yaml").is_file():
        names = {path.stem for path in configured.glob("*.yaml")}
        for place in PLACES:
            names |= {p.name for p in base.joinpath(*place).glob("*") if place_of(base, p.name)}
        return (
            f"{unknown('experiment', experiment, sorted(names))} "
            f"(there is no conf/experiment/{experiment}.yaml, and no results)"
        )
    return no_results(experiment)


def no_results(experiment: str) -> str:
    """Say that an experiment has no results, and how they are made."""
    return (
        f"no results of experiment {experiment!r} yet; "
        f"make them with: make ablation EXPERIMENT={experiment}"
    )


def stored_runs(base: Path, experiment: str, *, tuning: bool = False) -> pd.DataFrame:
    """Read an experiment's run table; tuning runs in files of their own only on request."""
    return joined(files_of(base, experiment, tuning=tuning))


def files_of(base: Path, experiment: str, *, tuning: bool = False) -> list[Path]:
    """Return the parts of an experiment's run table in their order; see `stored_runs`."""
    return parts(folder_of(base, experiment), tuning=tuning)


def parts(folder: Path, *, tuning: bool = False) -> list[Path]:
    """Return the parts of a folder's run table in their order, tuning runs last."""
    kinds = ("runs*.parquet", "tuning-*.parquet") if tuning else ("runs*.parquet",)
    return [path for kind in kinds for path in sorted(folder.glob(kind), key=lambda p: p.stem)]


def joined(paths: Sequence[Path]) -> pd.DataFrame:
    """Read parts of a table as one."""
    frames = [read_table(path) for path in paths]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def read_table(path: Path) -> pd.DataFrame:
    """Read a parquet file; one that can't be read is a `UsageError` in one line."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
