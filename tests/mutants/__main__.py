"""Plant the faults of faults.txt, one at a time, in a copy of the tree: some test must fail.

``python -m tests.mutants [WORD ...]`` tries the faults that have one of the words in their name or
file. It exits with 1 if a fault survived its tests, with 2 if the list does not fit the tree.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).parents[2]
COPIES = 2  # of the tree; each tries its share of the faults
PATIENCE = 900.0  # seconds; a fault that makes its tests hang longer is caught
PYTEST = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n0")
CACHE = "study/__pycache__/compiled"


class Fault(NamedTuple):
    """In `file`, `old` becomes `new`; `tests` must see it."""

    name: str
    file: str
    tests: tuple[str, ...]
    old: str
    new: str


def read() -> Iterator[Fault]:
    """Yield the faults. A text that its file does not hold exactly once ends the program."""
    lines = Path(__file__).with_name("faults.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    for head, change in zip(lines[::2], lines[1::2], strict=True):
        name, file, tests = head.split(" | ")
        old, new = (text.replace("\\n", "\n") for text in change.strip().split(" => "))
        count = (ROOT / "study" / file).read_text(encoding="utf-8").count(old)
        if count != 1:
            _stop(f"{name}: {file} holds its text {count} times")
        words = tuple(f"tests/{test}" for test in tests.split())
        yield Fault(name, f"study/{file}", words, old, new)


def try_in_a_copy(faults: Sequence[Fault]) -> list[bool]:
    """Return of each fault whether its tests caught it; without a fault they must pass."""
    names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree, compiled = Path(folder, "tree"), Path(folder, "compiled")
        for name in filter(lambda name: (ROOT / name).is_file(), names.decode().splitlines()):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
        tests = sorted({test for fault in faults for test in fault.tests})
        sound = _run(tree, *PYTEST, *tests)
        if sound.returncode:
            _stop(f"tests fail without a fault:\n{sound.stdout}{sound.stderr}")
        (tree / CACHE).mkdir(parents=True, exist_ok=True)  # none where nothing is compiled
        (tree / CACHE).rename(compiled)
        return [_caught(fault, tree, compiled) for fault in faults]


def _caught(fault: Fault, tree: Path, compiled: Path) -> bool:
    begin, path = time.perf_counter(), tree / fault.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
    shutil.rmtree(tree / CACHE, ignore_errors=True)
    shutil.copytree(compiled, tree / CACHE)
    try:
        code = _run(tree, *PYTEST, *fault.tests, timeout=PATIENCE).returncode
    except subprocess.TimeoutExpired:
        code = 1
    path.write_text(sound, encoding="utf-8")
    if code not in (0, 1, 2):  # 2 is a module that cannot be imported
        _stop(f"{fault.name}: pytest ended with exit code {code}")
    word, seconds = "caught" if code else "SURVIVED", time.perf_counter() - begin
    print(f"{word:8} {seconds:4.0f} s  {fault.name} ({fault.file})", flush=True)
    return bool(code)


def _run(
    tree: Path, *command: str, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=tree, env=env, capture_output=True, text=True, timeout=timeout
    )


def _stop(line: str) -> NoReturn:
    print(f"mutants: {line}", file=sys.stderr)
    sys.exit(2)


def main(words: Sequence[str]) -> int:
    """Try the faults that the words choose; all of them without words."""
    begin = time.perf_counter()
    faults = [f for f in read() if not words or any(w in f"{f.name} {f.file}" for w in words)]
    if not faults:
        _stop(f"no fault has any of these words in its name or file: {' '.join(words)}")
    shares = [share for i in range(COPIES) if (share := faults[i::COPIES])]
    with ThreadPoolExecutor(COPIES) as pool:
        caught = [each for share in pool.map(try_in_a_copy, shares) for each in share]
    seconds = time.perf_counter() - begin
    print(f"{len(caught)} faults, {sum(caught)} caught by their tests; {seconds:.0f} s")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
