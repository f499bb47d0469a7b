"""A user's mistake, and how it is told in one line."""

import difflib
from typing import Any

SHOWN = 40  # valid names that a message lists


class UsageError(ValueError):
    """A user's mistake, told in one line: what is wrong and what is valid."""


def unknown(kind: str, name: str, valid: Any) -> str:
    """One line for a name that does not exist, with the nearest and the valid ones."""
    names = [str(v) for v in valid]
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if len(names) > SHOWN:
        names = [*names[:SHOWN], f"... ({len(names)} in all)"]
    return f"unknown {kind} {str(name)!r}.{hint} Valid: {', '.join(names)}"
