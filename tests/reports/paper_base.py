"""A checkout with results of `paper`, tables of verdicts that are given, and small figures."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure
from synthetic_tables import TINY, export, synthetic

from reports import build
from reports.command import ROOT
from reports.paper.population import NEEDED as POPULATION
from reports.verdicts import UNITS
from study.ablation.publishing.publish import MEDIANS, curve_quantiles, keyed
from study.evidence.claims.reading import read_claims
from study.evidence.claims.verdicts import comparison_of

RECORD = {
    **{"started": "2026-01-02T03:04:05+00:00", "wall seconds": 90.0, "workers": 2},
    "machine": {"processor": "a <processor>", "cores": 2, "system": "an operating system"},
    **{"versions": {"numpy": "2.0"}, "lock sha256": "1" * 64, "commit": "2" * 40},
}


def make_base(folder, verdict="supported", effect=1.5, figures=True):
    """Every claim has the verdict and, in every part and task, the effect."""
    shutil.copytree(ROOT / "conf", folder / "conf")
    export(folder, "paper", *synthetic(**TINY))
    (folder / "data" / "results" / "paper" / "study.json").write_text(json.dumps([RECORD]))
    write_tables(folder, verdict, effect)
    if figures:
        drawn = folder / "reports" / "figures"
        drawn.mkdir(parents=True)
        for number, name in enumerate([*build.QUESTIONS, *build.POPULATION]):
            figure = Figure(figsize=(3.4 if number % 2 else 7.0, 1.5))
            figure.add_subplot().plot([0, 1])
            figure.savefig(drawn / f"{name}.pdf", metadata={"CreationDate": None})
    return folder


def write_tables(folder, verdict, effect):
    tables = folder / "reports" / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    for name in POPULATION:  # those of the population are as they are published
        shutil.copy(ROOT / "reports" / "tables" / f"{name}.csv", tables)
    for name, frame in verdict_tables(verdict, effect).items():
        frame.to_csv(tables / f"{name}.csv", index=False)


def publish(folder, runs, curves, parts=1):
    """Write the tables as ``study publish`` does; where there are parts, tuning lies apart."""
    curves = curves.assign(**dict.fromkeys(MEDIANS, 0.0))
    stored, drawn = (pa.Table.from_pandas(t, preserve_index=False) for t in (runs, curves))
    frames = {"curves": curve_quantiles(stored, drawn).to_pandas()}
    table = keyed(stored).to_pandas()
    apart = (table["stage"] == "tune") & (parts > 1)
    for k, rows in enumerate(np.array_split(np.flatnonzero(~apart), parts)):
        frames[f"runs-{k:02}" if k else "runs"] = table.iloc[rows]
    if apart.any():
        frames["tuning-00"] = table[apart]
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    digests = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    (folder / "manifest.json").write_text(json.dumps({"sha256": digests}), encoding="utf-8")


def verdict_tables(verdict, effect):
    claims, parts, tasks = [], [], []
    span = {"estimate": effect, "low": effect - 0.2, "high": effect + 0.2}
    for claim in read_claims(ROOT / "conf" / "claims.yaml").claims:
        for part in claim.parts:
            for contrast in part.contrasts:
                unit = UNITS[comparison_of(contrast).unit]
                row = {"claim": claim.id, "part": part.name, "effect_of": contrast.name}
                row |= {"unit": unit, "margin": contrast.margin, **span}
                parts.append(row | {"role": part.role, "verdict": verdict, "tasks": 2} | COUNTS)
                tasks += [row | {"task": f"task {k}", "ties_at_floor": 0} | COUNTS for k in "ab"]
        first = next(p for p in parts if p["claim"] == claim.id)
        claims.append(
            {"claim": claim.id, "statement": claim.statement, "verdict": verdict}
            | {"effect": effect, **span, "runs": 12345}
            | {"unit": first["unit"], "reason": "a reason; another"}
        )
    checks = [
        {"check": "derivative", "rule": "exact", "error": 1e-9, "ratio": 1e-3, "checks": 7},
        {"check": "another rule", "rule": "removed", "error": 0.2, "ratio": 0.1, "checks": 5},
    ]
    again = {"doubt": "a doubt", "change": "a change", "before": "mixed", "verdict": verdict}
    frames = {"rechecks": [{**parts[0], **again}], "verdicts": claims, "gradient_checks": checks}
    frames |= {"verdicts_by_part": parts, "verdicts_by_task": tasks}
    return {name: pd.DataFrame(rows) for name, rows in frames.items()}


COUNTS = {"seeds": 10, "runs": 40, "reason": ""}
