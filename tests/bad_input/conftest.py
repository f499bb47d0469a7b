"""The command in an empty folder, and a store and tables that no bad input may make."""

import pytest
from hydra.core.global_hydra import GlobalHydra
from small_studies import run


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Run the command with words that are wrong; return the one line that it says.

    One for all examples of a module: what a refusal leaves behind would be seen by the next one.
    """
    folder = tmp_path_factory.mktemp("empty")
    new = tmp_path_factory.mktemp("places") / "new"
    places = [f"tracking.uri=sqlite:///{new}/mlflow.db", f"tracking.tables={new}/tables"]

    def refuse(*words: str, study: bool = True, code: int = 2, planned: bool = False) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("STUDY_TRACEBACK", raising=False)
            patch.chdir(folder)
            said = run(*(places if study else []), *words)
        assert said.code == code and (planned or said.out == ""), said
        assert said.err.startswith("study: ") and said.err.endswith("\n"), said
        assert len(said.err.splitlines()) == 1 and "Traceback" not in said.err, said
        assert not new.exists(), "a store or a table was made"
        assert list(folder.iterdir()) == [], "something was left in the folder"
        assert not GlobalHydra.instance().is_initialized()
        return said.err.removeprefix("study: ").removesuffix("\n")

    return refuse
