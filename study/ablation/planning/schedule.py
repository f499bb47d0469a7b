"""Which cell is trained next: one whose learning rates are known, with the longest way to go."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable

from study.ablation.planning.plan import Planned


class Schedule:
    """The unfinished cells of a plan, taken one by one.

    A cell is ready as soon as the cells have ended whose chosen rates it needs. Of the ready ones
    that comes first which has the longest way to the end of the study: its own seconds, and those
    of the longest chain of cells that wait for it.
    """

    def __init__(self, cells: Iterable[Planned], finished: Collection[str] = frozenset()) -> None:
        todo = {p.identity: p for p in cells if p.identity not in finished}
        self._waits_for = {i: set(p.needs.values()) & todo.keys() for i, p in todo.items()}
        self._waiting = defaultdict[str, list[Planned]](list)  # for a cell's rate
        self._way: dict[str, float] = {}
        for identity, planned in todo.items():
            for needed in self._waits_for[identity]:
                self._waiting[needed].append(planned)
        for planned in sorted(todo.values(), key=lambda p: -p.wave):
            after = (self._way[p.identity] for p in self._waiting[planned.identity])
            self._way[planned.identity] = planned.seconds + max(after, default=0.0)
        self._ready: list[tuple[float, int, Planned]] = []
        self._count = 0
        for identity, planned in todo.items():
            if not self._waits_for[identity]:
                self._add(planned)

    def take(self) -> Planned | None:
        """Return the next cell, None while none is ready."""
        return heapq.heappop(self._ready)[-1] if self._ready else None

    def end(self, identity: str) -> None:
        """Make the cells ready that waited for this one alone."""
        for planned in self._waiting.pop(identity, ()):
            waits_for = self._waits_for.get(planned.identity)
            if waits_for is not None:
                waits_for.discard(identity)
                if not waits_for:
                    self._add(planned)

    def fail(self, identity: str) -> list[str]:
        """Drop the cells that need this one, or one that does; return those not dropped before."""
        waiting = (planned.identity for planned in self._waiting.pop(identity, ()))
        dropped = [other for other in waiting if self._waits_for.pop(other, None) is not None]
        return dropped + [i for other in dropped for i in self.fail(other)]

    def _add(self, planned: Planned) -> None:
        self._count += 1  # cells with equal ways keep their order
        heapq.heappush(self._ready, (-self._way[planned.identity], self._count, planned))


def seconds_together(cells: Collection[Planned], workers: int) -> float:
    """Return how long the cells take by the clock, by their estimates, with so many workers."""
    schedule, clock = Schedule(cells), 0.0
    busy: list[tuple[float, str]] = []  # when a worker's cell ends
    while True:
        while len(busy) < workers and (planned := schedule.take()):
            heapq.heappush(busy, (clock + planned.seconds, planned.identity))
        if not busy:
            return clock
        clock, identity = heapq.heappop(busy)
        schedule.end(identity)
