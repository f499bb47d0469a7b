"""The fifteen figures of the study, one file each: all are drawn from the runs that decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from matplotlib.figure import Figure

from reports.study_figures import (
    capacity,
    decided,
    dose,
    escaping,
    information,
    location,
    predictors,
    relu_at_zero,
    removal,
    rescue,
    saturation,
    settling,
    slopes_and_factors,
    twins,
    verdict_page,
)
from study.evidence.evidence import Evidence

STUDY_FIGURES: dict[str, Callable[[Evidence], Iterator[Figure]]] = {
    "01_slopes_and_factors": slopes_and_factors.pages,
    "02_removal": removal.pages,
    "03_settling": settling.pages,
    "04_dose": dose.pages,
    "05_twins": twins.pages,
    "06_optimizers": rescue.pages,
    "07_saturation_and_depth": saturation.pages,
    "08_predictors": predictors.pages,
    "09_location": location.pages,
    "10_decided_units": decided.pages,
    "11_relu_at_zero": relu_at_zero.pages,
    "12_information": information.pages,
    "13_capacity": capacity.pages,
    "14_escape": escaping.pages,
    "15_verdicts": verdict_page.pages,
}
