"""The documentation site: it builds without a warning, its links lead somewhere, its code runs."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from small_studies import run, sqlite_uri

import study
from study.ablation import commands
from study.ablation.planning.cells import REGISTRIES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
WRITTEN = [*PAGES, ROOT / "README.md", ROOT / "data" / "README.md"]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

TINY = ["protocol.updates=20", "protocol.evaluation_seeds=3", "execution.workers=1"]
SHORT = {
    "default": ["only.dataset=[diabetes]"],
    "moons": ["protocol.tasks=2"],
    "paper": ["only.dataset=[diabetes]"],
    "population": ["protocol.tasks=2"],
    "replications": ["only.dataset=[iris]"],
    "smoke": ["only.optimizer=[sgd]"],
}
PLANNED: set[tuple[str, ...]] = set()  # what was planned before need not be planned again
TRAINED = {"tutorial.md", "own_data.md"}  # the other pages' trainings are planned only
OTHERS = {  # programs that are not run, and why
    "cd": "a folder that git clone makes",
    "createdb": "a PostgreSQL server",
    "git": "a remote repository",
    "mlflow": "a server that does not end; tests/faults starts one",
    "pip": "the network; the extras that it names are looked up",
    "sinfo": "Slurm",
    "source": "the environment that the tests run in",
    "squeue": "Slurm",
}
SERVERS = "tracking.uri="  # of a team: they are not there


class Links(HTMLParser):
    """What a page of the site defines and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.targets.append(found["href"])
        for key in ("src", "href") if tag in ("img", "link", "script", "source") else ():
            if found.get(key):
                self.loaded.append(found[key])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it: a warning is an error."""
    base = tmp_path_factory.mktemp("docs")
    words = ["-W", "--keep-going", "-q", "-d", str(base / "trees"), str(ROOT / "docs")]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(base / "site")],
        capture_output=True,
        text=True,
    )
    assert (built.returncode, built.stderr) == (0, "")
    return base / "site"


def test_links_lead_somewhere_and_nothing_is_loaded_from_the_net(site):
    pages = {path: Links(path.read_text("utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 20
    for path, page in pages.items():
        for target in [*page.targets, *page.loaded]:
            parts = urlsplit(target)
            if parts.scheme:
                assert parts.scheme == "https" and target not in page.loaded, (path, target)
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert there.exists(), (path, target)
            if parts.fragment and there in pages:
                assert unquote(parts.fragment) in pages[there].ids, (path, target)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", sheet.read_text("utf-8")), sheet


def test_the_reference_is_whole(site):
    """Every public name, record, command and key is on a page."""
    python = (site / "reference" / "api.html").read_text("utf-8")
    assert set(study.PUBLIC) <= set(re.findall(r'id="study\.(\w+)"', python))
    for axis, registry in REGISTRIES.items():
        ids = Links((site / "reference" / f"{axis}s.html").read_text("utf-8")).ids
        assert {f"{axis}-{name.replace('_', '-')}" for name in registry} <= ids
    words = (site / "reference" / "commands.html").read_text("utf-8")
    assert all(f"study {name}" in re.sub("<[^>]+>", "", words) for name in commands.COMMANDS)
    keys = (site / "reference" / "configuration.html").read_text("utf-8")
    for key in ("protocol.tuned_by", "execution.walltime", "tracking.uri", "population.draw"):
        assert key in keys
    assert not re.search(r"<td><p></p></td>\s*</tr>", keys), "a key without a meaning"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_files_that_the_sources_link_are_there(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        if not urlsplit(target).scheme:
            assert (page.parent / target).exists(), target


def blocks(page):
    """Yield language, code, and the file that the sentence before it names, or ""."""
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        before = text[: found.start()].rstrip().rsplit("\n\n", 1)[-1].replace("\n", " ")
        named = re.search(r"`([\w./]+\.(?:py|yaml))`[^`]*:$|^Write this into `([^`]+)`", before)
        named = named and (named[1] or named[2])
        lines = found[3].splitlines(keepends=True)
        yield found[2], "".join(line.removeprefix(found[1]) for line in lines), named or ""


def test_every_block_says_its_language():
    for page in PAGES:
        marks = re.findall(r"^ *```(.*)$", page.read_text("utf-8"), re.MULTILINE)
        opened = marks[::2]
        assert all(m in ("python", "sh", "yaml", "text") or m.startswith("{") for m in opened), (
            page
        )


def would_make(*words):
    """Return what make would run, the environment being there."""
    words = ["make", "-n", "-o", ".venv/.ready", *words]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def studies(line):
    """Return the words of the study's commands that a line runs, itself or through make."""
    words = shlex.split(line, comments=True)
    if not words:
        return []
    if words[0] == "study":
        return [words[1:]]
    if words[0] == "make":
        made = would_make(*words[1:])
        return [shlex.split(found) for found in re.findall(r"^\.venv/bin/study (.*)$", made, re.M)]
    assert words[0] in OTHERS, line
    if words[:2] == ["pip", "install"]:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for several in re.findall(r"delta-rule-study\[(.*?)\]", line):
            assert set(several.split(",")) <= set(extras["optional-dependencies"]), line
    return []


def command(words, page, places):
    """Run a command of the study, shortened."""
    named = next((w.partition("=")[2] for w in words if w.startswith("experiment=")), "default")
    if words[:1] in (["publish"], ["verify"]):  # tests/sameness runs both
        return
    if words[:1] == ["ui"]:
        assert all(word.partition("=")[0] in ("experiment", "port") for word in words[1:])
        return
    if words[0] in commands.COMMANDS:
        said = run(*words)
    elif any(word.startswith(SERVERS) for word in words):
        said = run(*words, *places, "dry_run=true", *SHORT["default"])
    else:
        trains = page in TRAINED and "dry_run=true" not in words
        left_out = ("dry_run=", "protocol.tasks=")
        words = [word for word in words if not word.startswith(left_out)]
        words = (*words, *SHORT.get(named, []), *(TINY if trains else ["dry_run=true"]))
        if words in PLANNED:
            return
        PLANNED.update(() if trains else [words])
        said = run(*words, *places)
    assert said.code == 0, (words, said.err)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch, migrated):
    """In order, in one folder: as a reader would type it."""
    if page.name == "mlflow.md":
        return  # tests/ablation/test_models.py runs it on a store with networks
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    known, space = set(sys.modules), {"__name__": "page"}
    if page.name == "own_data.md":
        rows = [f"{load},{3 + 0.2 * load}" for load in range(40)]
        (tmp_path / "spring.csv").write_text("\n".join(["load,length", *rows]))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mlflow.db").write_bytes(migrated.read_bytes())
    places = [
        f"tracking.uri={sqlite_uri(tmp_path / 'store' / 'mlflow.db')}",
        "tracking.tables=data/results",
    ]
    try:
        for language, code, named in blocks(page):
            if language in ("python", "yaml") and named:
                Path(named).parent.mkdir(parents=True, exist_ok=True)
                Path(named).write_text(code, "utf-8")
            elif language == "python":
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(code, page.name, "exec"), space)
            elif language == "yaml":
                assert yaml.safe_load(code)
            elif language == "sh":
                for line in code.splitlines():
                    for words in studies(line):
                        command(words, page.name, places)
    finally:
        for name in set(sys.modules) - known:
            if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def test_the_exceptions_are_needed():
    lines = [
        line
        for page in PAGES
        for language, code, _ in blocks(page)
        for line in code.splitlines()
        if language == "sh"
    ]
    firsts = {words[0] for line in lines if (words := shlex.split(line, comments=True))}
    assert firsts - {"study", "make"} == set(OTHERS)


def test_the_hooks_are_those_of_make_lint():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    linted = re.findall(r"^\.venv/bin/([\w-]+)", would_make("lint"), re.MULTILINE)
    assert [shlex.split(hook["entry"])[0] for hook in hooks] == [f".venv/bin/{w}" for w in linted]
    steps = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["run"]["steps"]
    assert steps[-1] == {"run": ".ci/run"} and os.access(ROOT / ".ci" / "run", os.X_OK)
