"""The scenes of the live page, their texts filled with what was measured."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.page.digits import digits
from study.conf import read_yaml
from study.errors import UsageError

FILE = Path(__file__).with_name("scenes.yaml")
TEXTS = ("title", "says", "button", "second", "look", "measured")
PLACE = re.compile(r"\{([^}]+)\}")


def scenes(numbers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the scenes, each with its settings whole and the numbers in its texts.

    A place that no number fills raises `UsageError`.
    """
    told = read_yaml(FILE)
    found = []
    for scene in told["scenes"]:
        first = {**told["usual"], **scene["set"]}
        texts = {
            key: re.sub(PLACE, lambda at: _number(at[1], numbers), scene[key]).replace(
                " %", "\xa0%"
            )
            for key in TEXTS
        }
        presets = {"set": first, "then": {**first, **scene["then"]}}
        found.append({**scene, **texts, **presets})
    return found


def _number(key: str, numbers: Mapping[str, str]) -> str:
    if key not in numbers:
        raise UsageError(
            f"reports/tables/shares.csv has no {key}, which a scene of the page tells"
        )
    return numbers[key]


def shipped(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the live network gets with the page: settings of scenes, and digits."""
    kept = ("id", "set", "then")
    return {"scenes": [{k: s[k] for k in kept} for s in told], "digits": digits()}
