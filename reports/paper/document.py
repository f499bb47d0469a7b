"""The PDF: sources, numbers and figures in one folder, compiled by typst."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from reports.paper import numbers
from study.errors import UsageError

SOURCES = Path(__file__).resolve().parent
ASKED = re.compile(r'#?fig\(\s*"(\w+)"')
IF_MADE = re.compile(r'#?fig-if-made\(\s*"(\w+)"')
HEAD = re.compile(rb"/Keywords \(head ([\d.]+) in\)")
BOX = re.compile(rb"/MediaBox\s*\[\s*([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s*\]")
POINTS = 72


def make(base: Path, experiment: str = "paper") -> Iterator[tuple[Path, str]]:
    """Write ``numbers.json`` and ``paper.pdf`` in ``reports/paper``; yield each with a message.

    Where tables, runs or figures are missing, or the text asks for what there isn't, it raises
    `UsageError`.
    """
    data = numbers.collect(base, experiment)
    data["figures"] = figures(base / "reports" / "figures", experiment)
    path = numbers.write(base, data)
    yield path, f"{len(data['numbers'])} numbers"
    pdf = path.with_name("paper.pdf")
    pdf.write_bytes(compiled(path, data, base / "reports" / "figures"))
    yield pdf, f"{pages(pdf.read_bytes())} pages"


def figures(folder: Path, experiment: str) -> dict[str, dict[str, Any]]:
    """Find the figures that the text asks for: question -> file, and sizes in inches.

    ``head`` is the height of the figure's own title and note. Figures that are asked for if made
    may be missing.
    """
    texts = [path.read_text(encoding="utf-8") for path in sorted(SOURCES.rglob("*.typ"))]
    asked = sorted({name for text in texts for name in ASKED.findall(text)})
    asked += sorted({n for t in texts for n in IF_MADE.findall(t) if _drawn(folder, n).is_file()})
    missing = [name for name in asked if not _drawn(folder, name).is_file()]
    if missing:
        raise UsageError(
            f"reports/figures lacks {', '.join(f'{name}.pdf' for name in missing)}; "
            f"make it with: make figures EXPERIMENT={experiment}"
        )
    return {name: {"file": f"{name}.pdf", **_size(_drawn(folder, name))} for name in asked}


def _drawn(folder: Path, name: str) -> Path:
    return folder / f"{name}.pdf"


def _size(path: Path) -> dict[str, float]:
    written = path.read_bytes()
    box, head = BOX.search(written), HEAD.search(written)
    if box is None:
        raise UsageError(f"{path.name} has no page size that can be read")
    left, low, right, high = (float(x) for x in box.groups())
    sides = {"width": right - left, "height": high - low}
    found = {side: round(points / POINTS, 3) for side, points in sides.items()}
    return found | {"head": float(head[1]) if head else 0.0}


def compiled(path: Path, data: Mapping[str, Any], folder: Path) -> bytes:
    """Return the PDF: the same bytes for the same sources, numbers and figures.

    Fonts are those within typst, and the time of creation is that of the runs.
    """
    with tempfile.TemporaryDirectory() as scratch:
        stage = Path(scratch)
        others = shutil.ignore_patterns("*.py", "*.pdf", "*.json", "__pycache__")
        shutil.copytree(SOURCES, stage, ignore=others, dirs_exist_ok=True)
        shutil.copyfile(path, stage / "numbers.json")
        (stage / "figures").mkdir()
        for entry in data["figures"].values():
            shutil.copyfile(folder / entry["file"], stage / "figures" / entry["file"])
        compiler = typst.Compiler(
            stage / "paper.typ",
            root=stage,
            ignore_system_fonts=True,
            package_path=stage / "none",
            package_cache_path=stage / "none",
        )
        try:
            started = datetime.fromisoformat(data["words"]["started"])
            pdf = compiler.compile(format="pdf", timestamp=int(started.timestamp()))
        except typst.TypstError as error:
            raise UsageError(f"reports/paper: {' '.join(error.message.split())}") from None
    assert isinstance(pdf, bytes)
    return pdf


def pages(pdf: bytes) -> int:
    """Count a PDF's pages, 0 where they are not to be seen without unpacking."""
    return max((int(n) for n in re.findall(rb"/Type/Pages/Count (\d+)", pdf)), default=0)
