"""What was measured on the population, as the page says it: shares, effects and test scores."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from reports.paper.numbers import said
from reports.shares import unit_of
from study.errors import UsageError
from study.evidence.shares.reading import ALL, Contrast, Shares, read_shares

BESIDE = "drawn"  # the split in which conditions are told: all tasks that were drawn
ARMS = {
    "removed": "f′ removed in hidden layers",
    "frozen": "hidden layers that do not learn",
    "mean_matched": "f′ replaced by its first mean",
    "floor": "a floor of 1 %",
    "offset": "an offset of 10 %",
    "twin": "an offset of 10 %, activation matched",
    "nesterov": "exact f′, Nesterov's momentum",
    "rmsprop": "exact f′, RMSprop",
}
"""Arms whose test scores are shown, in order."""


def read(base: Path, name: str) -> pd.DataFrame:
    """Return a table of reports/tables; where it is missing, raise `UsageError`."""
    path = base / "reports" / "tables" / f"{name}.csv"
    if not path.is_file():
        raise UsageError(f"reports/tables/{name}.csv is missing; make it with: make figures")
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def claims(base: Path) -> list[dict[str, Any]]:
    """Return the claims about tasks, in the file's order, as they came out in the deciding split.

    Each has ``claim, statement, verdict``, shares in % (``true, true_low, true_high, opposite``)
    as numbers, and texts: ``share, median, middle, tasks``.
    """
    shares = read_shares(base / "conf" / "shares.yaml")
    table = _whole(read(base, "shares"), shares)
    return [
        {
            **{"claim": c.id, "statement": c.statement, "verdict": str(row["verdict"])},
            **{k: float(row[k]) for k in ("true", "true_low", "true_high", "opposite", "within")},
            "share": f"{row['true']:.0f} % ({row['true_low']:.0f} to {row['true_high']:.0f})",
            "median": _said(row["median"], c),
            "middle": f"{_said(row['low_90'], c, unit=False)} to {_said(row['high_90'], c)}",
            "tasks": f"{row['tasks']:.0f}",
        }
        for c in shares.claims
        if c.id in table.index
        for row in [table.loc[c.id]]
    ]


def _whole(table: pd.DataFrame, shares: Shares) -> pd.DataFrame:
    decides = next(iter(shares.splits))
    return table[(table["split"] == decides) & (table["condition"] == ALL)].set_index("claim")


def _said(value: float, contrast: Contrast, unit: bool = True) -> str:
    kind = unit_of(contrast)
    if kind != "×":
        text = _tenths(value)
    elif 0.9 <= value < 10:
        text = f"{value:.2f}" if value < 1.995 else f"{value:.1f}"
    else:
        text = said(value, 2)
    return f"{text} {kind}".strip() if unit else text


def _tenths(value: float) -> str:
    size = f"{abs(value):.1f}"
    return f"−{size}" if value < 0 and float(size) else size


def numbers(base: Path) -> dict[str, str]:
    """Return what texts refer to: ``S1.true``, ``S1.median``, ``S2b with relu.true``.

    Under a condition they are of all tasks that were drawn, as are those of ``S1 drawn``.
    """
    shares = read_shares(base / "conf" / "shares.yaml")
    table = read(base, "shares")
    found: dict[str, str] = {}
    decides = next(iter(shares.splits))
    claims_of = {claim.id: claim for claim in shares.claims}
    for row in table.to_dict("records"):
        whole, split = row["condition"] == ALL, row["split"]
        if row["claim"] in claims_of and split in (BESIDE, *([decides] if whole else [])):
            after = (
                f" {row['condition']}" if not whole else "" if split == decides else f" {split}"
            )
            texts = _texts(row, claims_of[row["claim"]])
            found |= {f"{row['claim']}{after}.{key}": text for key, text in texts}
    return found


def _texts(row: Mapping[str, Any], contrast: Contrast) -> Iterator[tuple[str, str]]:
    for key in ("true", "true_low", "true_high", "opposite", "within", "tasks"):
        yield key, f"{row[key]:.0f}"
    for key in ("median", "low_90", "high_90"):
        yield key, _said(row[key], contrast).replace(" ×", " times")
        yield f"{key}.plain", _said(row[key], contrast, unit=False)
    yield "verdict", str(row["verdict"])


def scores(base: Path) -> list[dict[str, Any]]:
    """Return test scores beside exact's, at the end and with early stopping; all drawn tasks."""
    table = read(base, "test_scores")
    whole = table[table["condition"] == ALL].set_index(["arm", "kind"])
    rows = []
    for arm, label in ARMS.items():
        for kind in ("classification", "regression"):
            if (arm, kind) in whole.index:
                row = whole.loc[(arm, kind)]
                texts = {
                    f"{when}.{key}": f"{row[f'{when}_{key}']:.0f} %"
                    for when in ("end", "stopped")
                    for key in ("worse", "better")
                }
                texts |= {w: _points(row[w], row[f"{w}_low"], row[f"{w}_high"]) for w in ENDS}
                rows.append({"label": label, "kind": kind, "tasks": int(row["tasks"]), **texts})
    return rows


ENDS = ("end", "stopped")


def _points(middle: float, low: float, high: float) -> str:
    if pd.isna(middle):
        return "–"
    return f"{_tenths(middle)} ({_tenths(low)} to {_tenths(high)})"
