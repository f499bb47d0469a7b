"""The command in an empty folder, and a store and tables that no bad input may make."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "ablation"))  # small_studies


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Run the command with words that are wrong; return the one line that it says.

    One for all examples of a module: what a refusal leaves behind would be seen by the next one.
    """
    from small_studies import Said

    from study.ablation import app

    folder = tmp_path_factory.mktemp("empty")
    new = tmp_path_factory.mktemp("places") / "new"
    places = [f"tracking.uri=sqlite:///{new}/mlflow.db", f"tracking.tables={new}/tables"]

    def run(*words: str, study: bool = True, code: int = 2) -> str:
        import contextlib
        import io

        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("STUDY_TRACEBACK", raising=False)
            patch.chdir(folder)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                got = app.main([*(places if study else []), *words])
        said = Said(got, out.getvalue(), err.getvalue())
        assert said.code == code, said
        assert said.err.startswith("study: ") and said.err.endswith("\n"), said
        assert len(said.err.splitlines()) == 1, said
        assert "Traceback" not in said.err
        assert not new.exists(), "a store or a table was made"
        assert list(folder.iterdir()) == [], "something was left in the folder"
        return said.err.removeprefix("study: ").removesuffix("\n")

    return run
