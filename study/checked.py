"""Records made of plain containers and checked by pydantic: a mistake becomes one line.

A record is a dataclass whose annotations say what a field takes, such as
``Annotated[Whole, between(1, 100)]``, with ``__pydantic_config__ = NO_OTHER_KEYS``. Its own
constructor checks nothing: what the program makes itself needs no check.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from math import inf
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import (
    AfterValidator,
    ConfigDict,
    FiniteFloat,
    PlainValidator,
    Strict,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from study.errors import UsageError, unknown
from study.learning.variants import plain

NO_OTHER_KEYS = ConfigDict(extra="forbid")
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[FiniteFloat, Strict()]

MEANINGS = {
    "bool": "true or false",
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "list": "a list",
    "tuple": "a list",
    "dict": "keys with values",
    "mapping": "keys with values",
    "dataclass": "keys with values",
}
"""How the types of pydantic's errors begin, and what the value should have been."""


def between(low: float, high: float = inf) -> AfterValidator:
    """Make a check that a number is from `low` to `high`."""

    def check(value: float) -> float:
        if not low <= value <= high:
            limits = f"{plain(low)} or more" if high == inf else f"{plain(low)} to {plain(high)}"
            raise ValueError(f"= {plain(value)} is out of range: {limits}")
        return value

    return AfterValidator(check)


def one_of(*valid: str) -> PlainValidator:
    """Make a check that a value is one of these words."""

    def check(value: Any) -> Any:
        if value not in valid:
            raise PydanticCustomError("not_one_of", "not one of them", {"valid": valid})
        return value

    return PlainValidator(check)


def checked(kind: Any, given: Any, where: str = "") -> Any:
    """Make a record, or another type that pydantic knows, of plain containers.

    A key that is unknown or missing, and a value of a wrong type or out of range, raise
    `UsageError`; `where` stands before each key in its message, such as ``protocol.``.
    Validators of a field raise `ValueError` with what follows the key in the message, such as
    ``takes a list of rates``, or `UsageError` with the whole line.
    """
    try:
        return _adapter(kind).validate_python(given)
    except ValidationError as error:
        found = error.errors()
        # an unknown key often explains why another one is missing
        first = next((e for e in found if e["type"] == "unexpected_keyword_argument"), found[0])
        raise UsageError(_line(kind, first, where)) from None


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _line(kind: Any, error: ErrorDetails, where: str) -> str:
    key = _key(where, error["loc"]).rstrip(".: ")
    given, cause = error["input"], error.get("ctx", {})
    match error["type"]:
        case "unexpected_keyword_argument":
            parents = error["loc"][:-1]
            names = [field.name for field in fields(_record_at(kind, parents))]
            return unknown("configuration key", key, [_key(where, (*parents, n)) for n in names])
        case "missing":
            return f"{key} is missing"
        case "not_one_of":
            return unknown(key, given, cause["valid"])
        case "value_error":
            said = cause["error"]
            return str(said) if isinstance(said, UsageError) else f"{key} {said}"
    return f"{key} takes {MEANINGS[error['type'].partition('_')[0]]}, not {given!r}"


def _key(where: str, place: Sequence[int | str]) -> str:
    for part in place:
        dot = "." if where and where[-1] not in ". " else ""
        where += f"[{part}]" if isinstance(part, int) else f"{dot}{part}"
    return where


def _record_at(kind: Any, place: Sequence[int | str]) -> Any:
    """Return the class of the record at a place within another."""
    for name in place:
        kind = get_type_hints(kind)[str(name)]
        kind = next(part for part in (kind, *get_args(kind)) if is_dataclass(part))
    return kind


def refuse_twice(key: str, values: Sequence[Any]) -> None:
    """Refuse a list that has a value twice, with a `UsageError` that names the first such."""
    for at, value in enumerate(values):
        if value in values[:at]:
            raise UsageError(f"{key} has {value!r} twice: each value once")
