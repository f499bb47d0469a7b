"""Small tables, a change at a time."""

import pandas as pd
import pytest
from claim_tables import CELL

BASE = CELL | {
    **{"run_id": "", "location": "none", "seed": 0, "updates": 100, "final_objective": 0.1},
    **{"outcome": "plateau", "diverged_by": ""},
}


@pytest.fixture
def prepared():
    """Results of runs that differ from one evaluated run of exact by the changes given."""
    from study.evidence import naming

    def make(*changes, curves=None):
        runs = pd.DataFrame(
            [BASE | change | {"run_id": str(i)} for i, change in enumerate(changes)]
        )
        if curves is None:
            curves = pd.DataFrame({"run_id": runs["run_id"], "update": 1, "objective": 0.5})
        return naming.prepare("trial", runs, curves)

    return make
