"""``study publish NAME``: results in a small, exact form that can be committed and verified.

data/published/<experiment>/ holds

- runs.parquet: the exported runs with ``cell`` and ``replica`` for ids, every number as it was;
  where that is too large a file, tuning runs stand in tuning-00.parquet and so on, scored ones
  in runs.parquet, runs-01.parquet and so on;
- curves.parquet: quantiles over the seeds of each cell, stage and checkpoint;
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

from study.ablation.publishing.published import MANIFEST
from study.ablation.store import artifacts, check_name
from study.ablation.store.tables import CURVES, REPLICA, RUNS, replica
from study.datasets import ROOT
from study.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from study.ablation.configuration.schema import Config
    from study.ablation.planning.plan import Plan

FOLDER = ROOT / "data" / "published"
MOST_BYTES = 5_000_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MEDIANS = ("descent_cosine", "saturated", "weight_norm")
OF_A_SESSION = (
    "started",
    "wall seconds",
    "workers",
    "processor seconds in cells",
    "trainings",
    "machine",
    "versions",
    "lock sha256",
    "commit",
    "uncommitted changes",
)
"""What the manifest keeps of the record of a study."""


def command(arguments: Sequence[str]) -> int:
    """``study publish NAME [key=value ...]``, with the overrides that made the results."""
    from study.ablation.configuration.composition import with_configuration

    return with_configuration(words(arguments, "publish"), _publish)


def words(arguments: Sequence[str], name: str) -> list[str]:
    """Return a command line for Hydra of ``NAME key=value ...``."""
    if not arguments or "=" in arguments[0] or arguments[0].startswith("-"):
        raise UsageError(f"study {name} takes an experiment first, as in: study {name} smoke")
    check_name(arguments[0])  # of a folder
    return [f"experiment={arguments[0]}", *arguments[1:]]


def _publish(config: Config) -> int:
    from study.ablation.planning.plan import make_plan

    tables = config.tracking.tables
    results = Path(tables).absolute() if tables else ROOT / "data" / "results"
    folder = FOLDER / config.experiment
    publish(make_plan(config), results / config.experiment, folder)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size / 1e6:8.3f} MB  {path}")
    return 0


def publish(plan: Plan, results: Path, folder: Path) -> None:
    """Write the published form of exported results.

    Parameters
    ----------
    plan
        Whose results they are.
    results
        Folder of runs.parquet, curves.parquet and study.json, as an export leaves them.
    folder
        Where to write; what was published there before goes.

    Raises
    ------
    UsageError
        Where results are missing or of another plan, or too large to commit.
    """
    from study.ablation.publishing.provenance import RECORDS_FILE

    runs, curves = (artifacts.read(results / f"{name}.parquet") for name in ("runs", "curves"))
    _check_plan(plan, runs, results)
    try:
        records = json.loads((results / RECORDS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        path = results / RECORDS_FILE
        raise UsageError(f"cannot read {path}: make ablation makes it") from error
    files = _parts(keyed(runs))
    files["curves.parquet"] = _bytes(curve_quantiles(runs, curves))
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


def keyed(runs: pa.Table) -> pa.Table:
    """Return exported runs with ``cell`` and ``replica`` in place of MLflow's ids."""
    import pyarrow as pa

    columns = (runs[name].to_pylist() for name in ("stage", "learning_rate", "seed"))
    replicas = [replica(*row) for row in zip(*columns, strict=True)]
    table = runs.drop_columns(["run_id", "parent_run_id"])
    at = table.column_names.index("cell") + 1
    return table.add_column(at, REPLICA.name, pa.array(replicas, pa.string()))


def curve_quantiles(runs: pa.Table, curves: pa.Table) -> pa.Table:
    """Return quantiles over seeds of the objective, and medians of probes, of scored trainings.

    A diverged training's objective counts as infinite; quantiles are values that occurred
    (``inverted_cdf``).
    """
    import pandas as pd
    import pyarrow as pa

    names = runs.select(["run_id", "cell", "stage"]).to_pandas()
    frame = curves.to_pandas().merge(names, on="run_id", validate="many_to_one")
    frame = frame[frame["stage"] != "tune"]
    frame["objective"] = frame["objective"].fillna(np.inf)
    groups = frame.groupby(["cell", "stage", "update"], sort=False)
    columns: dict[str, pd.Series[Any]] = {"runs": groups.size()}
    for q in QUANTILES:
        columns[f"objective_{100 * q:02.0f}"] = groups["objective"].agg(_quantile, q)
    for name in MEDIANS:
        columns[name] = groups[name].median()
    return pa.Table.from_pandas(pd.DataFrame(columns).reset_index(), preserve_index=False)


def _quantile(values: pd.Series[float], q: float) -> float:
    return float(np.quantile(values, q, method="inverted_cdf"))


def _check_plan(plan: Plan, runs: pa.Table, results: Path) -> None:
    wanted = {planned.identity for planned in plan.cells}
    had = set(runs["cell"].to_pylist())
    if wanted != had:
        raise UsageError(
            f"{results} holds other cells than the plan ({len(wanted - had):,} are missing, "
            f"{len(had - wanted):,} too many): publish with the overrides that made them, or make "
            "ablation again"
        )


def _parts(runs: pa.Table) -> dict[str, bytes]:
    """Return runs.parquet; where it is too large, without tuning runs, and both in parts."""
    import pyarrow.compute as pc

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
    import pyarrow as pa
    import pyarrow.parquet as pq

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
    from study.ablation.publishing.provenance import configuration
    from study.learning import NUMERICS_VERSION

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
    lines = [
        "# Published results",
        "",
        "One folder an experiment. `study publish NAME` writes them, this page from the words "
        "in study/ablation/store/tables.py; `make verify EXPERIMENT=NAME` trains some cells "
        "anew and compares them.",
        "",
        "## runs.parquet (and runs-*.parquet, tuning-*.parquet where that would be over 5 MB)",
        "",
        "A row is a training. `cell` and `replica` are its key.",
        "",
        *_rows([RUNS["experiment"], RUNS["cell"], REPLICA]),
        *_rows(c for c in RUNS.values() if c.kind != "identity")[2:],
        "| `gradient.minimum`, ... | double or string | a variant's parameter; null where the "
        "variant has none of that name |",
        "",
        "## curves.parquet",
        "",
        "A row is a checkpoint of the scored trainings of a cell and stage.",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        "| `cell`, `stage` | string | as in the runs |",
        "| `update` | int64 | " + CURVES["update"].meaning + " |",
        "| `runs` | int64 | how many trainings |",
        *(
            f"| `objective_{100 * q:02.0f}` | float64 | quantile {q:g} over seeds of the "
            "objective on the whole training set; infinite once diverged |"
            for q in QUANTILES
        ),
        *(f"| `{n}` | float64 | median over seeds: {CURVES[n].meaning} |" for n in MEDIANS),
        "",
        "## manifest.json",
        "",
        "`experiment` and `overrides` make the plan again, `configuration` is what they gave, "
        "`cells` names each identity, `sessions` say which machine, versions, lock and commit "
        "made the results and in what time, `sha256` are digests of the files.",
        "",
    ]
    return "\n".join(lines)


def _rows(columns: Any) -> list[str]:
    rows = [f"| `{c.name}` | {c.type} | {c.meaning} |" for c in columns]
    return ["| column | type | meaning |", "|---|---|---|", *rows]
