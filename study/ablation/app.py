"""The command `study`: which words mean which command, and how mistakes and signals end it."""

import os
import re
import sys
from collections.abc import Sequence

from study.ablation.running.signals import Stop, Terminated
from study.errors import UsageError

DONE, MISTAKE, INTERRUPTED, TERMINATED = 0, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 done, 1 failed, 2 a user's mistake, 130/143 stopped.

    ``STUDY_TRACEBACK=1`` in the environment shows the traceback of a mistake.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if os.getcwd() not in sys.path:  # users' own records, named by {_target_: module.object}
        sys.path.append(os.getcwd())
    try:
        with Stop():
            return _command(given)
    except (UsageError, ModuleNotFoundError) as error:
        said = " ".join(str(error).splitlines())
        if isinstance(error, ModuleNotFoundError):
            extra = (
                "cluster" if error.name in ("dask", "dask_jobqueue", "distributed") else "study"
            )
            said = f"the command needs {error.name}: pip install 'delta-rule-study[{extra}]'"
        own = isinstance(error, ModuleNotFoundError) and (error.name or "study").startswith(
            "study"
        )
        if own or os.environ.get("STUDY_TRACEBACK"):
            raise
        print("study:", said, file=sys.stderr)
        return MISTAKE
    except (KeyboardInterrupt, Terminated) as stop:
        print("\nstopped; go on with the same command")
        return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _command(given: list[str]) -> int:
    # the libraries are loaded here, where Ctrl-C and a library that is missing end in one line
    from study.ablation import completion
    from study.ablation.commands import COMMANDS
    from study.ablation.configuration.composition import with_configuration
    from study.ablation.experiment import run

    if completion.asks(given) and completion.offer():
        code = DONE
    elif given and given[0] in COMMANDS:
        code = COMMANDS[given[0]](given[1:])
    elif given and re.fullmatch(r"\w[\w.-]*", given[0]):
        raise UsageError(
            f"{given[0]!r} is no command ({', '.join(COMMANDS)}) and sets nothing: "
            "key=value does, such as experiment=smoke"
        )
    else:
        code = with_configuration(given, run)
    sys.stdout.flush()
    return code
