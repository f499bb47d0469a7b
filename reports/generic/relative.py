"""Figure 3: the final objective relative to exact, paired by seed, with intervals.

The first page pools activations and optimizers a task; one page a task then shows each stratum.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import bootstrap

from reports import style
from reports.generic.multiples import STAGES, by_stage
from reports.wording import condition, limits, ratio, subject
from study.evidence.naming import Results, Rule
from study.evidence.runs import REFERENCE, NothingToShow
from study.evidence.statistics import Interval
from study.evidence.summaries import effects, pairs, pooled, seed_means

SHIFT = {"evaluate": -0.15, "transfer": 0.17}  # of a row; own rate above
ACROSS = 3
ENOUGH = 6  # seeds below which no 95 % limits exist


def pages(results: Results) -> Iterator[Figure]:
    """Draw the pooled page, then the strata of each task."""
    paired = by_stage(lambda stage: pairs(results, stage), needed=("evaluate",))
    cells = {stage: effects(frame) for stage, frame in paired.items()}
    rules = [rule for rule in results.rules if rule.name != REFERENCE]
    text = message(results, paired["evaluate"])
    yield _summary(results, rules, paired, cells, text)
    if len(cells["evaluate"]) > cells["evaluate"].groupby(["task", "rule"], observed=True).ngroups:
        yield from _details(results, rules, cells)


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
    results: Results,
    rules: list[Rule],
    paired: dict[str, pd.DataFrame],
    cells: dict[str, pd.DataFrame],
    text: str,
) -> Figure:
    pools = {stage: pooled(frame) for stage, frame in paired.items()}
    whole = pd.concat(pools.values())
    seeds, left_out = int(whole["seeds"].max()), int(whole["left_out"].max())
    note = (
        "Ratio of final objectives to exact's, paired by seed. Large: Hodges-Lehmann estimate of "
        f"{seeds} seeds' means over activations and optimizers"
    )
    note += ", 95 % by inversion of Wilcoxon's test" if seeds >= ENOUGH else ""
    note += f"; fewer than {ENOUGH} seeds have no 95 % limits" if seeds < ENOUGH else ""
    note += f" ({left_out} seeds that not all have are left out)" if left_out else ""
    note += ". Small: each activation and optimizer. Left of 1 is better than exact."
    tasks = [str(t) for t in results.runs["task"].cat.categories if (whole["task"] == t).any()]
    across = min(ACROSS, len(tasks))
    down = -(-len(tasks) // across)
    height = min(0.24, max(0.14, (style.TALLEST - 2) / down / len(rules))) * len(rules)
    names = np.array([*tasks, *[""] * (across * down - len(tasks))]).reshape(down, across)

    def draw(panel: Axes, task: str) -> None:
        for stage, frame in cells.items():
            _dots(panel, frame[frame["task"] == task], rules, SHIFT[stage])
        for stage, frame in pools.items():
            _estimates(panel, frame[frame["task"] == task], rules, stage)

    every = pd.concat([*cells.values(), whole])
    return _page(text, note, names, draw, height, rules, every, list(pools))


def _details(
    results: Results, rules: list[Rule], cells: dict[str, pd.DataFrame]
) -> Iterator[Figure]:
    height = 0.13 * len(rules)
    a_page = max(1, int((style.TALLEST - 1.4) / (height + 0.3)))
    every = pd.concat([frame.assign(stage=stage) for stage, frame in cells.items()])
    for (task, setting), group in every.groupby(["task", "setting"], observed=True, sort=True):
        activations, optimizers = (
            list(group[f"{axis}_label"].cat.remove_unused_categories().cat.categories)
            for axis in ("activation", "optimizer")
        )
        where = f"{task}, {setting}" if setting else str(task)
        for first, top in product(
            range(0, len(activations), ACROSS), range(0, len(optimizers), a_page)
        ):
            columns, rows = activations[first : first + ACROSS], optimizers[top : top + a_page]
            names = np.array([[f"{column}, {row}" for column in columns] for row in rows])
            yield _detail(where, group, names, rules, height, list(cells))


def _detail(
    where: str,
    group: pd.DataFrame,
    names: np.ndarray,
    rules: list[Rule],
    height: float,
    stages: list[str],
) -> Figure:
    own = group[group["stage"] == "evaluate"]
    rule = subject([r for r in rules if (own["rule"] == r.label).any()])
    mine = own[own["rule"] == rule.label] if rule else own
    worse, better = (mine["low"] > 0).sum(), (mine["high"] < 0).sum()
    clause = condition(rule, inside=True) if rule else "by every rule"
    text = (
        f"{where}: {clause} the objective ends above exact's in {worse} of {len(mine)} cases and "
        f"below it in {better}, at its own best rate"
    )
    note = (
        "Ratio of final objectives to exact's, paired by seed: Hodges-Lehmann estimate and 95 % "
        "limits by inversion of Wilcoxon's test; above or below: both limits are. Left of 1 is "
        "better than exact."
    )
    panel_of = group["activation_label"].astype(str) + ", " + group["optimizer_label"].astype(str)

    def draw(panel: Axes, name: str) -> None:
        for stage in stages:
            here = group[(panel_of == name) & (group["stage"] == stage)]
            _estimates(panel, here, rules, stage, size=3)

    return _page(text, note, names, draw, height, rules, group, stages)


def _page(
    text: str,
    note: str,
    names: np.ndarray,
    draw: Callable[[Axes, str], None],
    height: float,
    rules: list[Rule],
    every: pd.DataFrame,
    stages: list[str],
) -> Figure:
    """Draw a panel for each name, one row a rule, on the scale of `every`; no name, no panel."""
    down, across = names.shape
    left = max(style.text_width(rule.label, style.SMALL) for rule in rules) + 0.2
    width = min(style.WIDTH, max(style.COLUMN, left + across * 2.2))
    figure, axes = style.sheet(
        text,
        note,
        down,
        across,
        height=height,
        left=left,
        bottom=0.64,
        gap=(0.2, 0.3),
        width=width,
    )
    for panel, name in zip(axes.flat, names.flat, strict=True):
        if name:
            panel.set_title(name, weight="bold")
            draw(panel, name)
        else:
            style.clear(panel)
    _scale(axes, every, rules)
    _key(figure, stages)
    return figure


def _dots(panel: Axes, frame: pd.DataFrame, rules: list[Rule], shift: float) -> None:
    rows = {rule.label: i + shift for i, rule in enumerate(rules)}
    colours = {rule.label: style.look(rule).colour for rule in rules}
    labels = frame["rule"].astype(object)
    panel.scatter(
        10.0 ** frame["estimate"],
        labels.map(rows).astype(float),
        s=3,
        c=labels.map(colours).to_list(),
        alpha=0.35,
        linewidths=0,
        zorder=2,
    )


def _estimates(
    panel: Axes, frame: pd.DataFrame, rules: list[Rule], stage: str, size: float = 3.6
) -> None:
    own = stage == "evaluate"
    rows = {str(row.rule): row for row in frame.itertuples()}
    for i, rule in enumerate(rules):
        if rule.label not in rows:
            continue
        look, row, at = style.look(rule), rows[rule.label], i + SHIFT[stage]
        if np.isfinite(row.low) and np.isfinite(row.high):
            width = 1.4 if own else 0.8
            ends = 10.0**row.low, 10.0**row.high
            panel.hlines(at, *ends, colors=look.colour, linewidth=width, zorder=3)
        panel.plot(
            10.0**row.estimate,
            at,
            linestyle="none",
            marker=look.marker if own else "|",
            markersize=size if own else size + 1.5,
            color=look.colour,
            markerfacecolor=look.face,
            markeredgewidth=0.8,
            zorder=4,
            label=rule.label,
        )


def _scale(axes: np.ndarray, frame: pd.DataFrame, rules: list[Rule]) -> None:
    """One logarithmic axis for all panels, wide enough for every estimate and most limits."""
    limits_ = frame[["low", "high"]].replace([np.inf, -np.inf], np.nan)
    low = min(frame["estimate"].min(), limits_["low"].quantile(0.02), np.log10(0.7))
    high = max(frame["estimate"].max(), limits_["high"].quantile(0.98), np.log10(1.5))
    labels = [rule.label for rule in rules]
    for (i, j), panel in np.ndenumerate(axes):
        panel.axvline(1, color=style.MUTED, linewidth=0.7, zorder=1)
        style.logarithmic(panel, "x", 10 ** (low - 0.06), 10 ** (high + 0.06))
        panel.set_ylim(len(rules) - 0.4, -0.6)
        panel.set_yticks(range(len(rules)), labels if j == 0 else [""] * len(rules))
        panel.tick_params(axis="y", length=0)
        panel.tick_params(
            axis="x", labelbottom=i == len(axes) - 1 or axes[i + 1, j].axison is False
        )
        panel.grid(axis="x", color="#EEEEEE", linewidth=0.6)
        panel.set_axisbelow(True)


def _key(figure: Figure, stages: list[str]) -> None:
    marks = {
        "evaluate": Line2D([], [], color=style.INK, marker="o", markersize=4.2, linewidth=1.4),
        "transfer": Line2D([], [], color=style.INK, marker="|", markersize=5.7, linewidth=0.8),
    }
    high = figure.get_figheight()
    middle = (figure.subplotpars.left + figure.subplotpars.right) / 2
    figure.text(middle, 0.29 / high, "final objective / exact's", ha="center", size=style.NORMAL)
    narrow = figure.get_figwidth() < 4.5
    names = {"evaluate": "at its own rate", "transfer": "at exact's rate"} if narrow else STAGES
    figure.legend(
        [marks[stage] for stage in stages],
        [names[stage] for stage in stages],
        loc="lower center",
        ncols=len(stages),
        bbox_to_anchor=(0.5 if narrow else middle, 0.02 / high),
        borderpad=0,
        handlelength=2.2,
    )
