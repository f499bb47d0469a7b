"""Figure 3: the final objective relative to exact, paired by seed, with intervals.

The first page pools activations and optimizers a task; one page a task then shows each stratum.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import bootstrap

from reports import panels, style
from reports.generic import multiples
from reports.generic.multiples import STAGES, by_stage
from reports.wording import condition, limits, ratio, subject
from study.evidence.naming import Results, Rule
from study.evidence.runs import REFERENCE, NothingToShow
from study.evidence.statistics import Interval
from study.evidence.summaries import effects, pairs, pooled, seed_means

SHIFT = {"evaluate": -0.15, "transfer": 0.17}  # of a row; own rate above
ACROSS = 3
ENOUGH = 6  # seeds below which no 95 % limits exist
NOTE = (
    "Ratio of final objectives to exact's, paired by seed: Hodges-Lehmann estimate and 95 % "
    "limits by inversion of Wilcoxon's test; above or below: both limits are. Left of 1 is "
    "better than exact."
)


def pages(results: Results) -> Iterator[Figure]:
    """Draw the pooled page, then the strata of each task."""
    paired = by_stage(lambda stage: pairs(results, stage), needed=("evaluate",))
    cells, pools = (
        pd.concat([make(frame).assign(stage=stage) for stage, frame in paired.items()])
        for make in (effects, pooled)
    )
    rules = [rule for rule in results.rules if rule.name != REFERENCE]
    yield _summary(results, rules, message(results, paired["evaluate"]), cells, pools)
    own = cells[cells["stage"] == "evaluate"]
    if len(own) > own.groupby(["task", "rule"], observed=True).ngroups:
        yield from _details(rules, cells)


def overall(paired: pd.DataFrame, rule: str) -> Interval:
    """Mean over tasks of a rule's mean difference; NaN limits below `ENOUGH` seeds.

    Limits are percentiles of a bootstrap in which seeds are drawn anew within each task.
    """
    means = seed_means(paired[paired["rule"] == rule])
    tasks = [group["difference"].to_numpy() for _, group in means.groupby("task", observed=True)]

    def mean(*drawn: Any, axis: int) -> Any:
        return np.mean([values.mean(axis=axis) for values in drawn], axis=0)

    low, high = np.nan, np.nan
    if min(map(len, tasks)) >= ENOUGH:
        random = np.random.default_rng(0)
        found = bootstrap(tasks, mean, n_resamples=2000, method="percentile", rng=random)
        low, high = found.confidence_interval
    return Interval(float(mean(*tasks, axis=0)), float(low), float(high))


def message(results: Results, paired: pd.DataFrame) -> str:
    """Say how much more objective than exact the rule in question leaves."""
    present = set(paired["rule"])
    rule = subject([rule for rule in results.rules if rule.label in present])
    if rule is None:
        raise NothingToShow(f"experiment {results.experiment!r} has nothing but exact")
    found = overall(paired, rule.label)
    between = limits(found.low, found.high)
    tasks = paired.loc[paired["rule"] == rule.label, "task"].nunique()
    where = f"mean of {tasks} tasks, " if tasks > 1 else ""
    interval = f" ({where}95 %: {between})" if between else f" ({where.rstrip(', ')})"
    return (
        f"{condition(rule)} training leaves {ratio(found.estimate)} times the objective that "
        f"exact leaves{interval.replace(' ()', '')}, each at its own best learning rate"
    )


def _summary(
    results: Results, rules: list[Rule], text: str, cells: pd.DataFrame, pools: pd.DataFrame
) -> Figure:
    seeds, left_out = int(pools["seeds"].max()), int(pools["left_out"].max())
    note = (
        "Ratio of final objectives to exact's, paired by seed. Large: Hodges-Lehmann estimate of "
        f"{seeds} seeds' means over activations and optimizers"
    )
    note += ", 95 % by inversion of Wilcoxon's test" if seeds >= ENOUGH else ""
    note += f"; fewer than {ENOUGH} seeds have no 95 % limits" if seeds < ENOUGH else ""
    note += f" ({left_out} seeds that not all have are left out)" if left_out else ""
    note += ". Small: each activation and optimizer. Left of 1 is better than exact."
    tasks = [str(t) for t in results.runs["task"].cat.categories if (pools["task"] == t).any()]
    across = min(ACROSS, len(tasks))
    down = -(-len(tasks) // across)
    height = min(0.24, max(0.14, (style.TALLEST - 2) / down / len(rules))) * len(rules)
    names = np.array([*tasks, *[""] * (across * down - len(tasks))]).reshape(down, across)
    shown, small = (frame.assign(panel=frame["task"].astype(str)) for frame in (pools, cells))
    return _page(text, note, names, height, rules, shown, small)


def _details(rules: list[Rule], cells: pd.DataFrame) -> Iterator[Figure]:
    height = 0.13 * len(rules)
    a_page = max(1, int((style.TALLEST - 1.4) / (height + 0.3)))
    cells = cells.assign(
        panel=cells["activation_label"].astype(str) + ", " + cells["optimizer_label"].astype(str)
    )
    for (task, setting), group in cells.groupby(["task", "setting"], observed=True, sort=True):
        activations, optimizers = (
            list(group[f"{axis}_label"].cat.remove_unused_categories().cat.categories)
            for axis in ("activation", "optimizer")
        )
        text = _counted(f"{task}, {setting}" if setting else str(task), group, rules)
        for first, top in product(
            range(0, len(activations), ACROSS), range(0, len(optimizers), a_page)
        ):
            columns, rows = activations[first : first + ACROSS], optimizers[top : top + a_page]
            names = np.array([[f"{column}, {row}" for column in columns] for row in rows])
            yield _page(text, NOTE, names, height, rules, group, group[:0], size=3)


def _counted(where: str, group: pd.DataFrame, rules: list[Rule]) -> str:
    """Say in how many cases the rule in question ends above and below exact."""
    own = group[group["stage"] == "evaluate"]
    rule = subject([r for r in rules if (own["rule"] == r.label).any()])
    mine = own[own["rule"] == rule.label] if rule else own
    worse, better = (mine["low"] > 0).sum(), (mine["high"] < 0).sum()
    clause = condition(rule, inside=True) if rule else "by every rule"
    return (
        f"{where}: {clause} the objective ends above exact's in {worse} of {len(mine)} cases and "
        f"below it in {better}, at its own best rate"
    )


def _page(
    text: str,
    note: str,
    names: np.ndarray,
    height: float,
    rules: list[Rule],
    shown: pd.DataFrame,
    small: pd.DataFrame,
    size: float = 3.6,
) -> Figure:
    """Draw a panel for each name, one row a rule, on one scale; no name, no panel."""
    down, across = names.shape
    left = max(style.text_width(rule.label, style.SMALL) for rule in rules) + 0.2
    width = min(style.WIDTH, max(style.COLUMN, left + across * 2.2))
    figure, axes = style.sheet(
        *(text, note, down, across),
        **{"height": height, "left": left, "bottom": 0.64, "gap": (0.2, 0.3), "width": width},
    )
    every = pd.concat([shown, small])
    ends = every[["low", "high"]].replace([np.inf, -np.inf], np.nan)
    low = min(every["estimate"].min(), ends["low"].quantile(0.02), np.log10(0.7))
    high = max(every["estimate"].max(), ends["high"].quantile(0.98), np.log10(1.5))
    labels = [rule.label for rule in rules]
    for (i, j), name in np.ndenumerate(names):
        panel = axes[i, j]
        if not name:
            panel.set_axis_off()
            continue
        panel.set_title(name, weight="bold")
        here, dots = (frame[frame["panel"] == name] for frame in (shown, small))
        _draw(panel, rules, here, dots, size)
        panel.axvline(1, color=style.MUTED, linewidth=0.7, zorder=1)
        style.logarithmic(panel, "x", 10 ** (low - 0.06), 10 ** (high + 0.06))
        panels.rows(panel, labels if j == 0 else [""] * len(rules))
        panel.tick_params(axis="x", labelbottom=i == down - 1 or not names[i + 1, j])
    _key(figure, [stage for stage in STAGES if (shown["stage"] == stage).any()])
    return figure


def _draw(
    panel: Axes, rules: list[Rule], shown: pd.DataFrame, small: pd.DataFrame, size: float
) -> None:
    """Draw each rule's estimates and limits, and the `small` ones as dots."""
    for (i, rule), (stage, shift) in product(enumerate(rules), SHIFT.items()):
        look, own = style.look(rule), stage == "evaluate"
        mine, dots = (f[(f["rule"] == rule.label) & (f["stage"] == stage)] for f in (shown, small))
        panels.dots(panel, i + shift, 10.0 ** dots["estimate"], look, size=3)
        drawn = look if own else replace(look, marker="|")
        thick = {"width": 1.4, "size": size} if own else {"width": 0.8, "size": size + 1.5}
        for values in 10.0 ** mine[["estimate", "low", "high"]].to_numpy():
            panels.estimate(panel, i + shift, values, drawn, **thick)


def _key(figure: Figure, stages: list[str]) -> None:
    middle = multiples.middle(figure, "final objective / exact's", 0.29)
    narrow = figure.get_figwidth() < 4.5
    names = {"evaluate": "at its own rate", "transfer": "at exact's rate"} if narrow else STAGES
    looks = {"evaluate": ("o", 4.2, 1.4), "transfer": ("|", 5.7, 0.8)}
    marks = [
        Line2D([], [], color=style.INK, marker=marker, markersize=size, linewidth=width)
        for marker, size, width in (looks[stage] for stage in stages)
    ]
    at = 0.5 if narrow else middle
    panels.key(figure, marks, [names[stage] for stage in stages], at=at)
