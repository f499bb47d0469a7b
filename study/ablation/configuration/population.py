"""What a population of tasks is: the distributions that it is drawn from, and its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from study.checked import NO_OTHER_KEYS, Flag, Number, Text, Whole, between


@dataclass(frozen=True)
class Part:
    """Tasks that are drawn one after the other, and used for one purpose."""

    __pydantic_config__ = NO_OTHER_KEYS

    tasks: Annotated[Whole, between(1, 10**6)]  # how many tasks it has
    data: Text = "data"  # which of the lists under ``draw`` has its datasets
    in_turn: Flag = False  # true: take its datasets one after the other, not by chance


def _alternatives(given: Any) -> Any:
    """Read one set of keys as a list of it."""
    lists = {k: [v] if isinstance(v, Mapping) else v for k, v in given.items()}
    for name, several in lists.items():
        if not isinstance(several, list) or not all(isinstance(v, Mapping) for v in several):
            raise ValueError(f".{name} takes a list of keys with values, each as likely")
    return lists


@dataclass(frozen=True)
class Population:
    """Distributions of tasks.

    A value under ``draw`` is drawn: of a list one, each as likely; of ``{from: a, to: b}`` a
    number between, uniform in its logarithm, a whole one where both are; of other keys with
    values each value. ``hidden: {layers: ..., units: ...}`` is a net with layers of equal width.
    """

    __pydantic_config__ = NO_OTHER_KEYS

    seed: Annotated[Whole, between(0, 10**6)]  # task number k depends on it and on k alone
    parts: dict[str, Part]  # the tasks by purpose, in order, until ``protocol.tasks`` are drawn
    # lists of alternatives, each with axes and ``protocol``; one of each list makes a task
    draw: Annotated[dict[str, list[dict[str, Any]]], BeforeValidator(_alternatives)]
    tasks_a_draw: Annotated[Whole, between(1, 1000)] = 2  # tasks that share a draw of the data
    # the most that a training may cost, in GFLOP; a costlier net is drawn again
    most_gflop: Annotated[Number, between(0)] = 3
