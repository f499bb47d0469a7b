"""The command `study`, run in this process: what it does, says and leaves alone."""

import io
import os
import re
import sys
from unittest.mock import Mock

import pytest
from hydra.core.global_hydra import GlobalHydra
from small_studies import TINY_WORDS, finish, in_order, run, start, well

from study import conf
from study.ablation import app
from study.ablation.planning.cells import REGISTRIES
from study.ablation.running import execution
from study.ablation.running.signals import Terminated
from study.errors import UsageError

SMOKE = ["experiment=smoke", "execution.workers=1", *TINY_WORDS]
FEW = [*SMOKE, "only.activation=[tanh]", "only.optimizer=[sgd]"]  # 3 cells


@pytest.fixture
def untouched(command, tmp_path):
    """Fail if a test leaves anything where it ran, or any table."""
    yield
    assert list((tmp_path / "empty").iterdir()) == []
    assert not command.tables.exists()


def test_a_study_trains_records_exports_and_then_has_nothing_to_do(command, monkeypatch, tmp_path):
    said = well(command(*SMOKE))
    assert re.match(
        r"smoke: 12 cells; 108 trainings, about 1 s\n"
        r"trained 108 runs in \d+ s: [\w ,]+\n"
        rf"108 runs in {command.tables}/smoke\n"
        r"next: study ui experiment=smoke tracking\.uri=sqlite:///",
        said,
    ), said
    runs = command.runs("smoke")
    assert len(runs) == 4 * (4 + 3) + 8 * (4 + 3 + 3)
    assert len(set(runs["cell"].to_pylist())) == 12
    assert set(runs["experiment"].to_pylist()) == {"smoke"}
    assert set(command.curves("smoke")["run_id"].to_pylist()) == set(runs["run_id"].to_pylist())

    monkeypatch.setattr(execution, "carry_out", None)  # whoever calls it now fails
    again = well(command(*SMOKE))
    assert again.startswith("smoke: nothing to train, 12 cells finished")
    assert in_order(command.runs("smoke")).equals(in_order(runs))
    assert "only the cells that only.<axis> keeps" not in said + again
    assert list((tmp_path / "empty").iterdir()) == []


def test_an_export_holds_the_plan_at_hand(command):
    """Other cells of the experiment stay in the store; made before, they are not made again."""
    command(*FEW, "only.gradient=[removed]")
    assert len(set(command.runs("smoke")["cell"].to_pylist())) == 2, "exact, for its rate"
    said = command(*FEW)
    assert said.out.startswith("smoke: 1 cell, 2 finished before; 10 trainings, about 1 s\n")
    assert "only the cells that only.<axis> keeps" in said.out
    assert len(command.runs("smoke")) == 7 + 10 + 10
    command(*FEW, "only.gradient=[exact]")
    assert len(command.runs("smoke")) == 7

    command(*FEW)
    said = command(*SMOKE, "only.activation=[tanh]", "dry_run=true")
    assert "    7 runs  iris · tanh · exact · none · adam · 8\n" in said.out
    assert "finished  iris · tanh · exact · none · sgd · 8\n" in said.out
    assert "\n6 cells, 54 trainings; 3 cells finished\nto do: 3 cells, 27 trainings" in said.out
    assert command(*FEW, "dry_run=true").out.endswith("3 cells finished\nnothing to do\n")
    said = command(*FEW, "protocol.updates=7")
    assert said.out.startswith("smoke: 3 cells; 27 trainings")
    assert set(command.runs("smoke")["updates"].to_pylist()) == {7}
    for word in ("execution.block=2", "about=otherwise", "execution.max_runs=1000"):
        assert "nothing to train" in command(*FEW, "protocol.updates=7", word).out


def test_errors_of_a_users_own_record_are_exit_code_1(command, tmp_path, monkeypatch):
    module = tmp_path / "empty" / "own_breaking.py"
    module.write_text(
        "from study.learning.rules.base import Gradient\n"
        "def prepare(site, z):\n    return z[:, :1, 0] * (part if z.shape[2] > 100 else 0)\n"
        "rule = Gradient(name='own', formula='?', reference='a test', prepare=prepare)\n"
    )
    gradients = "[exact, removed, {_target_: own_breaking.rule}]"
    grid = f"{{dataset: iris, hidden: [4], gradient: {gradients}}}"
    words = [f"grids=[{grid}]", "execution.workers=1", *TINY_WORDS]
    said = command(*words)
    assert said.code == 1 and "trained 17 runs in" in said.out and not command.tables.exists()
    failed, how = said.err.splitlines()
    reason = "NameError: name 'part' is not defined"
    assert failed == f"study: failed: iris · tanh · own · hidden · sgd · 4: {reason}"
    assert how.startswith("study: 1 cell failed, the others are recorded, no tables are exported")
    monkeypatch.setenv("STUDY_TRACEBACK", "1")
    again = command(*words)
    assert again.code == 1 and again.out.startswith("default: 1 cell, 2 finished before")
    assert 'own_breaking.py", line 3, in prepare' in again.err
    monkeypatch.delenv("STUDY_TRACEBACK")
    module.write_text(module.read_text() + "part = 0.5\n")
    del sys.modules["own_breaking"]  # as a new start would
    assert well(command(*words)).startswith("default: 1 cell, 2 finished before")
    assert set(command.runs("default")["gradient"].to_pylist()) == {"exact", "removed", "own"}


def test_progress_is_shown_on_a_terminal_and_nowhere_else(command, monkeypatch):
    """Elsewhere nothing is: the other tests see an empty standard error."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(io, "StringIO", Terminal)
    said = command(*FEW)
    assert said.code == 0 and not {"\r", "\x1b"} & set(said.out)
    counts = r"\d+ solved, \d+ plateau, \d+ stuck, \d+ diverged"
    assert re.search(rf"\r27/27 \|.*\| 00:00 left, {counts}", said.err), said.err[-500:]


def test_a_dry_run_shows_the_plan_and_writes_nothing(command, untouched):
    said = well(command("dry_run=true", "experiment=smoke"))
    for text in (
        "smoke: a dozen cells in a few seconds, to see that everything works\n",
        "  gradient        exact, removed, floor(minimum=0.1)\n",
        "  200 updates of batches of 32, float32\n",
        "  2 tuning seeds, 4 evaluation seeds, also at exact's rate\n",
        "   24 runs  iris · tanh · exact · none · sgd · 8\n",
        "   28 runs  iris · relu · floor(minimum=0.1) · all · adam · 8\n",
        "\n12 cells, 320 trainings; 0 cells finished\n",
        "to do: 12 cells, 320 trainings, about 1 s with ",
        ", about 4 MB of store\n",
    ):
        assert text in said
    grid = "{dataset: [iris, diabetes], hidden: [[4], []], activation: [tanh, relu], "
    grid += "objective: [squared_error, cross_entropy], gradient: [exact, relu_at_zero, blend]}"
    said = command(f"grids=[{grid}]", "dry_run=true").out
    assert re.search(r"\n  skipped: \d+ impossible combinations\n", said)
    assert re.search(r"\n +\d+  objective cross_entropy is not for regression\n", said)
    assert re.search(r"\n +\d+  gradient relu_at_zero.* with tanh: it is defined for rel", said)
    twice = command(f"grids=[{grid}, {grid}]", "dry_run=true").out
    once = r"\n  made once: \d+ combinations that would"
    assert re.search(once, twice) and not re.search(once, said)


@pytest.mark.parametrize("columns", [80, 120])
def test_texts_fit_the_terminal(command, untouched, monkeypatch, columns):
    """But for words that are longer than a line; nothing is cut off."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for said in (run("list"), run("explain", "floor", "adam"), command("dry_run=true")):
        assert max(map(len, said.out.splitlines())) <= columns
        assert "…" not in said.out


def test_without_its_configuration(command, untouched, monkeypatch, tmp_path):
    """A mistake is a line, and has a traceback for who asks."""
    monkeypatch.setattr(conf, "CARRIED", tmp_path)
    said, line = command("experiment=smoke"), f"{tmp_path / 'conf'} has no config.yaml"
    assert (said.code, said.err.count("\n")) == (2, 1) and said.err.startswith(f"study: {line}")
    monkeypatch.setenv("STUDY_TRACEBACK", "1")
    with pytest.raises(UsageError, match=line):
        command("experiment=smoke")


def test_a_folder_of_ones_own_experiments(command, tmp_path):
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    grid = "grids: [{dataset: iris, hidden: [4], gradient: removed}]\n"
    (folder / "own.yaml").write_text(f"# @package _global_\nabout: mine\n{grid}")
    words = ["--config-dir", str(folder.parent), "experiment=own", *TINY_WORDS]
    assert well(command(*words)).startswith("own: 2 cells; ")
    assert well(command(*words)).startswith("own: nothing to train, 2 cells finished before")
    (folder / "own.yaml").write_text(grid)
    line = "study: the file of experiment 'own' has to begin with the line: # @package _global_\n"
    assert command(*words).err == line


def test_list_names_everything(command, untouched):
    said = well(run("list"))
    for kind, registry in REGISTRIES.items():
        assert f"\n{kind}s:\n" in f"\n{said}"
        for name, record in registry.items():
            assert re.search(rf"\n  {name} +{re.escape(record.formula.split()[0])}", said)
    assert re.search("\n  smoke +a dozen cells in a few seconds", said)
    gradients = run("list", "gradients").out
    assert gradients in said
    assert gradients.startswith("gradients:\n  exact              φ = f'(z)\n")


def test_explain_knows_everything(command, untouched):
    """Formula, parameters with their meaning and default, reference."""
    for kind, registry in REGISTRIES.items():
        for name, record in registry.items():
            text = " ".join(well(run("explain", name)).split())
            parameters = [f"{p} {a.meaning}; default " for p, a in record.parameters.items()]
            for words in (f"{name} ({kind})", record.formula, record.reference, *parameters):
                assert " ".join(words.split()) in text
    floor, random = (run("explain", name).out for name in ("floor", "random"))
    assert run("explain", "floor", "random").out == floor + random
    assert floor.splitlines()[:4] == [
        "floor (gradient)",
        "  formula    φ = sgn(f') max(|f'|, ε m)",
        "  minimum    ε, of m; default 0.1 (0 or more; 0 is exact)",
        "  absolute   amounts are slopes, not multiples of m; default false",
    ]
    assert "  matched    F(z) = f(z) to the knee, then in a line of slope ε m (" in floor
    assert floor.endswith("  reference  the minimum absolute gradient of the common answer\n")


HELP = ["updates: 1000", "study explain floor", "experiment: c02_escape, c04"]


@pytest.mark.parametrize(
    ("words", "lines"),
    [(["--help"], HELP), (["--cfg", "job", "experiment=smoke"], ["updates: 200"])],
)
def test_flags_of_hydra(command, untouched, capsys, words, lines):
    before = list(sys.argv)
    try:
        code = app.main(words)
    except SystemExit as end:
        code = end.code
    out = capsys.readouterr().out
    assert not code and all(line in out for line in lines) and sys.argv == before
    assert not GlobalHydra.instance().is_initialized()


def test_a_multirun_is_one_study_after_the_other(command, tmp_path):
    narrow = ["only.gradient=[exact]", "only.optimizer=[sgd]", "only.activation=[tanh]"]
    words = ["experiment=smoke,default", *narrow, *SMOKE[1:], *command.places()]
    well(run(*words, "--multirun"))
    assert len(command.runs("smoke")) == 7
    assert len(command.runs("default")) == 3 * 7
    assert list((tmp_path / "empty").iterdir()) == [], "no multirun.yaml"


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_after_a_signal_the_jobs_of_a_multirun_that_are_left_do_not_begin(
    command, monkeypatch, stop, code
):
    carry_out = Mock(side_effect=stop())
    monkeypatch.setattr(execution, "carry_out", carry_out)
    said = command("-m", "experiment=smoke,default", *SMOKE[1:])
    assert (said.code, said.err, carry_out.call_count) == (code, "", 1)
    assert said.out.endswith("with: make ablation EXPERIMENT=smoke\n")


def test_a_reader_that_has_seen_enough():
    ours, theirs = os.pipe()
    process = start(["list"], stdout=theirs)
    os.close(theirs)
    os.close(ours)
    well(finish(process))


def test_the_folder_is_searched_last_and_once(command):
    """A file named as a library must not take its place."""
    for _ in range(2):
        run("list", "gradients")
    at = [i for i, path in enumerate(sys.path) if path.endswith("/empty")]
    assert at[-1] == len(sys.path) - 1
    assert len({sys.path[i] for i in at}) == len(at)


def test_a_folder_for_tables_that_cannot_be_is_found_before_training(command, monkeypatch):
    command.tables.write_text("a file where the folder should be")
    monkeypatch.setattr(execution, "carry_out", None)  # whoever calls it now fails
    said = command(*FEW)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"study: cannot write {command.tables}/smoke: ")
