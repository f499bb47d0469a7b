"""Every number of the paper, from the tables that code made: ``reports/paper/numbers.json``.

The text names a number by its key, as in ``#n("C4.effect")``, so it agrees with the tables.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reports.paper import population
from reports.paper.exploratory import exploratory
from reports.rechecks import NO_RUNS
from reports.wording import significant
from study.ablation.configuration.protocol import read_protocol
from study.conf import claims_digest, read_yaml
from study.errors import UsageError
from study.evidence.claims.reading import Claim, Claims, read_claims
from study.evidence.evidence import Evidence, gather
from study.evidence.sources import folder_of, stored_runs

TABLES = ("calibration", "rechecks")
"""Tables that exist only where there are runs for them."""
NEEDED = (
    *("verdicts", "verdicts_by_part", "verdicts_by_task", "gradient_checks"),
    *population.NEEDED,
)
REPLICATIONS = (
    "fahlman",
    "relu_at_zero",
    "linear_backpropagation",
    "debate_1993",
    "matching_losses",
    "curvature",
)
"""Tables of published numbers beside ours, each only where it was made."""
MINUS = "\N{MINUS SIGN}"
SIGNS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
EQUALITIES = ("derivative", "own objective", "symmetric block")


def collect(base: Path, experiment: str = "paper") -> dict[str, Any]:
    """Return all that the text refers to.

    Returns
    -------
    data
        ``numbers`` (key -> ``value``, ``text``), ``claims`` (id -> words, parts, tasks), their
        ``order``, ``counts`` (verdict -> ids), ``words`` (key -> text that is no number).
    """
    claims = read_claims(base / "conf" / "claims.yaml")
    tables = _tables(base / "reports" / "tables", experiment)
    numbers: dict[str, dict[str, Any]] = {}
    records = {c.id: _claim(c, tables, numbers) for c in claims.claims}
    words = {"digest": claims_digest(base / "conf" / "claims.yaml")}
    for pairs in (
        _margins(claims),
        _checks(tables["gradient_checks"]),
        _calibration(tables.get("calibration")),
        _protocol(base),
        _runs(base, experiment),
        _found(gather(experiment, base)),
        _of_tasks(base, tables),
    ):
        numbers |= {key: entry for key, entry in pairs if entry is not None}
    _sessions(folder_of(base, experiment), numbers, words)
    verdicts = [record["verdict"] for record in records.values()]
    counts = {w: [k for k, r in records.items() if r["verdict"] == w] for w in set(verdicts)}
    numbers["claims.count"] = whole(len(records))
    rechecks = _rechecks(tables.get("rechecks"), numbers)
    return {
        "numbers": numbers,
        "claims": records,
        "order": list(records),  # the file's keys are sorted, C10 before C2
        "counts": counts,
        "words": words,
        "rechecks": rechecks,
        "shares": population.statements(base, tables["shares"]),
        "replications": dict(_replications(base / "reports" / "tables")),
    }


def _of_tasks(
    base: Path, tables: dict[str, pd.DataFrame]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield the numbers of the population: shares of tasks are whole percents."""
    for key, value, kind in population.numbers(base, tables):
        if kind == "count":
            yield key, whole(value)
        elif kind == "points":
            yield key, number(value, "percentage points")
        else:
            yield key, {**number(value), **({"text": f"{value:.0f}"} if kind == "share" else {})}


def _replications(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of published numbers that exist: columns, and rows of texts."""
    for name in REPLICATIONS:
        if (path := folder / f"{name}.csv").is_file():
            table = pd.read_csv(path)
            rows = [[_cell(value) for value in row] for row in table.to_numpy(object)]
            yield name, {"columns": [*map(str, table.columns)], "rows": rows}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return said(float(value)) if not isinstance(value, int) else str(value)


def write(base: Path, data: Mapping[str, Any]) -> Path:
    """Write ``reports/paper/numbers.json``, the same for the same data to the byte."""
    path = base / "reports" / "paper" / "numbers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def said(value: float, digits: int = 3) -> str:
    """Return a number for print: − for minus, 1.2 × 10⁷ for what would be long, – for none."""
    if value is None or math.isnan(value):
        return "–"
    sign = MINUS if value < 0 else ""
    mantissa, _, power = significant(abs(value), digits).partition("e")
    if not power:
        return f"{sign}{mantissa}" if float(mantissa.replace("∞", "inf")) else mantissa
    return f"{sign}{mantissa} × 10{str(int(power)).translate(SIGNS)}"


def number(value: Any, unit: str = "", digits: int = 3) -> dict[str, Any]:
    """Return a number as the text has it; points have one decimal."""
    value = float(value)
    if unit == "percentage points" and math.isfinite(value):
        size = f"{abs(value):.1f}"
        text = "0" if float(size) == 0 else f"{MINUS if value < 0 else ''}{size}"
    else:
        text = said(value, digits)
    return {"value": value if math.isfinite(value) else None, "text": text}


def whole(value: Any) -> dict[str, Any]:
    """Return a count, with thin spaces between thousands."""
    return {"value": int(value), "text": f"{int(value):,}".replace(",", "\N{THIN SPACE}")}


def share(part: float, of: float) -> dict[str, Any]:
    """Return a share in per cent."""
    value = 100 * part / of if of else math.nan
    return number(value, "percentage points")


def _tables(folder: Path, experiment: str) -> dict[str, pd.DataFrame]:
    tables = {}
    for name in (*NEEDED, *TABLES):
        path = folder / f"{name}.csv"
        if path.is_file():
            tables[name] = pd.read_csv(path, keep_default_na=False, na_values=[""])
        elif name in NEEDED:
            raise UsageError(
                f"reports/tables/{name}.csv is missing; "
                f"make it with: make figures EXPERIMENT={experiment}"
            )
    return tables


def _claim(
    claim: Claim, tables: Mapping[str, pd.DataFrame], numbers: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    row = _of(tables["verdicts"], claim.id).iloc[0]
    unit = str(row["unit"])
    found = {key: number(row[key], unit) for key in ("effect", "low", "high")}
    found["runs"] = whole(row["runs"])
    rows = _of(tables["verdicts_by_part"], claim.id).to_dict("records")
    for part in rows:
        for key in ("estimate", "low", "high"):
            name = f"{part['part']}.{part['effect_of']}.{key}"
            found[name] = number(part[key], str(part["unit"]))
    parts = [_row(part) for part in rows]
    every = tables["verdicts_by_task"]  # none of a claim that has no runs
    tasks = [_row(r) for r in every[every["claim"] == claim.id].to_dict("records")]
    first = next(p for p in parts if p["role"] == "primary")
    of = (first["part"], first["effect_of"])
    spread = _spread([t for t in tasks if (t["part"], t["effect_of"]) == of], unit)
    found |= {key: spread[key] for key in ("tasks", "least", "most")}
    numbers |= {f"{claim.id}.{key}": entry for key, entry in found.items()}
    return {
        **{k: str(getattr(claim, k)) for k in ("statement", "metric", "rule")},
        "verdict": str(row["verdict"]),
        "unit": unit,
        "reason": "" if pd.isna(row["reason"]) else str(row["reason"]),
        "parts": parts,
        "tasks": tasks,
        "where least": spread["where least"],
        "where most": spread["where most"],
    }


def _rechecks(
    table: pd.DataFrame | None, numbers: dict[str, dict[str, Any]]
) -> list[dict[str, str]]:
    """Return the rows of rechecks that had runs, as texts."""
    if table is None:
        return []
    rows = []
    for row in table[table["verdict"] != NO_RUNS].to_dict("records"):
        unit = str(row["unit"])
        texts = {k: number(row[k], unit)["text"] for k in ("estimate", "low", "high")}
        names = ("claim", "part", "doubt", "change", "before", "verdict")
        rows.append({**{k: str(row[k]) for k in names}, **texts, "unit": unit})
    numbers["rechecks.count"] = whole(len(rows))
    numbers["rechecks.same"] = whole(sum(row["verdict"] == row["before"] for row in rows))
    return rows


def _of(table: pd.DataFrame, claim: str) -> pd.DataFrame:
    rows = table[table["claim"] == claim]
    if rows.empty:
        raise UsageError(f"reports/tables knows no {claim}: make the tables again")
    return rows


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row of a table of effects as texts, with its unrounded values beside."""
    unit = str(row["unit"])
    estimates = {k: row[k] for k in ("estimate", "low", "high", "margin") if k in row}
    texts = {k: number(v, unit)["text"] for k, v in estimates.items()}
    for key in ("tasks", "seeds", "runs", "ties_at_floor"):
        if key in row:
            texts[key] = "–" if pd.isna(row[key]) else whole(row[key])["text"]
    names = ("part", "role", "verdict", "effect_of", "task", "unit")
    return {
        **{k: str(row[k]) for k in names if k in row},
        **texts,
        "values": {k: float(v) if math.isfinite(v) else None for k, v in estimates.items()},
    }


def _spread(tasks: Sequence[Mapping[str, Any]], unit: str) -> dict[str, Any]:
    """Return the smallest and the largest estimate over tasks, and where they are."""
    every = [(task["values"]["estimate"], task["task"]) for task in tasks]
    known = [found for found in every if found[0] is not None] or [(math.nan, "–")]
    ordered = sorted(known, key=lambda found: found[0])
    found: dict[str, Any] = {"tasks": whole(len(tasks))}
    for name, (estimate, place) in (("least", ordered[0]), ("most", ordered[-1])):
        found |= {name: number(estimate, unit), f"where {name}": place}
    return found


Pairs = Iterator[tuple[str, dict[str, Any] | None]]


def _margins(claims: Claims) -> Pairs:
    yield "level", number(claims.level, digits=1)
    yield "confidence", whole(round(100 * (1 - claims.level)))
    for claim in claims.claims:
        for part in claim.parts:
            for contrast in part.contrasts:
                yield f"{claim.id}.{part.name}.{contrast.name}.margin", number(contrast.margin)
        yield f"{claim.id}.margin", number(claim.parts[0].contrasts[0].margin)


def _checks(checks: pd.DataFrame) -> Pairs:
    yield "checks.count", whole(checks["checks"].sum())
    yield "checks.rules", whole(checks["rule"].nunique())
    equal = checks[checks["check"].isin(EQUALITIES)]
    yield "checks.worst equality", number(equal["error"].max(), digits=2)


def _calibration(rates: pd.DataFrame | None) -> Pairs:
    if rates is None:
        return
    errors = rates[rates["verdict"] == "any error"].set_index("claim")
    worst = errors["share"].idxmax()
    yield "calibration.repeats", whole(errors["repeats"].max())
    yield "calibration.claims", whole(len(errors))
    for key in ("share", "low", "high"):
        yield f"calibration.worst.{key}", share(errors.loc[worst, key], 1)
    firm = rates["error"] & rates["verdict"].isin(["supported", "contradicted"])
    yield "calibration.firm", share(rates.loc[firm, "share"].max(), 1)
    yield "calibration.mean", share(errors["share"].mean(), 1)


def _protocol(base: Path) -> Pairs:
    protocol = read_protocol(read_yaml(base / "conf" / "protocol" / "study.yaml"))
    yield "protocol.updates", whole(protocol.updates)
    yield "protocol.batch", whole(protocol.batch_size)
    yield "protocol.tuning seeds", whole(len(protocol.tuning()))
    yield "protocol.refining seeds", whole(len(protocol.refining()))
    yield "protocol.evaluation seeds", whole(len(protocol.evaluation()))
    yield "protocol.tunings", whole(protocol.tuning_runs("sgd"))
    yield "protocol.rates", whole(len(protocol.learning_rates["sgd"]))
    if protocol.refine:
        yield "protocol.recentring", whole(protocol.refine.recentre_decades)
        yield "protocol.refining rates", whole(protocol.refine.rates)
        yield "protocol.refining per decade", whole(protocol.refine.per_decade)


def _runs(base: Path, experiment: str) -> Pairs:
    runs = stored_runs(base, experiment)
    scored = runs[runs["stage"] != "tune"]
    own = scored[scored["stage"] == "evaluate"]
    yield "runs.cells", whole(runs["cell"].nunique())
    yield "runs.scored", whole(len(scored))
    yield "runs.total", whole(len(runs))
    yield "runs.most seeds", whole(own.groupby("cell")["seed"].nunique().max())
    yield "runs.failed", share(own["failed"].sum(), len(own))
    yield "runs.runaway", share(own["runaway"].sum(), len(own))


def _found(evidence: Evidence) -> Pairs:
    for key, value, unit in exploratory(evidence):
        counted = unit == "count" and math.isfinite(value)
        yield f"found.{key}", whole(value) if counted else number(value, unit)


def _sessions(folder: Path, numbers: dict[str, dict[str, Any]], words: dict[str, str]) -> None:
    """Describe what made the results: the published manifest, or the record beside own ones."""
    for name in ("manifest.json", "study.json"):
        if (folder / name).is_file():
            break
    else:
        raise UsageError(f"{folder} lacks the record of what made it: export or publish again")
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
        sessions = found["sessions"] if isinstance(found, dict) else found
        last = max(sessions, key=lambda s: str(s["started"]))
        machine, versions = last["machine"], last["versions"]
        seconds = sum(float(session.get("wall seconds") or 0) for session in sessions)
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{folder / name} is damaged: restore it, or export again") from None
    numbers["machine.cores"] = whole(machine["cores"])
    numbers["machine.workers"] = whole(last["workers"])
    numbers["machine.minutes"] = number(seconds / 60, digits=2)
    if isinstance(found, dict):
        numbers["runs.total"] = whole(found["runs"])
    words |= {
        "started": str(last["started"]),
        "processor": str(machine["processor"]),
        "system": str(machine["system"]),
        "commit": str(last["commit"] or "–"),
        "lock": str(last["lock sha256"]),
        "versions": ", ".join(f"{k} {v}" for k, v in sorted(versions.items())),
    }
