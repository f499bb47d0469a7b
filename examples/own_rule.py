"""A gradient rule of your own in a study, beside the exact gradient and removal.

Run it with ``python own_rule.py``. Store and tables are those of the command `study`; a second
run trains nothing, since everything is recorded.
"""

import sys

import pyarrow.parquet as pq

from study import Gradient, Parameter, elementwise
from study.ablation.app import main


@elementwise  # compiled; takes any of z, y and slope, and then the rule's parameters
def mixed(slope: float, share: float) -> float:
    """Return f' with a share of the constant 1."""
    return (1.0 - share) * slope + share


softened = Gradient(
    name="softened",
    formula="φ = (1 - a) f' + a",
    reference="mine",
    parameters={"share": Parameter(0.1, "a, how much of a constant is mixed in", 0.0, 1.0)},
    factor=mixed,
)

RULES = "exact, removed, {_target_: own_rule.softened, share: [0.1, 0.5]}"
WORDS = [
    "experiment=smoke",
    f"grids=[{{dataset: iris, hidden: [8], gradient: [{RULES}], location: hidden}}]",
    "tracking.uri=sqlite:///own_rule.db",
    "tracking.tables=own_rule_tables",
]

if __name__ == "__main__":  # worker processes import this file: only the first one trains
    code = main([*WORDS, *sys.argv[1:]])  # more words, such as protocol.updates=500
    if code == 0:
        runs = pq.read_table("own_rule_tables/smoke/runs.parquet").to_pandas()
        scored = runs[runs["stage"] == "evaluate"]
        arms = scored.groupby(["gradient", "gradient.share"], dropna=False)
        print(arms[["learning_rate", "final_objective", "test_score"]].median())
    sys.exit(code)
