"""The order of the work, against brute force: random plans whose cells need each other."""

from types import SimpleNamespace

import numpy as np
import pytest

from study.ablation.planning.schedule import Schedule, seconds_together


def random_cells(rng):
    """Up to 12 cells in a random order, each of which may need some that stand before it."""
    cells = []
    for number in range(int(rng.integers(1, 13))):
        needs = [c for c in cells if rng.random() < 0.2]
        cells.append(
            SimpleNamespace(
                identity=str(number),
                needs={f"use {c.identity}": c.identity for c in needs},
                wave=1 + max((c.wave for c in needs), default=-1),
                seconds=float(rng.integers(1, 100)),
            )
        )
    return [cells[i] for i in rng.permutation(len(cells))]


def way(cell, cells):
    """A cell's seconds, and those of the longest chain that waits for it."""
    after = [way(other, cells) for other in cells if cell.identity in other.needs.values()]
    return cell.seconds + max(after, default=0.0)


@pytest.mark.parametrize("seed", range(60))
def test_each_cell_is_taken_once_after_what_it_needs_and_the_longest_way_first(seed):
    rng = np.random.default_rng(seed)
    cells = random_cells(rng)
    finished = {c.identity for c in cells if c.wave == 0 and rng.random() < 0.3}
    failing = {c.identity for c in cells if rng.random() < 0.1} - finished
    schedule, ended, taken, dropped = Schedule(cells, finished), set(finished), [], []
    training = []
    while True:
        ready = [
            c
            for c in cells
            if {*c.needs.values()} <= ended and c not in taken and c.identity not in finished
        ]
        cell = schedule.take()
        if cell is not None:
            assert cell in ready
            assert way(cell, cells) == max(way(c, cells) for c in ready)
            taken.append(cell)
            training.append(cell)
            if rng.random() < 0.5:
                continue
        else:
            assert not ready
        if not training:
            break
        done = training.pop(int(rng.integers(len(training))))
        if done.identity in failing:
            dropped += schedule.fail(done.identity)
        else:
            schedule.end(done.identity)
            ended.add(done.identity)
    lost = {c.identity for c in taken if c.identity in failing}
    for _ in cells:
        lost |= {c.identity for c in cells if lost & {*c.needs.values()}}
    assert sorted(dropped) == sorted(lost - {c.identity for c in taken}), "each once"
    assert {c.identity for c in taken} | set(dropped) | finished == {c.identity for c in cells}


@pytest.mark.parametrize("seed", range(20))
def test_seconds_together_keep_the_bounds_of_list_schedules(seed):
    """Graham 1969: at least the mean and the longest chain, at most their weighted sum."""
    rng = np.random.default_rng(seed)
    cells = random_cells(rng)
    total, longest = sum(c.seconds for c in cells), max(way(c, cells) for c in cells)
    assert seconds_together(cells, 1) == total
    assert seconds_together(cells, len(cells)) == longest
    for workers in (2, 3, 5):
        found = seconds_together(cells, workers)
        assert max(longest, total / workers) <= found
        assert found <= total / workers + (1 - 1 / workers) * longest
