"""``study predict mytask.yaml``: what the published tasks say of a user's own task."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from study import datasets
from study.ablation.planning.cells import DEFAULTS, axis_value
from study.checked import NO_OTHER_KEYS, Number, Whole, between, checked, one_of
from study.conf import read_yaml
from study.errors import UsageError
from study.places import ROOT

USAGE = "study predict takes a file that describes your task, as in: study predict mytask.yaml"
SIZES = ("kind", "patterns", "inputs", "outputs")
KINDS = ("classification", "regression")

Size = Annotated[Whole, between(1)]
Share = Annotated[Number, between(0, 1)] | None


def _full(given: Any) -> Any:
    if not isinstance(given, int) and given != "full":
        raise ValueError(f"takes a whole number or full, not {given!r}")
    return None if given == "full" else given


@dataclass(frozen=True)
class OwnTask:
    """A task as its file says it: a dataset or its sizes, a net, a budget."""

    __pydantic_config__ = NO_OTHER_KEYS

    dataset: Any = None  # as in a grid; in place of the next four
    kind: Annotated[str | None, one_of(*KINDS)] = None
    patterns: Size | None = None  # of the training part
    inputs: Size | None = None
    outputs: Size | None = None  # 1 where there are two classes
    objective: Any = DEFAULTS["objective"]
    hidden: Any = (32, 32)
    activation: Any = DEFAULTS["activation"]
    gain: Any = DEFAULTS["gain"]
    batch_size: Annotated[Size | None, BeforeValidator(_full)] = 32
    updates: Size = 1000
    noise: Annotated[Number, between(0, 1)] = 0.0  # share of wrong labels, or of the variance
    # shares of the objective that are left, if known; see `study.harm.models.COVARIATES`
    exact_early: Share = None  # after a tenth of the updates, by exact
    exact_share: Share = None  # in the end, by exact
    frozen_share: Share = None  # in the end, with hidden layers that don't learn

    def facts(self) -> dict[str, Any]:
        """Return the covariates of the task; sizes that are missing or said twice are refused."""
        from study.harm.forecast import facts  # brings scikit-learn and pandas

        sizes = {name: getattr(self, name) for name in SIZES}
        if self.dataset is not None:
            if any(value is not None for value in sizes.values()):
                raise UsageError(f"a task has a dataset, or {', '.join(SIZES)}: not both")
            data = datasets.load(axis_value("dataset", self.dataset), seed=0)
            (patterns, inputs), outputs = data.inputs.shape, data.targets.shape[1]
            sizes = dict(zip(SIZES, (data.task, patterns, inputs, outputs), strict=True))
        elif missing := [name for name, value in sizes.items() if value is None]:
            raise UsageError(f"the task lacks {', '.join(missing)}: or give a dataset")
        objective = axis_value("objective", self.objective)
        if sizes["kind"] not in objective.record.tasks:
            raise UsageError(f"objective {objective.name} is not for {sizes['kind']}")
        return facts(
            **sizes,
            hidden=axis_value("hidden", self.hidden),
            batch_size=self.batch_size,
            updates=self.updates,
            objective=objective.name,
            activation=axis_value("activation", self.activation).name,
            gain=axis_value("gain", self.gain),
            noise=self.noise,
            exact_early=self.exact_early,
            exact_share=self.exact_share,
            frozen_share=self.frozen_share,
        )


def command(arguments: Sequence[str]) -> int:
    """``study predict mytask.yaml``: print what to expect of removal, a floor and an offset."""
    from study.harm.forecast import forecast

    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise UsageError(USAGE)
    path = Path(arguments[0])
    if not path.is_file():
        raise UsageError(f"{USAGE}; there is no file {str(path)!r}")
    print(forecast(checked(OwnTask, read_yaml(path)).facts(), ROOT))
    return 0
