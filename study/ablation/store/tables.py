"""The columns of runs.parquet and curves.parquet: type, meaning, and their role in MLflow.

One schema serves training, stores and publishing. Types are named by pyarrow's aliases, so that
importing this module stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.variants import plain

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["identity", "param", "metric", "tag"]


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str  # its name in the table and in MLflow
    kind: Kind  # ``identity`` (ids, filled by the store), ``param``, ``metric`` or ``tag``
    type: str  # alias of a pyarrow type
    meaning: str  # what it contains, with the unit
    # whether MLflow has it too. Every column is in the tables, which are authoritative
    indexed: bool = True
    # whether it may be missing when a table is made, and is then null, as a metric is
    optional: bool = False


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

RUNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("experiment", "identity", "string", "name of the experiment"),
        Column("cell", "identity", "string", "identity of the cell, 40 hex digits"),
        Column("run_id", "identity", "string", "MLflow's id of the training"),
        Column("parent_run_id", "identity", "string", "MLflow's id of the cell"),
        Column("dataset", "param", "string", "name of the data"),
        Column("objective", "param", "string", "name of the objective"),
        Column("hidden", "param", "string", "widths of the hidden layers, as in 32-32"),
        Column("initialisation", "param", "string", "name of the initial weights' rule"),
        Column("gain", "param", "float64", "factor on the initial weights"),
        Column("activation", "param", "string", "name of the hidden activation"),
        Column("gradient", "param", "string", "name of the factor in the slope's place"),
        Column("location", "param", "string", "layers it applies to: hidden, output, all, none"),
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
        Column("updates_to_target", "metric", "float64", "updates until solved, interpolated"),
        Column("diverged_at", "metric", "float64", "update of the checkpoint that saw it"),
        *(Column(c.name, c.kind, c.type, f"last: {c.meaning}", False) for c in _PROBES),
        Column("path_length", "metric", "float64", "distance from start to end", False),
        Column(
            "asymmetry", "metric", "float64", "of the final field within layers, 0 to 1", False
        ),
        Column("negative_eigenvalues", "metric", "float64", "share in K~, where taken", False),
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
    "final_objective",
    "initial_objective",
    "test_score",
    "updates_to_target",
    "diverged_at",
    "score",
)
"""The last values that MLflow has of a training, the most important first."""

VARIANTS = ("dataset", "activation", "gradient", "optimizer", "initialisation", "branch")
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


def runs_table(columns: Mapping[str, Any]) -> pa.Table:
    """Make the runs of a cell from columns, in the schema's types and order.

    Parameters
    ----------
    columns
        Sequences or arrays of one length: ``replica``, every param and tag of `RUNS`, any of its
        metrics (null where absent), and the parameters of variants.

    Raises
    ------
    ValueError
        For a column that is unknown or missing.
    """
    return _table(columns, RUNS)


def curves_table(columns: Mapping[str, Any]) -> pa.Table:
    """Make the curves of a cell: ``replica``, ``update`` and any of the metrics of `CURVES`."""
    return _table(columns, CURVES)


def identify(
    table: pa.Table, schema: Mapping[str, Column], run_ids: Mapping[str, str], **texts: str
) -> pa.Table:
    """Add the ids that the store knows to a cell's table and drop the key ``replica``.

    Parameters
    ----------
    table
        As `runs_table` or `curves_table` makes it.
    schema
        `RUNS` or `CURVES`.
    run_ids
        Id of the run of each replica.
    texts
        Other identities, the same for all rows.
    """
    import pyarrow as pa

    keys = table[REPLICA.name].to_pylist()
    columns = {name: table[name] for name in table.column_names if name != REPLICA.name}
    columns |= {name: pa.repeat(text, len(table)) for name, text in texts.items()}
    columns["run_id"] = pa.array([run_ids[key] for key in keys], pa.string())
    return pa.table({name: columns[name] for name in _order(columns, schema)})


def concatenate(tables: Iterable[pa.Table], schema: Mapping[str, Column]) -> pa.Table:
    """Stack tables of many cells; a variant's parameter is null where a cell has none.

    Two records may give one parameter name to a number and to a word: such a column is text.
    """
    import pyarrow as pa

    parts = list(tables)
    types: dict[str, set[Any]] = {}
    for part in parts:
        for field in part.schema:
            types.setdefault(field.name, set()).add(field.type)
    mixed = {name for name, found in types.items() if len(found) > 1}
    whole = pa.concat_tables([_as_text(p, mixed) for p in parts], promote_options="default")
    return whole.select(_order(whole.column_names, schema)).combine_chunks()


def _table(columns: Mapping[str, Any], schema: Mapping[str, Column]) -> pa.Table:
    import pyarrow as pa

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
        array = pa.array(columns[name]) if name in columns else pa.nulls(rows)
        if name in own:
            arrays[name] = array.cast(pa.type_for_alias(own[name].type))
        elif not pa.types.is_null(array.type):  # a parameter without any value is no column
            arrays[name] = array.cast(pa.float64()) if pa.types.is_integer(array.type) else array
    return pa.table(arrays)


def _order(names: Iterable[str], schema: Mapping[str, Column]) -> list[str]:
    """Put names into the schema's order, the parameters of variants after the other params."""
    given = set(names)
    variants = sorted(name for name in given if name not in schema)
    params = [n for n, c in schema.items() if n in given and c.kind in ("identity", "param")]
    rest = [n for n, c in schema.items() if n in given and c.kind in ("metric", "tag")]
    return params + variants + rest


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    import pyarrow as pa

    for name in names.intersection(table.column_names):
        texts = [None if v is None else plain(v) for v in table[name].to_pylist()]
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(texts, pa.string()))
    return table
