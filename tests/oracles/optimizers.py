"""Oracles of the optimizers: a step of one weight, straight from the papers' formulas."""

import math
from collections.abc import Callable

State = dict[str, float]
Numbers = dict[str, float]


def _sgd(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    return w - rate * g


def _weight_decay(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    return w - rate * (g + p["strength"] * w)


def _momentum(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    s["v"] = p["momentum"] * s.get("v", 0.0) - rate * g
    return w + s["v"]


def _nesterov(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    s["v"] = p["momentum"] * s.get("v", 0.0) - rate * g
    return w + p["momentum"] * s["v"] - rate * g


def _adagrad(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    s["G"] = s.get("G", 0.0) + g * g
    return w - rate * g / (math.sqrt(s["G"]) + p["epsilon"])


def _rmsprop(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    s["v"] = p["decay"] * s.get("v", 0.0) + (1.0 - p["decay"]) * g * g
    return w - rate * g / (math.sqrt(s["v"]) + p["epsilon"])


def _adadelta(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    rho, epsilon, u = p["decay"], p["epsilon"], s.get("u", 0.0)
    s["v"] = rho * s.get("v", 0.0) + (1.0 - rho) * g * g
    step = math.sqrt(u + epsilon) / math.sqrt(s["v"] + epsilon) * g
    s["u"] = rho * u + (1.0 - rho) * step * step
    return w - rate * step


def _adam(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    b1, b2 = p["beta_1"], p["beta_2"]
    s["m"] = b1 * s.get("m", 0.0) + (1.0 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1.0 - b2) * g * g
    at_t = rate * math.sqrt(1.0 - b2**t) / (1.0 - b1**t)
    return w - at_t * s["m"] / (math.sqrt(s["v"]) + p["epsilon"])


def _rprop(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    """iRprop- of Igel & Hüsken 2000."""
    size = s.get("size", rate)
    before = s.get("g", 0.0)
    if before and g and (before > 0.0) == (g > 0.0):
        size = min(size * p["grow"], p["most"])
    elif before and g:
        size, g = max(size * p["shrink"], p["least"]), 0.0
    s["size"], s["g"] = size, g
    return w - (math.copysign(size, g) if g else 0.0)


def _quickprop(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    """Fahlman 1988: the minimum of a parabola through two slopes, or a bounded leap."""
    before, last = s.get("g", 0.0), s.get("step", 0.0)
    step, limit = 0.0, p["growth"] * abs(last)
    if last:
        step = g / (before - g) * last if before != g else math.inf
        uphill = step * g > 0.0
        if uphill or abs(step) > limit:
            step = p["growth"] * last
    if not last or before * g >= 0.0:
        step -= rate * g
    s["g"], s["step"] = g, step
    return w + step


def _gauss_newton(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    """Steps by a running diagonal; s["d"] is the sample of this step, 0 where none is given."""
    rest = 1.0 - p["decay"]
    s["h"] = p["decay"] * s.get("h", 1.0) + rest * s.get("d", 0.0)
    return w - rate * g / (s["h"] + p["damping"])


def _lbfgs(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    """No step of its own: scipy takes them, see `minimiser`."""
    return w


def _quickprop_decay(w: float, g: float, s: State, rate: float, t: int, p: Numbers) -> float:
    return _quickprop(w, g + p["strength"] * w, s, rate, t, p)


_ALL = (
    _sgd,
    _weight_decay,
    _momentum,
    _nesterov,
    _adagrad,
    _rmsprop,
    _adadelta,
    _adam,
    _rprop,
    _quickprop,
    _gauss_newton,
    _lbfgs,
    _quickprop_decay,
)
STEPS: dict[str, Callable[[float, float, State, float, int, Numbers], float]] = {
    step.__name__[1:]: step for step in _ALL
}


def path(name: str, start: float, slopes: list[float], rate: float, p: Numbers) -> list[float]:
    """Return the weight after each of these gradients."""
    w, state, found = start, {}, []
    for t, g in enumerate(slopes, start=1):
        w = STEPS[name](w, g, state, rate, t, p)
        found.append(w)
    return found
