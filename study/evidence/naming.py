"""The exported tables, and what every analysis needs beside them: names, strata, scores.

A *rule* is a gradient with its parameters, location and consistency: what is compared. A
*stratum* is everything else that makes a cell: what is held fixed while comparing. A *task* is a
dataset with its objective; objectives are never pooled.
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
from study.evidence.pools import at_several_rates
from study.evidence.runs import LOCATIONS, REFERENCE, STRUCTURE
from study.evidence.sources import joined, parts
from study.evidence.statistics import remaining, score
from study.learning.activations import ACTIVATIONS
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS, canonical
from study.learning.variants import Record, Variant, plain

NEEDED = {
    "runs": (
        *(
            "run_id",
            *STRUCTURE[:-2],
            "gradient",
            "location",
            "consistent",
            "learning_rate",
            "seed",
        ),
        *("stage", "final_objective", "constant_objective", "outcome", "diverged_by", "failed"),
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
    """A gradient modification as an experiment used it.

    Parameters
    ----------
    label
        For figures: ``floor 0.1``; with its location only where an experiment compares several.
    text
        Canonical: ``floor(minimum=0.1)``, followed by the location where it matters.
    name
        The record's name in ``GRADIENTS``.
    family
        The record's family; empty for a record from outside.
    step
        Position among the experiment's rules of the same name, from 0.
    """

    label: str
    text: str
    name: str
    family: str
    step: int


@dataclass(frozen=True)
class Results:
    """An experiment's tables.

    Parameters
    ----------
    experiment
        Its name.
    runs
        One row a training: the stored columns; ``rule``, and in the experiment's own order
        ``task, activation_label, optimizer_label`` (ordered categories); ``stratum`` (a number);
        ``setting`` (text of the structure that varies within a task beyond activation and
        optimizer); ``remaining`` and ``score``.
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
            raise UsageError(
                f"no results of experiment {folder.name!r} yet; "
                f"make them with: make ablation EXPERIMENT={folder.name}"
            )
        needed = (PUBLISHED if "replica" in frames["runs"] else NEEDED)[name]
        missing = [column for column in needed if column not in frame]
        if missing:
            raise UsageError(f"{name}.parquet of {folder.name!r} lacks: {', '.join(missing)}")
    return prepare(folder.name, frames["runs"], frames["curves"])


def prepare(experiment: str, runs: pd.DataFrame, curves: pd.DataFrame) -> Results:
    """Derive the columns of `Results` from stored tables.

    Cells that were evaluated at several rates, as none was chosen, stay out: they are no rules at
    their own rate.
    """
    structure = _with_parameters(runs, (*STRUCTURE, "gradient", "location", "consistent"))
    runs = runs[~at_several_rates(runs, structure)]
    runs = _under_asked_names(_typed(runs))
    structure = _with_parameters(runs, STRUCTURE)
    runs["stratum"] = _strata(runs)
    for axis, registry in (("activation", ACTIVATIONS), ("optimizer", OPTIMIZERS)):
        runs[f"{axis}_label"] = _labelled(runs, axis, registry)
    runs["task"] = _tasks(runs)
    runs["setting"] = _settings(runs, structure)
    rules, runs["rule"] = _rules(runs)
    optimum = runs["optimum"] if "optimum" in runs else 0.0
    final, constant = runs["final_objective"], runs["constant_objective"]
    runs["remaining"] = remaining(final, constant, optimum)
    runs["score"] = score(final, constant, optimum, runs["failed"])
    return Results(experiment, runs, curves, rules)


def _typed(runs: pd.DataFrame) -> pd.DataFrame:
    """Copy with numbers as numbers and flags as flags, whatever the store made of them."""
    runs = runs.reset_index(drop=True).copy()
    for column in ("learning_rate", "final_objective", "constant_objective", "optimum"):
        if column in runs:
            runs[column] = pd.to_numeric(runs[column]).astype(float)
    for column in ("failed", "runaway"):
        if column in runs:
            runs[column] = runs[column].astype(str).str.lower().isin(["true", "1", "1.0"])
    runs["consistent"] = runs["consistent"].astype(str).str.lower()
    return runs


def _with_parameters(runs: pd.DataFrame, axes: Sequence[str]) -> list[str]:
    """Columns of these axes and of their variants' parameters ("dataset.noise")."""
    return [str(c) for c in runs.columns if str(c).partition(".")[0] in axes]


def _strata(runs: pd.DataFrame) -> pd.Series[int]:
    structure = _with_parameters(runs, STRUCTURE)
    return runs.groupby(structure, dropna=False, sort=False).ngroup()


def _variants(
    runs: pd.DataFrame, axis: str, registry: Mapping[str, Record]
) -> tuple[pd.Series[int], list[Variant[Record]]]:
    """Code of each run's variant of an axis, and the variants by code."""
    columns = _with_parameters(runs, [axis])
    codes = runs.groupby(columns, dropna=False, sort=False).ngroup()
    found: list[Variant[Record]] = []
    for row in runs.loc[~codes.duplicated(), columns].to_dict("records"):
        name = str(row[axis])
        given = {
            str(column).partition(".")[2]: value
            for column, value in row.items()
            if column != axis and not pd.isna(value)
        }
        record = registry.get(name)
        if record is None:  # a user's own record, named in the table alone
            record = Record(name=name, formula="", reference="")
        found.append(Variant(record, {k: _like(record, k, v) for k, v in given.items()}))
    return codes, found


def _like(record: Record, name: str, value: Any) -> float | str | bool:
    """Return a stored parameter in its record's type."""
    default = record.parameters[name].default if name in record.parameters else value
    if isinstance(default, bool | np.bool_):
        return str(value).lower() in ("true", "1", "1.0")
    if isinstance(default, str):
        return str(value)
    return float(value)


def _text(variant: Variant[Any]) -> str:
    if set(variant.values) <= set(variant.record.parameters):
        return str(variant)
    shown = ", ".join(f"{k}={plain(v)}" for k, v in sorted(variant.values.items()))
    return f"{variant.name}({shown})"


def labelled(variants: Sequence[Variant[Any]], *, amounts: bool = True) -> list[str]:
    """Return short names of variants of one axis: "floor 0.1", "random low 0.25 high 0.75".

    Parameters
    ----------
    variants
        What has to be told apart.
    amounts
        Whether a record's only parameter is always named, by its value. Otherwise, as where there
        are several, a parameter is named where variants differ in it or it is not the default.
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


def _order(variant: Variant[Record]) -> tuple[Any, ...]:
    names = ranked(GRADIENTS)
    place = names.index(variant.name) if variant.name in GRADIENTS else len(names)
    values = tuple(
        (key, isinstance(value, str), value) for key, value in sorted(variant.values.items())
    )
    return place, variant.name, values


def _labelled(runs: pd.DataFrame, axis: str, registry: Mapping[str, Record]) -> pd.Series[str]:
    """Ordered category of an axis' labels, in the experiment's own order."""
    codes, variants = _variants(runs, axis, registry)
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
    plain_name = pd.Series(np.asarray(data), index=runs.index)
    named = plain_name.where(plain_name.map(several) == 1, plain_name + ", " + objective)
    pairs = pd.DataFrame({"code": data.codes, "objective": objective, "task": named})
    order = pairs.drop_duplicates().sort_values(["code", "objective"])["task"]
    return pd.Categorical(named, categories=list(order), ordered=True)


def _settings(runs: pd.DataFrame, structure: Sequence[str]) -> Any:
    """Text of what varies within a task beyond activation and optimizer: "hidden 32-32"."""
    axes = ("dataset", "objective", "activation", "optimizer")
    rest = [column for column in structure if column.partition(".")[0] not in axes]
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
    codes, variants = _variants(runs, "gradient", GRADIENTS)
    labels = labelled(variants)
    key = pd.DataFrame(
        {"gradient": codes, "location": runs["location"], "consistent": runs["consistent"]}
    )
    several = key.groupby(["gradient", "consistent", runs["stratum"]])["location"].nunique()
    ambiguous = set(several[several > 1].index.get_level_values("gradient"))
    rule_codes = key.groupby(list(key.columns), sort=False).ngroup()
    rows = key[~rule_codes.duplicated()].to_dict("records")
    made = []
    for row in rows:
        variant, where = variants[row["gradient"]], str(row["location"])
        label, text = labels[row["gradient"]], _text(variant)
        if row["gradient"] in ambiguous:
            label, text = f"{label} ({where})", f"{text} {where}"
        if row["consistent"] != "false":
            twin = "twin" if row["consistent"] == "true" else f"twin {row['consistent']}"
            label, text = f"{label} ({twin})", f"{text} {twin}"
        place = (
            *_order(variant),
            LOCATIONS.index(where) if where in LOCATIONS else len(LOCATIONS),
            row["consistent"],
        )
        made.append((place, label, text, variant))
    rules: list[Rule] = []
    for _, label, text, variant in sorted(made, key=lambda entry: entry[0]):
        if any(rule.label == label for rule in rules):
            continue  # the same rule at locations that no stratum compares
        step = sum(rule.name == variant.name for rule in rules)
        rules.append(Rule(label, text, variant.name, variant.record.family, step))
    order = [rule.label for rule in rules]
    return tuple(rules), _category(rule_codes, [label for _, label, _, _ in made], order)


def _under_asked_names(runs: pd.DataFrame) -> pd.DataFrame:
    """Show identical cells under the name that the grid asked for.

    Cells are stored under their simplest name: on relu, ``floor 0.1`` is stored as
    ``leaky_backward 0.1``. A comparison over activations wants it in floor's row, so such runs are
    repeated under the other name, and the simplest name is left out where nothing but these
    repetitions used it. `exact` is never shown as another rule, and a rule without amounts always
    keeps its row.
    """
    gradients, rules = _variants(runs, "gradient", GRADIENTS)
    activations, functions = _variants(runs, "activation", ACTIVATIONS)
    strata = _strata(runs)
    names = _with_parameters(runs, ["gradient"])
    known = {_text(rule): code for code, rule in enumerate(rules)}
    present = {code: set(strata[gradients == code]) for code in range(len(rules))}
    added: list[pd.DataFrame] = []
    covered: dict[int, set[int]] = {}
    for asked, rule in enumerate(rules):
        for code, function in enumerate(functions):
            stored = known.get(_simplest(rule, function), asked)
            if stored == asked or rules[stored].name == REFERENCE:
                continue
            here = (present[stored] - present[asked]) & set(strata[activations == code])
            if not here:
                continue
            copy = runs[(gradients == stored) & strata.isin(here)].copy()
            for column, value in runs.loc[gradients == asked, names].iloc[0].items():
                copy[str(column)] = value
            added.append(copy)
            covered.setdefault(stored, set()).update(here)
    redundant = [
        stored
        for stored, places in covered.items()
        if rules[stored].values and places >= present[stored]
    ]
    return pd.concat([runs[~gradients.isin(redundant)], *added], ignore_index=True)


def _simplest(rule: Variant[Record], function: Variant[Record]) -> str:
    """Name that a rule's cells are stored under on an activation; its own for unknown records."""
    if rule.name not in GRADIENTS or function.name not in ACTIVATIONS:
        return _text(rule)
    bound = ACTIVATIONS[function.name].bind(**function.values)
    return _text(canonical(Variant(GRADIENTS[rule.name], rule.values), bound))
