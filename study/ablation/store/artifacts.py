"""The parquet tables of cells as files: written whole, found, and put together again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from study.ablation.store.tables import CURVES, RUNS, concatenate, identify
from study.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

RUNS_FILE = "runs.parquet"
CURVES_FILE = "curves.parquet"
END = b"PAR1"


def local_path(uri: str) -> Path | None:
    """Return the folder of an artifact URI, None where it is not on this machine."""
    if uri.startswith("file:"):
        return Path(unquote(urlparse(uri).path))
    return Path(uri) if uri.startswith("/") else None


def present(folder: Path) -> bool:
    """Whether a cell's tables are there, and not cut short."""
    return all(_whole(folder / name) for name in (RUNS_FILE, CURVES_FILE))


def gone(folder: Path, cells: int, store: str) -> str:
    """One line for a folder of artifacts that was moved or removed."""
    return (
        f"{cells:,} cells are recorded in {store}, but the folder with their tables is gone: "
        f"put {folder} back, or make it anew, empty, to have them trained again"
    )


def tables_of(
    runs: pa.Table,
    curves: pa.Table,
    experiment: str,
    cell: str,
    parent: str,
    run_ids: dict[str, str],
) -> tuple[pa.Table, pa.Table]:
    """Give a cell's tables their ids, as they are kept and exported.

    Parameters
    ----------
    runs, curves
        Tables after `tables.conform`.
    experiment, cell, parent
        Name of the experiment, identity of the cell, id of its run.
    run_ids
        Id of the run of each replica.
    """
    return (
        identify(
            runs,
            RUNS,
            experiment=experiment,
            cell=cell,
            run_id=_replace(runs, run_ids),
            parent_run_id=parent,
        ),
        identify(curves, CURVES, run_id=_replace(curves, run_ids)),
    )


def write_tables(folder: Path, runs: pa.Table, curves: pa.Table) -> tuple[Path, Path]:
    """Write the two tables, each under its name only when it is whole.

    Raises
    ------
    UsageError
        Where the folder cannot be written.
    """
    import pyarrow.parquet as pq

    paths = folder / RUNS_FILE, folder / CURVES_FILE
    for path, table in zip(paths, (runs, curves), strict=True):

        def write(target: Path, table: pa.Table = table) -> None:
            # types survive without arrow's own schema, which is longer than a small cell's data
            pq.write_table(
                table, target, compression="zstd", write_statistics=False, store_schema=False
            )

        write_whole(path, write)
    return paths


def write_text(path: Path, text: str) -> None:
    """Write a text, under its name only when it is whole."""
    write_whole(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path` and then give it that name.

    Raises
    ------
    UsageError
        Where the folder cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def export(files: Sequence[tuple[Path, Path]], folder: Path) -> tuple[Path, Path, int]:
    """Put the tables of cells together.

    Parameters
    ----------
    files
        For each cell its runs and its curves, in the order wanted.
    folder
        Where runs.parquet and curves.parquet go.

    Returns
    -------
    The two paths, and how many trainings they hold.

    Raises
    ------
    UsageError
        For no cells at all, and for a file that cannot be read.
    """
    if not files:
        raise UsageError("there is nothing to export: no cell is finished")
    runs = concatenate([read(path) for path, _ in files], RUNS)
    curves = concatenate([read(path) for _, path in files], CURVES)
    runs_path, curves_path = write_tables(folder, runs, curves)
    return runs_path, curves_path, len(runs)


def read(path: Path) -> pa.Table:
    """Return a table.

    Raises
    ------
    UsageError
        Where there is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.read(use_threads=False)  # threads cost more than such a file
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(
            f"cannot read {path}: {error}; without that file its cell is trained again"
        ) from error


def _replace(table: pa.Table, run_ids: dict[str, str]) -> pa.Array:
    import pyarrow as pa

    return pa.array([run_ids[replica] for replica in table["replica"].to_pylist()], pa.string())


def _whole(path: Path) -> bool:
    """Whether a parquet file has its end, which is written last."""
    try:
        with open(path, "rb") as file:
            file.seek(-len(END), os.SEEK_END)
            return file.read() == END
    except OSError:
        return False
