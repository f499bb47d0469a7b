"""The command `study`, run in this process: what it does, says and leaves alone."""

import re
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra
from small_studies import TINY_WORDS, Command, in_order

from study import conf
from study.ablation import app
from study.ablation.planning.cells import REGISTRIES
from study.ablation.running import execution
from study.ablation.running.signals import Terminated
from study.errors import UsageError

SMOKE = ["experiment=smoke", "execution.workers=1", *TINY_WORDS]
FEW = [*SMOKE, "only.activation=[tanh]", "only.optimizer=[sgd]"]  # 3 cells


@pytest.fixture
def command(tmp_path, migrated, monkeypatch):
    """The command in an empty folder."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return Command(tmp_path, migrated)


@pytest.fixture
def untouched(command, tmp_path):
    """Fail if a test leaves anything where it ran, or any table."""
    yield
    assert list((tmp_path / "empty").iterdir()) == []
    assert not command.tables.exists()


# ---------------------------------------------------------------- a study


def test_a_study_trains_records_exports_and_then_has_nothing_to_do(command, monkeypatch, tmp_path):
    said = command(*SMOKE)
    assert (said.code, said.err) == (0, "")
    assert re.match(
        r"smoke: 12 cells; 108 trainings, about 1 s\n"
        r"trained 108 runs in \d+ s: [\w ,]+\n"
        rf"108 runs in {command.tables}/smoke\n"
        r"next: study ui experiment=smoke tracking\.uri=sqlite:///",
        said.out,
    ), said.out
    runs = command.runs("smoke")
    assert len(runs) == 4 * (4 + 3) + 8 * (4 + 3 + 3)
    assert len(set(runs["cell"].to_pylist())) == 12
    assert set(runs["experiment"].to_pylist()) == {"smoke"}
    assert set(command.curves("smoke")["run_id"].to_pylist()) == set(runs["run_id"].to_pylist())

    monkeypatch.setattr(execution, "carry_out", None)  # whoever calls it now fails
    again = command(*SMOKE)
    assert again.code == 0
    assert again.out.startswith("smoke: nothing to train, 12 cells finished before (")
    assert in_order(command.runs("smoke")).equals(in_order(runs))
    assert list((tmp_path / "empty").iterdir()) == []


def test_an_export_holds_the_plan_at_hand(command):
    """Other cells of the experiment stay in the store; made before, they are not made again."""
    command(*FEW, "only.gradient=[removed]")
    assert len(set(command.runs("smoke")["cell"].to_pylist())) == 2, "exact, for its rate"
    said = command(*FEW)
    assert said.out.startswith("smoke: 1 cell, 2 finished before; 10 trainings, about 1 s\n")
    assert len(command.runs("smoke")) == 7 + 10 + 10
    command(*FEW, "only.gradient=[exact]")
    assert len(command.runs("smoke")) == 7


def test_other_options_make_other_cells(command):
    command(*FEW)
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
    words = [f"grids=[{{dataset: iris, hidden: [4], gradient: {gradients}}}]", *TINY_WORDS]
    words.append("execution.workers=1")
    said = command(*words)
    assert said.code == 1
    assert said.err.splitlines() == [
        "study: failed: iris · tanh · own · hidden · sgd · 4: NameError: name 'part' is not "
        "defined",
        "study: 1 cell failed, the others are recorded, no tables are exported; "
        "STUDY_TRACEBACK=1 shows where",
    ]
    assert "trained 17 runs in" in said.out
    assert not command.tables.exists()
    monkeypatch.setenv("STUDY_TRACEBACK", "1")
    again = command(*words)
    assert again.code == 1
    assert again.out.startswith("default: 1 cell, 2 finished before")
    assert 'own_breaking.py", line 3, in prepare' in again.err
    monkeypatch.delenv("STUDY_TRACEBACK")
    module.write_text(module.read_text() + "part = 0.5\n")
    del sys.modules["own_breaking"]  # as a new start would
    mended = command(*words)
    assert (mended.code, mended.err) == (0, "")
    assert mended.out.startswith("default: 1 cell, 2 finished before")
    assert set(command.runs("default")["gradient"].to_pylist()) == {"exact", "removed", "own"}


# ---------------------------------------------------------------- the plan


def test_a_dry_run_shows_the_plan_and_writes_nothing(command, untouched):
    said = command("dry_run=true", "experiment=smoke")
    assert (said.code, said.err) == (0, "")
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
        assert text in said.out
    assert command("dry_run=true", "experiment=smoke").out == said.out


def test_a_dry_run_knows_what_is_finished(command):
    command(*FEW)
    said = command(*SMOKE, "only.activation=[tanh]", "dry_run=true")
    assert "    7 runs  iris · tanh · exact · none · adam · 8\n" in said.out
    assert "finished  iris · tanh · exact · none · sgd · 8\n" in said.out
    assert "\n6 cells, 54 trainings; 3 cells finished\nto do: 3 cells, 27 trainings" in said.out
    assert command(*FEW, "dry_run=true").out.endswith("3 cells finished\nnothing to do\n")


def test_a_dry_run_says_what_is_skipped_and_why(command, untouched):
    grid = (
        "{dataset: [iris, diabetes], hidden: [[4], []], activation: [tanh, relu], "
        "objective: [squared_error, cross_entropy], gradient: [exact, relu_at_zero, blend]}"
    )
    said = command(f"grids=[{grid}]", "dry_run=true").out
    assert re.search(r"\n  skipped: \d+ impossible combinations\n", said)
    assert re.search(r"\n +\d+  objective cross_entropy is not for regression\n", said)
    assert re.search(r"\n +\d+  gradient relu_at_zero.* with tanh: it is defined for rel", said)
    assert re.search(r"\n  made once: \d+ combinations that would repeat a cell\n", said) is None
    twice = command(f"grids=[{grid}, {grid}]", "dry_run=true").out
    assert re.search(r"\n  made once: \d+ combinations that would repeat a cell\n", twice)


@pytest.mark.parametrize("columns", [80, 120])
def test_texts_fit_the_terminal(command, untouched, monkeypatch, columns):
    """But for words that are longer than a line; nothing is cut off."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for words in (["list"], ["explain", "floor", "adam"], ["dry_run=true"]):
        said = command(*words) if "=" in words[0] else run_small(words)
        lines = said.out.splitlines()
        assert max(len(line) for line in lines) <= columns
        assert "…" not in said.out


# ---------------------------------------------------------------- mistakes

MISTAKES = {
    "a bare word": (["train"], "'train' is no command (list, explain, ui, publish, verify) and "),
    "range": (["execution.workers=0"], "execution.workers = 0 is out of range: 1 to 4096"),
    "only, value": (
        ["only.gradient=[flor]"],
        "unknown value of only.gradient 'flor'. Did you mean 'floor'? Valid: exact, removed, con",
    ),
    "grid": (["grids=[{dataset: irs}]"], "unknown dataset 'irs'. Did you mean 'iris'? Valid: "),
    "a job of many": (
        ["-m", "experiment=smoke,nope"],
        "unknown experiment 'nope'. Valid: c02_escape",
    ),
    "too much": (["execution.max_runs=10"], "the plan has 21,060 trainings (about "),
    "list": (["list", "gradient"], "unknown list 'gradient'. Did you mean 'gradients'? Valid: "),
    "explain": (["explain", "flor"], "unknown name 'flor'. Did you mean 'floor'? Valid: iris"),
    "explain, nothing": (["explain"], "study explain takes a name, such as: study explain floor"),
    "ui": (["ui", "prt=5000"], "unknown option of study ui 'prt'. Did you mean 'port'? Valid: "),
    "ui, port": (["ui", "port=high"], "port takes a number from 1 to 65535, not 'high'"),
}


@pytest.mark.parametrize(("words", "line"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_line_and_nothing_is_written(
    words, line, command, untouched, tmp_path, monkeypatch
):
    if not {"list", "explain", "ui"} & set(words):
        words = [*words, f"tracking.uri=sqlite:///{tmp_path}/new/mlflow.db"]
    said = run_small(words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith(f"study: {line}"), said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "new").exists()
    assert not GlobalHydra.instance().is_initialized()


def run_small(words):
    """Run with these words alone."""
    command = Command.__new__(Command)
    command.places = list
    return command(*words)


def test_a_mistake_has_a_traceback_for_who_asks(command, monkeypatch):
    monkeypatch.setenv("STUDY_TRACEBACK", "1")
    with pytest.raises(UsageError, match="unknown experiment"):
        command("experiment=nope")


def test_outside_a_checkout(command, untouched, monkeypatch, tmp_path):
    monkeypatch.setattr(conf, "ROOT", tmp_path)
    said = command("experiment=smoke")
    assert said.code == 2
    assert said.err == (
        "study: no conf/config.yaml here: run study inside a checkout of the project\n"
    )


# ---------------------------------------------------------------- list and explain


def test_list_names_everything(command, untouched):
    said = run_small(["list"])
    assert said.code == 0
    for kind, registry in REGISTRIES.items():
        assert f"\n{kind}s:\n" in f"\n{said.out}"
        for name, record in registry.items():
            assert re.search(rf"^  {name} ", said.out, re.MULTILINE)
            assert record.formula.split()[0] in said.out
    assert re.search("^  smoke +a dozen cells in a few seconds", said.out, re.MULTILINE)
    gradients = run_small(["list", "gradients"]).out
    assert gradients in said.out
    assert gradients.startswith("gradients:\n  exact              φ = f'(z)\n")


def test_explain_knows_everything(command, untouched):
    """Formula, parameters with their meaning and default, reference."""
    for kind, registry in REGISTRIES.items():
        for name, record in registry.items():
            said = run_small(["explain", name])
            assert said.code == 0
            assert f"{name} ({kind})\n" in said.out
            text = " ".join(said.out.split())
            assert " ".join(record.formula.split()) in text
            assert " ".join(record.reference.split()) in text
            for parameter, about in record.parameters.items():
                assert f"{parameter} {about.meaning}; default " in text
    floor, random = (run_small(["explain", name]).out for name in ("floor", "random"))
    assert run_small(["explain", "floor", "random"]).out == floor + random
    assert floor.splitlines()[:4] == [
        "floor (gradient)",
        "  formula    φ = sgn(f') max(|f'|, ε m)",
        "  minimum    ε, of m; default 0.1 (0 or more; 0 is exact)",
        "  absolute   amounts are slopes, not multiples of m; default false",
    ]
    assert "  matched    F(z) = f(z) to the knee, then in a line of slope ε m (" in floor
    assert floor.endswith("  reference  the minimum absolute gradient of the common answer\n")


# ---------------------------------------------------------------- Hydra's own


@pytest.mark.parametrize("flag", ["--help", "--cfg"])
def test_flags_of_hydra(command, untouched, capsys, flag):
    words = ["--help"] if flag == "--help" else ["--cfg", "job", "experiment=smoke"]
    before = list(sys.argv)
    try:
        code = app.main(words)
    except SystemExit as end:
        code = end.code
    assert not code
    out = capsys.readouterr().out
    assert "updates: 1000" in out if flag == "--help" else "updates: 200" in out
    if flag == "--help":
        assert "study explain floor" in out
        assert "experiment: c02_escape, c04_settling" in out
    assert sys.argv == before
    assert not GlobalHydra.instance().is_initialized()


def test_a_multirun_is_one_study_after_the_other(command, tmp_path):
    narrow = ["only.gradient=[exact]", "only.optimizer=[sgd]", "only.activation=[tanh]"]
    said = command("--multirun", "experiment=smoke,default", *narrow, *SMOKE[1:])
    assert (said.code, said.err) == (0, "")
    assert len(command.runs("smoke")) == 7
    assert len(command.runs("default")) == 3 * 7
    assert list((tmp_path / "empty").iterdir()) == [], "no multirun.yaml"


@pytest.mark.parametrize(("signal", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_multirun_that_is_stopped_stops(command, monkeypatch, signal, code):
    calls = []

    def stop(*arguments):
        calls.append(arguments)
        raise signal

    monkeypatch.setattr(execution, "carry_out", stop)
    said = command("-m", "experiment=smoke,default", *SMOKE[1:])
    assert said.code == code
    assert len(calls) == 1
    assert said.out.endswith(
        "\nstopped; finished cells are recorded. Go on with the same command, or with: "
        "make ablation EXPERIMENT=smoke\n"
    )


def test_a_store_that_fails_on_the_way_is_exit_code_1(command, monkeypatch):
    def fail(*arguments):
        raise execution.StoreFailed("the disk is full")

    monkeypatch.setattr(execution, "carry_out", fail)
    said = command(*SMOKE)
    assert (said.code, said.err) == (1, "study: the disk is full\n")
    assert said.out.endswith(
        "\nstopped; finished cells are recorded. Go on with the same command, or with: "
        "make ablation EXPERIMENT=smoke\n"
    )


def test_the_folder_is_searched_last_and_once(command):
    """A file named as a library must not take its place."""
    for _ in range(2):
        run_small(["list", "gradients"])
    at = [i for i, path in enumerate(sys.path) if path.endswith("/empty")]
    assert at[-1] == len(sys.path) - 1
    assert len({sys.path[i] for i in at}) == len(at)


def test_a_folder_for_tables_that_cannot_be_is_found_before_training(command, monkeypatch):
    """One line and exit code 2; nothing is trained for tables that nobody could write."""
    command.tables.write_text("a file where the folder should be")
    monkeypatch.setattr(execution, "carry_out", None)  # whoever calls it now fails
    said = command(*FEW)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"study: cannot write {command.tables}/smoke: ")
    assert said.err.count("\n") == 1


def test_a_narrowed_study_says_that_its_tables_are(command):
    assert "the narrowed plan alone" in command(*FEW).out
    assert "the narrowed plan alone" not in command(*SMOKE).out
