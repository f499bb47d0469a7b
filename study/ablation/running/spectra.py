"""The spectrum of K~ at the end of a few trainings of a cell: dear, so not of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.core.training import Design, Outcome, initial
from study.learning.diagnostics.tangent import tangent_spectrum
from study.learning.problem import Problem

Array = NDArray[Any]
SPECTRA = 3  # evaluation seeds of a cell
ROWS = 64  # of the matrix, the most
PATTERNS = 32  # the most


def negative_eigenvalues(
    design: Design, problem: Problem, outcome: Outcome, seeds: Sequence[int]
) -> Array:
    """Return the share of negative eigenvalues at the end of trainings, (R,).

    Parameters
    ----------
    design, problem, outcome
        What was trained, from its own initial weights.
    seeds
        Those whose networks are looked at; NaN for the others.
    """
    found = np.full(len(outcome.seeds), np.nan)
    which = np.flatnonzero(np.isin(outcome.seeds, seeds))
    if not len(which):
        return found
    own = outcome.seeds[which].tolist()
    if len(problem.inputs) > 1:
        sets = which // (len(outcome.seeds) // len(problem.inputs))
        problem = replace(problem, inputs=problem.inputs[sets], targets=problem.targets[sets])
    patterns = min(PATTERNS, max(1, ROWS // problem.widths[1]))
    found[which] = tangent_spectrum(
        design,
        problem,
        outcome.parameters[which],
        patterns,
        own,
        start=initial(design, problem, own),
    ).negative
    return found
