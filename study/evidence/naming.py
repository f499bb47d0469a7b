"""How an experiment's rules, tasks and settings are named in figures and tables.

A *task* is a dataset with its objective; objectives are never pooled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.datasets import DATASETS
from study.errors import UsageError
from study.evidence.runs import REFERENCE, STRUCTURE, Runs, axis, columns_of, number_of
from study.evidence.sources import joined, no_results, parts
from study.learning.activations import ACTIVATIONS
from study.learning.design import LAST
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS, canonical
from study.learning.variants import Parameter, Record, Variant, plain

LOCATIONS = ("none", *LAST, "hidden", "output", "all")
NEEDED = {
    "runs": (
        *("run_id", *STRUCTURE[:-2], "gradient", "location", "consistent", "learning_rate"),
        *("seed", "stage", "final_objective", "constant_objective", "outcome", "diverged_by"),
        "failed",
    ),
    "curves": ("run_id", "update", "objective"),
}
PUBLISHED = {
    "runs": ("cell", "replica", *NEEDED["runs"][1:]),
    "curves": ("cell", "stage", "update"),
}
"""What a published folder needs instead: its curves are quantiles of a cell and stage."""


@dataclass(frozen=True)
class Rule:
    """A gradient rule as an experiment used it.

    Label and text say the location only where an experiment compares several.
    """

    label: str  # for figures: ``floor 0.1``
    text: str  # canonical: ``floor(minimum=0.1)``
    name: str
    family: str  # empty for a record from outside
    step: int  # position among the experiment's rules of the same name, from 0


@dataclass(frozen=True)
class Results:
    """An experiment's tables, with names.

    Parameters
    ----------
    runs
        One row a training, as `Runs` types it, of cells with one learning rate. Beside it
        ``rule``, and in the experiment's own order ``task, activation_label, optimizer_label``
        (ordered categories); ``stratum`` (a number); ``setting`` (text of the structure that
        varies within a task beyond activation and optimizer).
    curves
        One row a (training, checkpoint); as published, quantiles of a (cell, stage, checkpoint).
    rules
        The rules in the order of figures; ``exact`` first.
    """

    experiment: str
    runs: pd.DataFrame
    curves: pd.DataFrame
    rules: tuple[Rule, ...]


def load(folder: Path) -> Results:
    """Read an exported or published folder's runs and curves; it is named after its experiment.

    Raises
    ------
    UsageError
        Where there are none yet, or a column is missing.
    """
    files = {"runs": parts(folder, tuning=True), "curves": [*folder.glob("curves.parquet")]}
    frames = {}
    for name, paths in files.items():
        frame = frames[name] = joined(paths) if paths else pd.DataFrame()
        if frame.empty:
            raise UsageError(no_results(folder.name))
        needed = (PUBLISHED if "replica" in frames["runs"] else NEEDED)[name]
        missing = [column for column in needed if column not in frame]
        if missing:
            raise UsageError(f"{name}.parquet of {folder.name!r} lacks: {', '.join(missing)}")
    return prepare(folder.name, frames["runs"], frames["curves"])


def prepare(experiment: str, stored: pd.DataFrame, curves: pd.DataFrame) -> Results:
    """Name what stored tables hold; cells at several rates are left out."""
    runs = Runs(stored).frame
    runs = runs[runs["rates"] == "one"].reset_index(drop=True)
    runs = _under_asked_names(runs.assign(consistent=runs["consistent"].astype(str).str.lower()))
    runs["stratum"] = number_of(runs, columns_of(runs, STRUCTURE))
    runs["activation_label"] = _labelled(runs, "activation", ACTIVATIONS)
    runs["optimizer_label"] = _labelled(runs, "optimizer", OPTIMIZERS)
    runs["task"] = _tasks(runs)
    runs["setting"] = _settings(runs)
    rules, runs["rule"] = _rules(runs)
    return Results(experiment, runs, curves, rules)


def variants_of(
    runs: pd.DataFrame, axis: str, registry: Mapping[str, Record]
) -> tuple[pd.Series[int], list[Variant[Record]]]:
    """Return a code of each run's variant of an axis, and the variants by code.

    A user's own record is known by its name and values alone.
    """
    columns = columns_of(runs, [axis])
    codes = number_of(runs, columns)
    found: list[Variant[Record]] = []
    for row in runs.loc[~codes.duplicated(), columns].to_dict("records"):
        name = str(row.pop(axis))
        given = {str(c).partition(".")[2]: v for c, v in row.items() if not pd.isna(v)}
        record = registry.get(name)
        if record is None or not set(given) <= set(record.parameters):
            numbers = (int, float, np.number)
            unknown = {
                k: Parameter(float(v) if isinstance(v, numbers) else str(v), "")
                for k, v in given.items()
            }
            record = Record(name=name, formula="", reference="", parameters=unknown)
        values = {k: _like(record.parameters[k].default, v) for k, v in given.items()}
        found.append(Variant(record, values))
    return codes, found


def _like(default: float | str | bool, value: Any) -> float | str | bool:
    """Return a stored parameter in the type of its record's default."""
    if isinstance(default, bool | np.bool_):
        return str(value).lower() in ("true", "1", "1.0")
    return str(value) if isinstance(default, str) else float(value)


def labelled(variants: Sequence[Variant[Any]], *, amounts: bool = True) -> list[str]:
    """Return short names of variants of one axis: "floor 0.1", "random low 0.25 high 0.75".

    A parameter is named where variants differ in it or it is not the default. Under `amounts` a
    record's only parameter is always named, by its value.
    """
    varying = {
        (v.name, key)
        for v in variants
        for key, value in v.values.items()
        if any(w.name == v.name and w.values.get(key) != value for w in variants)
    }
    labels = []
    for v in variants:
        label = v.record.label or v.name.replace("_", " ")
        known = v.record.parameters
        numbers = [k for k in v.values if not (k in known and isinstance(known[k].default, bool))]
        for key, value in v.values.items():
            usual = key in known and known[key].default == value
            telling = (v.name, key) in varying or not usual
            if numbers == [key] and (amounts or telling):
                label += f" {value:g}" if isinstance(value, float) else f" {value}"
            elif telling:
                label += f" {key}" if value is True else f" {key} {plain(value)}"
        labels.append(label)
    return labels


def ranked(registry: Mapping[str, Record]) -> list[str]:
    """Return the names with families together, else in the registry's order."""
    families = list(dict.fromkeys(record.family for record in registry.values()))
    return sorted(registry, key=lambda name: families.index(registry[name].family))


def _labelled(runs: pd.DataFrame, axis: str, registry: Mapping[str, Record]) -> pd.Series[str]:
    """Ordered category of an axis' labels, in the experiment's own order."""
    codes, variants = variants_of(runs, axis, registry)
    labels = labelled(variants, amounts=False)
    return _category(codes, labels, labels)


def _category(codes: pd.Series[int], labels: Sequence[str], order: Sequence[str]) -> Any:
    values = np.asarray(labels, dtype=object)[codes.to_numpy()]
    return pd.Categorical(values, categories=list(dict.fromkeys(order)), ordered=True)


def _tasks(runs: pd.DataFrame) -> Any:
    """Dataset, and its objective where the experiment gives it several."""
    data = _labelled(runs, "dataset", DATASETS)
    several = runs["objective"].groupby(np.asarray(data)).nunique()
    objective = runs["objective"].astype(str).str.replace("_", " ")
    name = pd.Series(np.asarray(data), index=runs.index)
    named = name.where(name.map(several) == 1, name + ", " + objective)
    pairs = pd.DataFrame({"code": data.codes, "objective": objective, "task": named})
    order = pairs.drop_duplicates().sort_values(["code", "objective"])["task"]
    return pd.Categorical(named, categories=list(order), ordered=True)


def _settings(runs: pd.DataFrame) -> Any:
    """Text of what varies within a task beyond activation and optimizer: "hidden 32-32"."""
    axes = ("dataset", "objective", "activation", "optimizer")
    rest = [column for column in columns_of(runs, STRUCTURE) if axis(column) not in axes]
    each = runs.loc[~runs["stratum"].duplicated(), ["stratum", "task", *rest]]
    varies = each.groupby("task", observed=True)[rest].nunique(dropna=False) > 1
    texts = {
        row["stratum"]: ", ".join(
            f"{column.replace('_', ' ')} {row[column]}"
            for column in rest
            if varies.at[row["task"], column] and not pd.isna(row[column])
        )
        for row in each.to_dict("records")
    }
    return runs["stratum"].map(texts).to_numpy()


def _rules(runs: pd.DataFrame) -> tuple[tuple[Rule, ...], Any]:
    """Return the rules in order, and each run's rule as an ordered category of labels."""
    codes, variants = variants_of(runs, "gradient", GRADIENTS)
    labels, names = labelled(variants), ranked(GRADIENTS)
    key = runs[["location", "consistent"]].assign(gradient=codes)
    several = key.groupby(["gradient", "consistent", runs["stratum"]])["location"].nunique()
    ambiguous = set(several[several > 1].index.get_level_values("gradient"))
    rule_codes = number_of(key, ["gradient", "location", "consistent"])
    made = []
    for row in key[~rule_codes.duplicated()].to_dict("records"):
        variant, where, twin = variants[row["gradient"]], str(row["location"]), row["consistent"]
        said = [where] if row["gradient"] in ambiguous else []
        if twin != "false":
            said.append("twin" if twin == "true" else f"twin {twin}")
        label = " ".join([labels[row["gradient"]], *(f"({word})" for word in said)])
        place = names.index(variant.name) if variant.name in names else len(names)
        values = tuple((k, isinstance(v, str), v) for k, v in sorted(variant.values.items()))
        at = LOCATIONS.index(where) if where in LOCATIONS else len(LOCATIONS)
        order = (place, variant.name, values, at, twin)
        made.append((order, label, " ".join([str(variant), *said]), variant))
    rules: dict[str, Rule] = {}
    for _, label, text, variant in sorted(made, key=lambda rule: rule[0]):
        # the same label again: the same rule at locations that no stratum compares
        if label not in rules:
            step = sum(rule.name == variant.name for rule in rules.values())
            rules[label] = Rule(label, text, variant.name, variant.record.family, step)
    return tuple(rules.values()), _category(rule_codes, [rule[1] for rule in made], [*rules])


def _under_asked_names(runs: pd.DataFrame) -> pd.DataFrame:
    """Show identical cells under the name that the grid asked for.

    Cells are stored under their simplest name: on relu, ``floor 0.1`` is stored as
    ``leaky_backward 0.1``. A comparison over activations wants it in floor's row, so such runs are
    repeated under the other name. The simplest name is left out where nothing but these
    repetitions used it. `exact` is never shown as another rule, and a rule without amounts always
    keeps its row.
    """
    gradients, rules = variants_of(runs, "gradient", GRADIENTS)
    activations, functions = variants_of(runs, "activation", ACTIVATIONS)
    strata = number_of(runs, columns_of(runs, STRUCTURE))
    names = columns_of(runs, ["gradient"])
    known = {str(rule): code for code, rule in enumerate(rules)}
    present = [set(strata[gradients == code]) for code in range(len(rules))]
    added: list[pd.DataFrame] = []
    covered: list[set[int]] = [set() for _ in rules]
    for asked, rule in enumerate(rules):
        for code, function in enumerate(functions):
            stored = known.get(_simplest(rule, function), asked)
            missing = (present[stored] - present[asked]) & set(strata[activations == code])
            if missing and rules[stored].name != REFERENCE:
                copies = runs[(gradients == stored) & strata.isin(missing)]
                named = runs.loc[gradients == asked, names].iloc[0]
                added.append(copies.assign(**{str(name): named[name] for name in names}))
                covered[stored] |= missing
    redundant = [
        code
        for code, rule in enumerate(rules)
        if rule.values and covered[code] and covered[code] >= present[code]
    ]
    return pd.concat([runs[~gradients.isin(redundant)], *added], ignore_index=True)


def _simplest(rule: Variant[Record], function: Variant[Record]) -> str:
    """Name that a rule's cells are stored under on an activation; its own for unknown records."""
    if rule.name not in GRADIENTS or function.name not in ACTIVATIONS:
        return str(rule)
    bound = ACTIVATIONS[function.name].bind(**function.values)
    return str(canonical(Variant(GRADIENTS[rule.name], rule.values), bound))
