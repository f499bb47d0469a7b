"""The columns of runs.parquet and curves.parquet: type, meaning, and their role in MLflow.

One schema serves training, stores and publishing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from study.learning.variants import plain

Kind = Literal["identity", "param", "metric", "tag"]


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str  # its name in the table and in MLflow
    kind: Kind  # ``identity`` (ids, filled by the store), ``param``, ``metric`` or ``tag``
    type: str  # alias of a pyarrow type
    meaning: str  # what it contains, with the unit
    indexed: bool = True  # whether MLflow has it too; the tables, which count, have all columns
    optional: bool = False  # whether it may be missing when a table is made, as a metric may
    beside: bool = False  # whether it explains a run, and neither scores it nor chooses its rate


REPLICA = Column("replica", "identity", "string", "stage/learning rate/seed: key within a cell")

_PROBES = (
    Column("descent_cosine", "metric", "float64", "cosine of modified and exact gradient"),
    Column("descent_cosine_first", "metric", "float64", "the same, first layer alone", False),
    Column("saturated", "metric", "float64", "share of saturated (unit, pattern) pairs"),
    Column("decided", "metric", "float64", "share of decided ones: |2u - 1| > 0.9", False),
    Column("flips_decided", "metric", "float64", "share of decided pairs that flipped", False),
    Column("flips_undecided", "metric", "float64", "share of undecided ones that did", False),
    Column("gradient_norm", "metric", "float64", "norm of the modified gradient", False),
    Column("exact_gradient_norm", "metric", "float64", "norm of the exact gradient", False),
    Column("weight_norm", "metric", "float64", "norm of all parameters", False),
)


def _explains(name: str, meaning: str) -> Column:
    return Column(name, "metric", "float64", meaning, indexed=False, beside=True)


RUNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("experiment", "identity", "string", "name of the experiment"),
        Column("cell", "identity", "string", "identity of the cell, 40 hex digits"),
        Column("task", "identity", "string", "task of a population that the cell is an arm of"),
        Column("run_id", "identity", "string", "MLflow's id of the training"),
        Column("parent_run_id", "identity", "string", "MLflow's id of the cell"),
        Column("dataset", "param", "string", "name of the data"),
        Column("objective", "param", "string", "name of the objective"),
        Column("hidden", "param", "string", "widths of the hidden layers, as in 32-32"),
        Column("initialisation", "param", "string", "name of the initial weights' rule"),
        Column("gain", "param", "float64", "factor on the initial weights"),
        Column("activation", "param", "string", "name of the hidden activation"),
        Column("gradient", "param", "string", "name of the factor in the slope's place"),
        Column(
            "location",
            "param",
            "string",
            "layers it applies to: hidden, output, all, last_2, none",
        ),
        Column("consistent", "param", "string", "twin in the forward pass: false, true, forward"),
        Column("optimizer", "param", "string", "name of the optimizer"),
        Column("learning_rate", "param", "float64", "initial learning rate"),
        Column("seed", "param", "int64", "seed of weights, batches and fresh data"),
        Column("stage", "param", "string", "tune, evaluate or transfer"),
        Column("updates", "param", "int64", "budget in updates"),
        Column("batch_size", "param", "string", "patterns of a batch, or full"),
        Column("decay", "param", "bool", "rate falls to 0 over the second half", optional=True),
        Column("dtype", "param", "string", "float32 or float64"),
        Column("initial_objective", "metric", "float64", "objective before training"),
        Column("final_objective", "metric", "float64", "objective after training"),
        Column("constant_objective", "metric", "float64", "of the best constant", False),
        Column("optimum", "metric", "float64", "lowest reachable objective L*", False),
        Column("score", "metric", "float64", "log10 of the relative objective; 0 if failed"),
        Column("test_score", "metric", "float64", "accuracy or R2 on the test set"),
        Column("stopped_test_score", "metric", "float64", "the same with early stopping", False),
        Column("updates_to_target", "metric", "float64", "updates until solved, interpolated"),
        Column(
            "learnt_at", "metric", "float64", "updates until all outputs were near enough", False
        ),
        Column("diverged_at", "metric", "float64", "update of the checkpoint that saw it"),
        *(_explains(c.name, f"last: {c.meaning}") for c in _PROBES),
        _explains("path_length", "distance from start to end"),
        _explains("asymmetry", "of the final field within layers, 0 to 1"),
        _explains("negative_eigenvalues", "share in K~, where taken"),
        Column("outcome", "tag", "string", "solved, plateau, stuck or diverged"),
        Column("diverged_by", "tag", "string", "nonfinite, objective, norm, or empty"),
        Column("failed", "tag", "bool", "diverged by nonfinite or objective, or stuck", False),
        Column("runaway", "tag", "bool", "diverged by norm", False),
        Column("claims", "tag", "string", "sha256 of conf/claims.yaml when scored", optional=True),
    )
}
"""One row a training. Beside these stand the parameters of variants, such as gradient.minimum."""

CURVES: dict[str, Column] = {
    column.name: column
    for column in (
        Column("run_id", "identity", "string", "MLflow's id of the training"),
        Column("update", "identity", "int64", "updates done at the checkpoint"),
        Column("objective", "metric", "float64", "on the whole training set"),
        *_PROBES,
    )
}
"""One row per training and checkpoint; NaN where a probe was not taken, or after divergence."""

FINALS = (
    *("final_objective", "initial_objective", "test_score"),
    *("updates_to_target", "diverged_at", "score"),
)
"""The last values that MLflow has of a training, the most important first."""

VARIANTS = (
    *("dataset", "objective", "activation", "gradient", "optimizer", "initialisation"),
    "branch",
)
"""What has parameters: a column ``<one of these>.<parameter>`` is a param of any type.

``branch`` describes the first phase of a branched training: ``branch.gradient`` and the like.
"""


def is_variant_parameter(name: str) -> bool:
    """Whether a column holds a variant's parameter, as ``gradient.minimum`` does."""
    prefix, dot, parameter = name.partition(".")
    return bool(dot and parameter) and prefix in VARIANTS


def replica(stage: str, rate: float, seed: int) -> str:
    """Return the key of a training within its cell."""
    return f"{stage}/{plain(rate)}/{seed}"


def table(columns: Mapping[str, Any], schema: Mapping[str, Column]) -> pa.Table:
    """Make the runs or curves of a cell, in the types and the order of `RUNS` or `CURVES`.

    Columns are sequences or arrays of one length: ``replica``, every param and tag of the schema,
    any of its metrics (null where absent); for runs the parameters of variants. One that is
    unknown or missing raises `ValueError`.
    """
    own = {REPLICA.name: REPLICA}  # and what is not the store's to fill in
    own |= {c.name: c for c in schema.values() if c.kind != "identity" or c.name == "update"}
    others = [name for name in columns if name not in own]
    strange = [name for name in others if schema is not RUNS or not is_variant_parameter(name)]
    needed = [c.name for c in own.values() if c.kind != "metric" and not c.optional]
    missing = [name for name in needed if name not in columns]
    if strange or missing:
        raise ValueError(f"columns unknown: {strange}, missing: {missing}")
    rows = len(columns[REPLICA.name])
    arrays: dict[str, Any] = {}
    for name in _order({*columns, *own}, own):
        array = pa.array(_one_nan(columns[name])) if name in columns else pa.nulls(rows)
        if name in own:
            arrays[name] = array.cast(pa.type_for_alias(own[name].type))
        elif not pa.types.is_null(array.type):  # a parameter without any value is no column
            arrays[name] = array.cast(pa.float64()) if pa.types.is_integer(array.type) else array
    return pa.table(arrays)


def _one_nan(values: Any) -> Any:
    """Give every NaN the same bits: processors that make one differ in its sign."""
    floats = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return np.where(np.isnan(values), np.nan, values) if floats else values


def identify(
    table: pa.Table, schema: Mapping[str, Column], run_ids: Mapping[str, str], **texts: str
) -> pa.Table:
    """Put the ids of runs, by replica, and other texts in place of a cell's key ``replica``."""
    columns = dict(zip(table.column_names, table.columns, strict=True))
    ids = [run_ids[key] for key in columns.pop(REPLICA.name).to_pylist()]
    columns |= {name: pa.repeat(text, len(table)) for name, text in texts.items()}
    columns["run_id"] = pa.array(ids, pa.string())
    return pa.table({name: columns[name] for name in _order(columns, schema)})


def concatenate(tables: Sequence[pa.Table], schema: Mapping[str, Column]) -> pa.Table:
    """Stack tables of many cells; a variant's parameter is null where a cell has none.

    Two records may give one parameter name to a number and to a word: such a column is text.
    """
    kinds = {(field.name, field.type) for table in tables for field in table.schema}
    mixed = {name for name, number in Counter(name for name, _ in kinds).items() if number > 1}
    parts = [_as_text(table, mixed) for table in tables]
    whole = pa.concat_tables(parts, promote_options="default")
    return whole.select(_order(whole.column_names, schema)).combine_chunks()


def _order(names: Iterable[str], schema: Mapping[str, Column]) -> list[str]:
    """Put names into the schema's order, the parameters of variants after the other params."""
    given = set(names)
    known = [(name, column.kind) for name, column in schema.items() if name in given]
    first = [name for name, kind in known if kind in ("identity", "param")]
    last = [name for name, kind in known if kind in ("metric", "tag")]
    return first + sorted(given - set(schema)) + last


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    for name in names.intersection(table.column_names):
        texts = [None if v is None else plain(v) for v in table[name].to_pylist()]
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(texts, pa.string()))
    return table
