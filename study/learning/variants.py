"""A variant is one record, found by name, with parameters that are checked in one place."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Generic, SupportsIndex, TypeVar

from study.errors import UsageError, unknown


@dataclass(frozen=True)
class Parameter:
    """A number (or a name) that a variant takes.

    Parameters
    ----------
    default
        Value when the grid does not say.
    meaning
        What the number does, in a few words, with its unit.
    low, high
        Closed range of valid numbers.
    choices
        Valid words, for a parameter that is a name.
    neutral
        The value at which a gradient rule equals ``exact``.
    """

    default: float | str | bool
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    neutral: float | None = None

    def check(self, culprit: str, value: Any) -> float | str | bool:
        """Return `value` in the parameter's own type, or raise `UsageError` naming `culprit`."""
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise UsageError(f"{culprit} takes true or false, not {value!r}")
            return value
        if isinstance(self.default, str):
            if not isinstance(value, str):
                raise UsageError(f"{culprit} takes a name, not {value!r}")
            if self.choices and value not in self.choices:
                raise UsageError(unknown(culprit, value, self.choices))
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{culprit} takes a number, not {value!r}")
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise UsageError(
                f"{culprit} = {value:g} is out of range: {self.low:g} to {self.high:g}"
            )
        return float(value)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A variant that a grid can name.

    Parameters
    ----------
    name
        The name in grids, tables and figures.
    formula
        The mathematics, in plain text.
    reference
        Where it was published, or "this study".
    parameters
        What it takes, by name.
    label
        How figures name it; the name with spaces unless given.
    family
        Figures give one hue to a family.
    examples
        Values of the parameters, beside the defaults, at which tests hold it to its oracle.
    """

    name: str
    formula: str
    reference: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    label: str = ""
    family: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()

    registry: ClassVar[tuple[str, str]] = ("", "")
    """Module and name of the dict with the package's own records of a class."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """Pickle the package's own by name: some hold functions that have none."""
        if _registered(*self.registry).get(self.name) is self:
            return _registered_record, (*self.registry, self.name)
        return super().__reduce_ex__(protocol)

    def __deepcopy__(self, memo: Any) -> Record:
        """Return the record: it can't change."""
        return self


def _registered(module: str, registry: str) -> Mapping[str, Record]:
    return getattr(importlib.import_module(module), registry) if module else {}


def _registered_record(module: str, registry: str, name: str) -> Record:
    return _registered(module, registry)[name]


R = TypeVar("R", bound=Record)

NAME = re.compile(r"\w[\w.+-]*")
"""What a record's name looks like: it names columns, figures, files, and stands in labels."""

KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (lambda value: isinstance(value, str), "a text"),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "int": (lambda value: isinstance(value, int), "a whole number"),
    "float": (lambda value: isinstance(value, int | float), "a number"),
    "tuple": (lambda value: isinstance(value, tuple), "a tuple"),
    "Callable": (callable, "a function"),
}
"""What the annotation of a record's field begins with -> whether a value fits, and what would."""

TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


@dataclass(frozen=True)
class Variant(Generic[R]):
    """A record with a value for each of its parameters.

    Parameters
    ----------
    record
        The record.
    values
        Its parameters' values.
    target
        ``module.object`` where a user's own record was imported from, else "".
    """

    record: R
    values: Mapping[str, float | str | bool] = field(default_factory=dict)
    target: str = ""

    @property
    def name(self) -> str:
        """The record's name."""
        return self.record.name

    def __hash__(self) -> int:
        """By what is written: equal variants have equal texts."""
        return hash((self.name, self.target, tuple(sorted(self.values.items()))))

    def specification(self) -> dict[str, Any]:
        """Return plain containers from which `resolve` makes the variant again."""
        if self.target:
            return {"_target_": self.target, **self.values}
        return {self.name: dict(self.values)}

    def __str__(self) -> str:
        """Canonical text, such as ``floor(minimum=0.1)``; flags that are not set are left out."""
        return self._text(lambda name, value: value is not False)

    @property
    def short(self) -> str:
        """The text without the parameters that have their default value."""
        return self._text(lambda name, value: value != self.record.parameters[name].default)

    def _text(self, shown: Callable[[str, Any], bool]) -> str:
        parts = [
            f"{name}={plain(value)}"
            for name, value in sorted(self.values.items())
            if shown(name, value)
        ]
        return f"{self.name}({', '.join(parts)})" if parts else self.name


def plain(value: float | str | bool) -> str:
    """Shortest text that reads back as the same value: 0.1, 32, true."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def resolve(kind: str, registry: Mapping[str, R], spec: Any) -> Variant[R]:
    """Find a variant by its specification.

    Parameters
    ----------
    kind
        What is looked for, for messages: "gradient", "activation", ...
    registry
        The records by name.
    spec
        ``"floor"``, ``{"floor": {"minimum": 0.1}}``, ``{"_target_": "module.object"}`` (a user's
        own record), a record, or a variant.

    Raises
    ------
    UsageError
        For unknown names, unknown parameters, values of a wrong type or out of range, and a
        record of another class than the registry's.
    """
    if isinstance(spec, Variant):
        _check_class(kind, registry, spec.record)
        return spec
    values: Mapping[str, Any] = {}
    target = ""
    if isinstance(spec, Record):
        record: Any = spec
    elif isinstance(spec, Mapping) and "_target_" in spec:
        target = str(spec["_target_"])
        record = _import(kind, target)
        values = {k: v for k, v in spec.items() if k != "_target_"}
    elif isinstance(spec, str) or (isinstance(spec, Mapping) and len(spec) == 1):
        ((name, given),) = {spec: None}.items() if isinstance(spec, str) else spec.items()
        if name not in registry:
            raise UsageError(unknown(kind, name, registry))
        record = registry[name]
        if not (given is None or isinstance(given, Mapping)):
            raise UsageError(f"{kind} {name!r} takes parameters by name, not {given!r}")
        values = given or {}
    else:
        raise UsageError(
            f"{kind} takes a name, or a name with parameters such as {{floor: {{minimum: 0.1}}}}, "
            f"not {spec!r}"
        )
    _check_class(kind, registry, record)
    for name in values:
        if name not in record.parameters:
            valid = record.parameters or ["(none)"]
            raise UsageError(unknown(f"parameter of {kind} {record.name!r}", name, valid))
    return Variant(
        record,
        {
            name: parameter.check(f"{record.name}.{name}", values.get(name, parameter.default))
            for name, parameter in record.parameters.items()
        },
        target,
    )


def _check_class(kind: str, registry: Mapping[str, Record], record: Record) -> None:
    wanted = type(next(iter(registry.values())))
    if not isinstance(record, wanted):
        raise UsageError(
            f"{kind} takes a record of class {wanted.__name__}: {record.name!r} is of class "
            f"{type(record).__name__}"
        )


def _import(kind: str, target: str) -> Record:
    if not TARGET.fullmatch(target):
        raise UsageError(
            f"{kind} _target_ takes module.object, such as my_rules.halved for halved in "
            f"my_rules.py, not {target!r}"
        )
    module, _, name = target.rpartition(".")
    culprit = f"{kind} _target_ {target!r}"
    try:
        home = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's module does when it is imported
        said = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{culprit} cannot be imported: {said}") from error
    found = getattr(home, name, None)
    if found is None:
        records = [n for n, value in vars(home).items() if isinstance(value, Record)]
        raise UsageError(unknown(f"{kind} of module {module}", name, records or ["(no record)"]))
    if not isinstance(found, Record):
        raise UsageError(f"{culprit} is a {type(found).__name__}, not a Record")
    if not isinstance(found.name, str) or not NAME.fullmatch(found.name):
        raise UsageError(
            f"{culprit} has the name {found.name!r}: a name is letters, digits, '_', '-', '.', '+'"
        )
    _check_fields(culprit, found)
    _check_parameters(culprit, found.parameters)
    return found


def _check_fields(culprit: str, record: Record) -> None:
    """Compare a record's fields with their annotations, as far as these are plain ones."""
    for entry in fields(record):
        value, said = getattr(record, entry.name), str(entry.type)
        if value is None and said.endswith("| None"):
            continue
        for name, (fits, meaning) in KINDS.items():
            if said.startswith(name) and not fits(value):
                raise UsageError(f"{culprit}: {entry.name} takes {meaning}, not {value!r:.80}")


def _check_parameters(culprit: str, parameters: Any) -> None:
    valid = isinstance(parameters, Mapping) and all(
        isinstance(name, str) and name.isidentifier() and isinstance(parameter, Parameter)
        for name, parameter in parameters.items()
    )
    if not valid:
        raise UsageError(
            f"{culprit}: parameters takes a dict of names to Parameter(default, meaning), "
            f"not {parameters!r}"
        )
    for name, parameter in parameters.items():
        parameter.check(f"{culprit}: the default of {name}", parameter.default)
