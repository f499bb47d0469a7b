"""Figure 2: how often training fails, gradient x optimizer, a panel per activation."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from reports import style
from reports.generic import multiples
from reports.wording import condition, percent, subject
from study.evidence.naming import Results
from study.evidence.runs import REFERENCE
from study.evidence.statistics import wilson
from study.evidence.summaries import failures

TITLES = {
    "evaluate": "Each rule at its own best learning rate",
    "transfer": "All rules at the best learning rate of exact",
}
ACROSS = 3  # panels that fit a page's width
WIDEST, HIGHEST = 0.36, 0.2  # inches of a cell
BY = ["activation_label", "rule", "optimizer_label"]


def pages(results: Results) -> Iterator[Figure]:
    """Draw up to three activations a page, the stages below one another."""
    counted = multiples.by_stage(lambda stage: failures(results, stage, BY))
    activations = list(results.runs["activation_label"].cat.categories)
    for first in range(0, len(activations), ACROSS):
        yield _page(results, counted, activations[first : first + ACROSS])


def message(results: Results, counted: dict[str, pd.DataFrame]) -> str:
    """Say how often the rule in question fails, at each rate, beside exact."""
    rule = subject(results.rules)

    def share(stage: str, label: str) -> str:
        rows = counted[stage][counted[stage]["rule"] == label]
        return percent(rows["failed"].sum() / rows["runs"].sum()) if len(rows) else ""

    own = next(iter(counted))
    exact = share(own, REFERENCE)
    if rule is None:
        return f"{exact} of runs with the exact slope fail"
    if "evaluate" in counted:
        said = f"{share('evaluate', rule.label)} of runs fail at their own best learning rate"
        if "transfer" in counted:
            said += f", {share('transfer', rule.label)} at exact's"
    else:
        said = f"{share('transfer', rule.label)} of runs fail at exact's learning rate"
    return f"{condition(rule)} {said}" + (f" (exact: {exact})" if exact else "")


def _note(counted: dict[str, pd.DataFrame], runs: int | None) -> str:
    everything = pd.concat(counted.values())
    diverged, stuck = int(everything["diverged"].sum()), int(everything["stuck"].sum())
    note = (
        f"Failed runs{f' of {runs} in each cell' if runs else ' / runs'}: diverged ({diverged} in "
        f"all) or no better than a constant prediction ({stuck}). "
    )
    if runs:
        top = float(wilson(0, runs)[1])
        note += f"None of {runs} still leaves a rate of up to {percent(top)} possible (95 %). "
    return note + "Wilson intervals of every cell: table failures."


def _page(results: Results, counted: dict[str, pd.DataFrame], activations: list[str]) -> Figure:
    rules = [rule.label for rule in results.rules]
    optimizers = list(results.runs["optimizer_label"].cat.categories)
    runs = pd.concat(counted.values())["runs"]
    same = int(runs.iloc[0]) if runs.nunique() == 1 else None
    left = max(style.text_width(label, style.SMALL) for label in rules) + 0.2
    slant = max(style.text_width(label, style.SMALL) for label in optimizers)
    across = min(ACROSS, len(activations))
    between = 0.15
    room = (style.WIDTH - left - 0.1 - (ACROSS - 1) * between) / ACROSS
    broad = min(room, max(WIDEST * len(optimizers), 1.1))
    high = min(HIGHEST, (style.TALLEST - 1.8) / (len(counted) * len(rules)))
    width = max(left + 0.1 + across * broad + (across - 1) * between, style.COLUMN)
    figure, axes = style.sheet(
        message(results, counted),
        _note(counted, same),
        len(counted),
        across,
        height=high * len(rules),
        left=left,
        right=width - left - across * broad - (across - 1) * between,
        bottom=slant + 0.12,
        gap=(between, 0.5),
        head=0.42,
        width=width,
    )
    for row, (stage, frame) in enumerate(counted.items()):
        for column, activation in enumerate(activations):
            panel = axes[row, column]
            data = frame[frame["activation_label"] == activation]
            _heat(panel, data, rules, optimizers, counts=same is not None)
            panel.set_title(activation, weight="bold")
            panel.tick_params(labelleft=column == 0, labelbottom=row == len(counted) - 1)
        above = axes[row, 0].get_position().y1 + 0.24 / figure.get_figheight()
        figure.text(0.06 / width, above, TITLES[stage], size=style.NORMAL)
    return figure


def _heat(
    panel: Axes, data: pd.DataFrame, rules: list[str], optimizers: list[str], *, counts: bool
) -> None:
    def grid(column: str) -> pd.DataFrame:
        table = data.pivot(index="rule", columns="optimizer_label", values=column)
        return table.reindex(index=rules, columns=optimizers)

    rate, failed, runs = grid("rate"), grid("failed"), grid("runs")
    words = np.full(rate.shape, "", dtype=object)
    for at in np.argwhere(rate.notna().to_numpy()):
        k, n = int(failed.iat[*at]), int(runs.iat[*at])
        words[*at] = f"{k}" if counts else f"{k}/{n}"
    panel.set_facecolor("#F4F4F4")  # shows where a cell was not run
    sns.heatmap(
        rate,
        ax=panel,
        cmap=style.FAILURE_MAP,
        norm=PowerNorm(0.5, 0.0, 1.0),  # a few per cent must be visible beside everything
        annot=words,
        fmt="",
        annot_kws={"size": style.SMALL},
        cbar=False,
        linewidths=0.6,
        linecolor="#EDEDED",
    )
    for text in panel.texts:
        x, y = text.get_position()
        share = rate.iat[int(y), int(x)]
        text.set_color("#9A9A9A" if share == 0 else "white" if share > 0.55 else style.INK)
    panel.set(xlabel="", ylabel="")
    panel.tick_params(length=0, labelrotation=0)
    panel.tick_params(axis="x", labelrotation=90)
