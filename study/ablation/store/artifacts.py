"""The parquet files of cells: written whole, checked, read and exported."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq

from study.ablation.store.tables import CURVES, RUNS, concatenate, identify
from study.errors import UsageError

if TYPE_CHECKING:
    from study.ablation.store import FinishedCell

FILES = ("runs.parquet", "curves.parquet")
END = b"PAR1"
# types survive without arrow's own schema, which is longer than a small cell's data
HOW = {"compression": "zstd", "write_statistics": False, "store_schema": False}
SERVED = "mlflow-artifacts:"


def local_path(uri: str | None) -> Path | None:
    """Return the folder of an artifact URI, None where it is not on this machine."""
    if uri and uri.startswith("file:"):
        return Path(unquote(urlparse(uri).path))
    return Path(uri) if uri and uri.startswith("/") else None


def served(uri: str) -> bool:
    """Whether artifacts are kept with an MLflow server, whichever address that has."""
    return uri.startswith(SERVED)


def present(folder: Path) -> bool:
    """Whether a cell's tables are there, with the bytes that are written last."""
    try:
        for name in FILES:
            with open(folder / name, "rb") as file:
                file.seek(-len(END), os.SEEK_END)
                if file.read() != END:
                    return False
    except OSError:
        return False
    return True


def contents(cell: FinishedCell, experiment: str, run_ids: Mapping[str, str]) -> dict[str, bytes]:
    """Return a cell's files by name, the tables last.

    They hold the ids of its runs, by replica; the cell's own is at "".
    """
    own = {"experiment": experiment, "cell": cell.cell, "parent_run_id": run_ids[""]}
    tables = identify(cell.runs, RUNS, run_ids, **own), identify(cell.curves, CURVES, run_ids)
    return {**cell.model, **dict(zip(FILES, map(_content, tables), strict=True))}


def _content(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **HOW)
    return bytes(sink.getvalue())


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files by name, each only when it is whole."""
    for name, content in files.items():
        write_whole(folder / name, partial(Path.write_bytes, data=content))
    return [folder / name for name in files]


def write_tables(folder: Path, *tables: pa.Table) -> list[Path]:
    """Write runs and curves likewise, without their whole files in memory."""
    paths = [folder / name for name in FILES]
    for path, table in zip(paths, tables, strict=True):
        write_whole(path, partial(pq.write_table, table, **HOW))
    return paths


def write_text(path: Path, text: str) -> None:
    """Write a text, under its name only when it is whole."""
    write_whole(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path` and then give it that name, or say why it cannot."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def export(
    files: Sequence[Sequence[Path]], folder: Path, tasks: Sequence[str]
) -> tuple[Path, Path, int]:
    """Write the tables of cells, given by the files of each, as one pair; see `Store.export`."""
    if not files:
        raise UsageError("there is nothing to export: no cell is finished")
    runs, curves = ([read(path) for path in paths] for paths in zip(*files, strict=True))
    if any(tasks):
        runs = [
            r.add_column(2, "task", pa.repeat(t, len(r))) for r, t in zip(runs, tasks, strict=True)
        ]
    tables = concatenate(runs, RUNS), concatenate(curves, CURVES)
    runs_path, curves_path = write_tables(folder, *tables)
    return runs_path, curves_path, len(tables[0])


def read(path: Path) -> pa.Table:
    """Return a table, or say that its cell has lost it."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read(use_threads=False)  # threads cost more than such a file
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(
            f"cannot read {path}: {error}; without that file its cell is trained again"
        ) from error
