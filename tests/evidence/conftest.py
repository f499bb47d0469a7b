"""Small tables, a change at a time."""

import pandas as pd
import pytest
from claim_tables import CELL

from study.errors import UsageError
from study.evidence import naming

BASE = CELL | {
    **{"run_id": "", "location": "none", "seed": 0, "updates": 100, "final_objective": 0.1},
    **{"outcome": "plateau", "diverged_by": ""},
}


@pytest.fixture
def prepared():
    """Results of runs that differ from one evaluated run of exact by the changes given."""

    def make(*changes, curves=None):
        numbered = enumerate(changes)
        runs = pd.DataFrame([BASE | change | {"run_id": str(i)} for i, change in numbered])
        if curves is None:
            curves = pd.DataFrame({"run_id": runs["run_id"], "update": 1, "objective": 0.5})
        return naming.prepare("trial", runs, curves)

    return make


@pytest.fixture
def refusal():
    """The one line of the UsageError that a call raises."""

    def call(function, *arguments):
        with pytest.raises(UsageError) as caught:
            function(*arguments)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return call
