"""Numbers and names as figures and tables say them."""

import math
from collections.abc import Sequence

from study.evidence.naming import Rule
from study.evidence.runs import REFERENCE


def subject(rules: Sequence[Rule]) -> Rule | None:
    """Return the rule that messages are about: `removed` if there, else the first but exact."""
    others = [rule for rule in rules if rule.name != REFERENCE]
    return next((rule for rule in others if rule.name == "removed"), others[0] if others else None)


def condition(rule: Rule, *, inside: bool = False) -> str:
    """Say under which rule, to begin a sentence or `inside` it: "Without the slope"."""
    begin = "w" if inside else "W"
    if rule.name == "removed":
        return f"{begin}ithout the slope{rule.label.removeprefix('removed')}"
    return f"{begin}ith {rule.label}"


def percent(share: float) -> str:
    """12 %, 0.4 % below one, and 0 % for nothing at all."""
    return f"{100 * share:{'.0f' if share == 0 or share >= 0.0095 else '.1g'}} %"


def significant(value: float, digits: int = 2) -> str:
    """Round to some significant digits, in plain notation where that is short."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")  # 0.0996 becomes 0.10, not 0.100
    power = math.floor(math.log10(abs(rounded)))
    if -5 <= power < 5:
        return f"{rounded:.{max(digits - 1 - power, 0)}f}"
    return f"{value:.{digits - 1}e}"


def signed(value: float) -> str:
    """Say a number with three digits and a minus sign."""
    if not abs(value) < math.inf:
        return "−∞" if value < 0 else "∞"
    return f"{'−' if value < 0 else ''}{significant(abs(value), 3)}"


def ratio(decades: float, *, fine: bool | None = None) -> str:
    """Say a difference of scores (log10 of a ratio) as a ratio: 1.07, 2.8, 31.

    `fine` ratios below ten have two decimals; those below two do unless told.
    """
    if not math.isfinite(decades):
        return significant(decades)
    value = 10.0**decades
    fine = value < 2 if fine is None else fine
    return f"{value:.2f}" if fine and 0.1 <= value < 10 else significant(value)


def limits(low: float, high: float) -> str:
    """Say the limits of a ratio given in decades, equally fine; empty where there are none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    fine = 10.0**low < 2
    return f"{ratio(low, fine=fine)}–{ratio(high, fine=fine)}"


def listed(names: Sequence[str]) -> str:
    """Join names as a sentence does: a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
