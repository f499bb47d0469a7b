"""Where an experiment's tables lie: its own results, else the published ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from study.learning.records import UsageError

PLACES = (("data", "results"), ("data", "published"))


def folder_of(base: Path, experiment: str) -> Path:
    """Return the first folder with the experiment's runs.

    Parameters
    ----------
    base
        Repository root.
    experiment
        A name.

    Raises
    ------
    UsageError
        Where there is none.
    """
    if Path(experiment).name != experiment:
        raise UsageError(f"an experiment is a name, not a path: {experiment!r}")
    for place in PLACES:
        folder = base.joinpath(*place, experiment)
        if (folder / "runs.parquet").is_file():
            return folder
    raise UsageError(
        f"no results of experiment {experiment!r} yet; "
        f"make them with: make ablation EXPERIMENT={experiment}"
    )


def stored_runs(base: Path, experiment: str, *, tuning: bool = False) -> pd.DataFrame:
    """Read the experiment's run table: all of it, or its scored runs where tuning lies apart.

    Parameters
    ----------
    base, experiment
        Repository root, and a name.
    tuning
        Whether tuning runs are wanted also where they lie apart.

    Raises
    ------
    UsageError
        Where there is none, or it can't be read.
    """
    frames = [read_table(path) for path in files_of(base, experiment, tuning=tuning)]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def files_of(base: Path, experiment: str, *, tuning: bool = False) -> list[Path]:
    """Return the parts of an experiment's run table in their order; see `stored_runs`."""
    folder = folder_of(base, experiment)
    kinds = ("runs*.parquet", "tuning-*.parquet") if tuning else ("runs*.parquet",)
    return [path for kind in kinds for path in sorted(folder.glob(kind), key=lambda p: p.stem)]


def read_table(path: Path) -> pd.DataFrame:
    """Read a parquet file.

    Raises
    ------
    UsageError
        In one line, where it can't be read.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
