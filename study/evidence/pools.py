"""Cells that were evaluated at several rates because none was chosen: pools, and no arms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def at_several_rates(runs: pd.DataFrame, structure: Sequence[str]) -> NDArray[np.bool_]:
    """Tell the runs of cells in which a seed was evaluated more than once.

    Parameters
    ----------
    runs
        A run table.
    structure
        Columns that tell cells apart where the table has no column ``cell``. A tuned cell of the
        same structure as a pool can then not be told from it.
    """
    cell = ["cell"] if "cell" in runs else list(structure)
    code = runs.groupby(cell, dropna=False, sort=False).ngroup()
    rates = pd.DataFrame({"code": code, "seed": runs["seed"], "rate": runs["learning_rate"]})
    rates = rates[runs["stage"] == "evaluate"].drop_duplicates()
    again = rates.loc[rates.duplicated(["code", "seed"]), "code"]
    return code.isin(again).to_numpy()
