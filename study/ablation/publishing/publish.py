"""``study publish NAME``: results in a small, exact form that can be committed and verified.

data/published/<experiment>/ holds

- runs.parquet: the exported runs with ``cell`` and ``replica`` for ids, every number as it was,
  but for `SCORED_ALONE`; where that is too large a file, tuning runs stand in tuning-00.parquet
  and so on, scored ones in runs.parquet, runs-01.parquet and so on;
- curves.parquet: quantiles over the seeds of each cell, stage and checkpoint; a population of
  tasks has tasks.parquet instead, a row a task;
- manifest.json: what makes the plan again, what made the results, digests of the files.

Written twice, the files are the same to the byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from study.ablation.configuration.composition import with_configuration
from study.ablation.configuration.schema import Config
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.publishing.provenance import RECORDS_FILE, configuration
from study.ablation.publishing.published import MANIFEST
from study.ablation.publishing.tasks import MEANINGS, TASKS_FILE
from study.ablation.store import artifacts, check_name
from study.ablation.store.tables import CURVES, REPLICA, RUNS, replica
from study.errors import UsageError
from study.learning import NUMERICS_VERSION
from study.places import ROOT

if TYPE_CHECKING:
    import pandas as pd

FOLDER = ROOT / "data" / "published"
MOST_BYTES = 5_000_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MEDIANS = ("descent_cosine", "saturated", "weight_norm")
SCORED_ALONE = tuple(name for name, column in RUNS.items() if column.beside)
"""Columns published of scored runs only: those of tuning runs would be a quarter of all bytes."""

OF_A_SESSION = (
    *("started", "wall seconds", "workers", "processor seconds in cells", "trainings"),
    *("machine", "versions", "lock sha256", "commit", "uncommitted changes"),
)
"""What the manifest keeps of the record of a study."""


def command(arguments: Sequence[str]) -> int:
    """``study publish NAME [key=value ...]``, with the overrides that made the results."""
    return with_configuration(words(arguments, "publish"), publish)


def words(arguments: Sequence[str], name: str) -> list[str]:
    """Return a command line for Hydra of ``NAME key=value ...``."""
    if not arguments or "=" in arguments[0] or arguments[0].startswith("-"):
        raise UsageError(f"study {name} takes an experiment first, as in: study {name} smoke")
    check_name(arguments[0])  # of a folder
    return [f"experiment={arguments[0]}", *arguments[1:]]


def publish(config: Config) -> int:
    """Write the published form of a plan's exported results into a folder, which is made anew.

    Results that are missing, or of another plan, or too large to commit, raise `UsageError`.
    """
    plan, folder = make_plan(config), FOLDER / config.experiment
    results = config.tracking.folder(config.experiment)
    runs, curves = (artifacts.read(results / f"{name}.parquet") for name in ("runs", "curves"))
    wanted, had = {planned.identity for planned in plan.cells}, set(runs["cell"].to_pylist())
    if wanted != had:
        raise UsageError(
            f"{results} holds other cells than the plan ({len(wanted - had):,} are missing, "
            f"{len(had - wanted):,} too many): publish with the overrides that made them, or make "
            "ablation again"
        )
    path = results / RECORDS_FILE
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: training the experiment makes it") from error
    files = _parts(published_part(keyed(runs)))
    if plan.drawn is None:
        files["curves.parquet"] = _bytes(curve_quantiles(runs, curves))
    else:
        files[TASKS_FILE] = _bytes(artifacts.read(results / TASKS_FILE))
    for name, content in files.items():
        if len(content) > MOST_BYTES:
            raise UsageError(
                f"{name} would have {len(content) / 1e6:.1f} MB, more than the "
                f"{MOST_BYTES / 1e6:.0f} MB of a file to commit: publish a narrower experiment"
            )
    manifest = json.dumps(_manifest(plan, len(runs), records, files), indent=1) + "\n"
    for old in [*folder.glob("*.parquet"), *folder.glob(MANIFEST)]:
        old.unlink()
    for name, content in {**files, MANIFEST: manifest.encode()}.items():
        artifacts.write_whole(folder / name, partial(Path.write_bytes, data=content))
    artifacts.write_text(folder.parent / "README.md", dictionary())
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size / 1e6:8.3f} MB  {path}")
    return 0


def keyed(runs: pa.Table) -> pa.Table:
    """Return exported runs with ``cell`` and ``replica`` in place of MLflow's ids."""
    columns = (runs[name].to_pylist() for name in ("stage", "learning_rate", "seed"))
    replicas = [replica(*row) for row in zip(*columns, strict=True)]
    table = runs.drop_columns(["run_id", "parent_run_id"])
    at = table.column_names.index("cell") + 1
    return table.add_column(at, REPLICA.name, pa.array(replicas, pa.string()))


def published_part(runs: pa.Table) -> pa.Table:
    """Return runs without `SCORED_ALONE` of those that only chose a learning rate."""
    tuned = pc.equal(runs["stage"], "tune")
    for at, name in enumerate(runs.column_names):
        if name in SCORED_ALONE:
            kept = pc.if_else(tuned, pa.scalar(None, runs[name].type), runs[name])
            runs = runs.set_column(at, name, kept)
    return runs


def curve_quantiles(runs: pa.Table, curves: pa.Table) -> pa.Table:
    """Return quantiles over seeds of the objective, and medians of probes, of scored trainings.

    A diverged training's objective counts as infinite; quantiles are values that occurred
    (``inverted_cdf``).
    """
    import pandas as pd  # slow

    names = runs.select(["run_id", "cell", "stage"]).to_pandas()
    frame = curves.to_pandas().merge(names, on="run_id", validate="many_to_one")
    frame = frame[frame["stage"] != "tune"]
    frame["objective"] = frame["objective"].fillna(np.inf)
    groups = frame.groupby(["cell", "stage", "update"], sort=False)
    columns: dict[str, pd.Series[Any]] = {"runs": groups.size()}
    for q in QUANTILES:
        quantile = partial(np.quantile, q=q, method="inverted_cdf")
        columns[f"objective_{100 * q:02.0f}"] = groups["objective"].agg(quantile)
    for name in MEDIANS:
        columns[name] = groups[name].median()
    return pa.Table.from_pandas(pd.DataFrame(columns).reset_index(), preserve_index=False)


def _parts(runs: pa.Table) -> dict[str, bytes]:
    """Return runs.parquet; where it is too large, without tuning runs, and both in parts."""
    whole = _bytes(runs)
    if len(whole) <= MOST_BYTES:
        return {"runs.parquet": whole}
    tuned = pc.equal(runs["stage"], "tune")
    scored, tuning = _cut(runs.filter(pc.invert(tuned))), _cut(runs.filter(tuned))
    found = {f"runs-{i:02}.parquet" if i else "runs.parquet": p for i, p in enumerate(scored)}
    return found | {f"tuning-{i:02}.parquet": part for i, part in enumerate(tuning)}


def _cut(table: pa.Table) -> list[bytes]:
    """Return a table in as few files of equal length as their size allows."""
    count = max(1, len(_bytes(table)) // MOST_BYTES)
    while True:
        rows = max(1, -(-len(table) // count))
        parts = [_bytes(table.slice(i, rows)) for i in range(0, len(table), rows)]
        if all(len(part) <= MOST_BYTES for part in parts) or rows == 1:
            return parts
        count += 1


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    floats = [f.name for f in table.schema if f.type == pa.float64()]
    pq.write_table(
        table.combine_chunks(),
        sink,
        use_dictionary=[name for name in table.column_names if name not in floats],
        use_byte_stream_split=floats,  # a fifth smaller
        compression="zstd",
        compression_level=19,
        write_statistics=False,
        store_schema=False,
    )
    return sink.getvalue().to_pybytes()


def _manifest(
    plan: Plan, runs: int, records: Sequence[Mapping[str, Any]], files: Mapping[str, bytes]
) -> dict[str, Any]:
    return {
        "experiment": plan.config.experiment,
        "overrides": [word for word in plan.config.overrides if _decides(word)],
        "configuration": {k: v for k, v in configuration(plan).items() if k != "overrides"},
        "numerics": NUMERICS_VERSION,
        "cells": {planned.identity: planned.name for planned in plan.cells},
        "runs": runs,
        "sessions": [{name: r.get(name) for name in OF_A_SESSION} for r in records],
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def _decides(word: str) -> bool:
    """Whether an override has a say in the plan."""
    return not word.lstrip("+~").startswith(("experiment=", "tracking", "execution", "dry_run"))


def dictionary() -> str:
    """Return the data dictionary, in Markdown, from the columns' own words."""
    from jinja2 import Template

    template = Path(__file__).with_name("dictionary.md.jinja").read_text(encoding="utf-8")
    runs = [RUNS["experiment"], RUNS["cell"], REPLICA]
    runs += [column for column in RUNS.values() if column.kind != "identity"]
    quantiles = {f"objective_{100 * q:02.0f}": f"{q:g}" for q in QUANTILES}
    page = Template(template, trim_blocks=True, keep_trailing_newline=True)
    return page.render(
        runs=runs, quantiles=quantiles, medians=MEDIANS, curves=CURVES, tasks=MEANINGS
    )
