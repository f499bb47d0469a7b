"""What is published is exact, small and the same twice; verify finds what is different."""

import hashlib
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_studies import TINY_WORDS, Command, well

from study.ablation.planning import cells as cells_module
from study.ablation.planning import plan
from study.ablation.publishing import provenance, publish, verify
from study.ablation.running import worker
from study.places import ROOT

WORDS = [*TINY_WORDS, "only.optimizer=[sgd]", "only.activation=[tanh]"]  # 3 cells


def command(*words):
    return Command.__call__(SimpleNamespace(places=list), *words)


def manifest_of(folder, **changes):
    """Return a manifest, and write changes to it."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    if changes:
        path.write_text(json.dumps(content | changes))
    return content


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three cells of smoke, trained, exported and published, in folders of their own."""
    home = tmp_path_factory.mktemp("made")
    places = [f"tracking.uri=sqlite:///{home}/mlflow.db", f"tracking.tables={home}/tables"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(publish, "FOLDER", home / "published")
        for words in (["experiment=smoke", "execution.workers=1"], ["publish", "smoke"]):
            well(command(*words, *WORDS, *places))
    return SimpleNamespace(home=home, places=places, tables=home / "tables" / "smoke")


@pytest.fixture
def published(made, tmp_path, monkeypatch):
    """A copy that a test may spoil."""
    folder = tmp_path / "published" / "smoke"
    shutil.copytree(made.home / "published" / "smoke", folder)
    monkeypatch.setattr(publish, "FOLDER", folder.parent)
    monkeypatch.chdir(tmp_path)
    return folder


def move(folder, gradient, by):
    """Move the published scores of a rule and put the new digest in the manifest."""
    table = pq.read_table(folder / "runs.parquet")
    mine = pc.and_(pc.equal(table["gradient"], gradient), pc.equal(table["stage"], "evaluate"))
    scores = pc.if_else(mine, pc.add(table["score"], by), table["score"])
    content = publish._bytes(table.set_column(table.column_names.index("score"), "score", scores))
    (folder / "runs.parquet").write_bytes(content)
    digests = manifest_of(folder)["sha256"]
    digest = hashlib.sha256(content).hexdigest()
    manifest_of(folder, sha256={**digests, "runs.parquet": digest})


def test_published_runs_are_the_exported_ones_to_the_bit(made):
    """But for what explains a run, which is published of scored runs alone."""
    exported = pq.read_table(made.tables / "runs.parquet")
    found = pq.read_table(made.home / "published" / "smoke" / "runs.parquet")
    assert found.column_names[:3] == ["experiment", "cell", "replica"]
    rest = exported.drop_columns(["run_id", "parent_run_id"])
    frame, expected = found.to_pandas(), rest.to_pandas()
    tuned, explains = expected["stage"] == "tune", list(publish.SCORED_ALONE)
    assert {"weight_norm", "path_length"} <= set(explains) and "score" not in explains
    assert expected.loc[~tuned, "weight_norm"].notna().all() and tuned.any()
    expected.loc[tuned, explains] = np.nan
    assert frame.drop(columns="replica").equals(expected)
    assert not frame.duplicated(["cell", "replica"]).any()
    for row in found.to_pylist():
        _, rate, seed = row["replica"].split("/")
        assert (float(rate), int(seed)) == (row["learning_rate"], row["seed"])


def test_curves_are_quantiles_that_occurred(made):
    """Against numpy, cell by cell; a diverged training counts as infinite."""
    found = pq.read_table(made.home / "published" / "smoke" / "curves.parquet").to_pandas()
    runs = pq.read_table(made.tables / "runs.parquet").to_pandas()
    curves = pq.read_table(made.tables / "curves.parquet").to_pandas()
    assert set(found["stage"]) == {"evaluate", "transfer"}
    for row in found.to_dict("records"):
        ids = runs[(runs["cell"] == row["cell"]) & (runs["stage"] == row["stage"])]["run_id"]
        here = curves[curves["run_id"].isin(ids) & (curves["update"] == row["update"])]
        values = sorted(here["objective"].fillna(float("inf")))
        assert row["runs"] == len(values) == 3
        assert row["objective_50"] == values[1]
        assert row["objective_05"] == values[0] and row["objective_95"] == values[2]


def test_the_manifest(made):
    manifest = manifest_of(made.home / "published" / "smoke")
    assert manifest["experiment"] == "smoke"
    assert manifest["overrides"] == WORDS
    assert len(manifest["cells"]) == 3 and manifest["runs"] == 27
    (session,) = manifest["sessions"]
    assert session["trainings"] == 27
    assert session["machine"] == json.loads(json.dumps(provenance.machine()))
    text = json.dumps(manifest)
    assert str(made.home) not in text, "no place of this machine"


def test_written_twice_the_bytes_are_the_same(made, published):
    before = {path.name: path.read_bytes() for path in published.iterdir()}
    stale = published / "tuning-07.parquet"
    stale.write_text("of an earlier time")
    assert command("publish", "smoke", *WORDS, *made.places).code == 0
    assert {path.name: path.read_bytes() for path in published.iterdir()} == before


def test_the_dictionary_is_the_page_beside_the_results():
    """`make publish` writes it; whoever changes a column or the page publishes anew."""
    assert publish.dictionary() == (ROOT / "data/published/README.md").read_text()


def test_large_results_are_cut(made, monkeypatch):
    """Into parts that hold all rows once, tuning apart."""
    runs = publish.keyed(pq.read_table(made.tables / "runs.parquet"))
    assert list(publish._parts(runs)) == ["runs.parquet"]
    most = len(publish._bytes(runs.slice(0, 1))) + 1200
    monkeypatch.setattr(publish, "MOST_BYTES", most)
    parts = publish._parts(runs)
    assert len(parts) > 2 and {"runs.parquet", "tuning-00.parquet"} <= parts.keys()
    assert all(len(part) <= most for part in parts.values())
    tables = {name: pq.read_table(pa.BufferReader(part)) for name, part in parts.items()}
    assert {n for n, t in tables.items() if "tune" in t["stage"].to_pylist()} == {
        name for name in parts if name.startswith("tuning")
    }
    keys = [(c, r) for t in tables.values() for c, r in zip(t["cell"], t["replica"], strict=True)]
    assert len(set(keys)) == len(keys) == len(runs)


def test_what_is_not_published(made, published, tmp_path, monkeypatch):
    """Results of another plan, or that are not there, or too large to commit."""
    said = command("publish", "smoke", *made.places)
    assert said.code == 2
    assert "holds other cells than the plan (12 are missing, 3 too many)" in said.err
    said = command("publish", "smoke", *WORDS, f"tracking.tables={tmp_path}/none")
    assert said.code == 2 and said.err.startswith("study: cannot read ")
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr(publish, "MOST_BYTES", 100)
    said = command("publish", "smoke", *WORDS, *made.places)
    assert said.code == 2 and "MB of a file to commit: publish a narrower" in said.err


def verified(*words):
    return command("verify", "smoke", "execution.workers=1", *words)


def test_equal_to_the_bit(published, tmp_path):
    lines = well(verified()).splitlines()
    assert lines[0].startswith("smoke: 3 of 3 published cells, about ")
    assert [line.split("  iris")[0].strip() for line in lines[1:4]] == ["equal to the bit"] * 3
    assert lines[4] == "3 equal to the bit, 0 equal within the interval, 0 different"
    assert [path.name for path in tmp_path.iterdir()] == ["published"], "nothing is recorded"


def test_narrowed_and_sampled(published):
    said = verified("cells=1", "seed=3")
    assert said.code == 0 and said.out.startswith("smoke: 1 of 3 published cells")
    assert verified("cells=1", "seed=3").out == said.out
    said = verified("only.gradient=[removed]")
    assert "floor" not in said.out and "removed" in said.out


def test_what_is_not_equal_to_the_bit(published):
    """A last digit is within the interval; a shift is different."""
    move(published, "removed", 1e-15)
    move(published, "floor", 0.5)
    said = verified()
    assert said.code == 1
    assert "1 equal to the bit, 1 equal within the interval, 1 different" in said.out
    (line,) = [line for line in said.out.splitlines() if line.startswith("  different")]
    assert "floor(minimum=0.1)" in line and "beyond ±0.021" in line


def test_a_cell_that_raises_an_error_is_different(published, monkeypatch):
    def train(job, honest=worker.train_cell):
        if "removed" in job.name:
            raise OSError("no memory")
        return honest(job)

    monkeypatch.setattr(worker, "train_cell", train)
    said = verified()
    assert said.code == 1
    assert "2 equal to the bit, 0 equal within the interval, 1 different" in said.out
    assert ": OSError: no memory\n" in said.out


def test_cells_that_are_not_in_the_plan_of_this_version(published, monkeypatch):
    """A line says why."""
    cells = manifest_of(published)["cells"]
    manifest_of(published, cells={**cells, "f" * 40: "iris · of another day"})
    said = verified()
    assert said.code == 1
    assert "1 published cells are not in the plan of this version: the experiment" in said.out
    assert "iris · of another day (ffffffffffff)" in said.out
    assert "3 equal to the bit" in said.out
    for module in (cells_module, verify):
        monkeypatch.setattr(module, "NUMERICS_VERSION", verify.NUMERICS_VERSION + 1)
    plan._facts.cache_clear()
    said = verified()
    assert said.code == 1
    assert "4 published cells are not in the plan of this version: results are of" in said.out
    assert said.out.count("not in the plan  ") == 4


def test_damaged(published):
    """More is in tests/evidence/test_sources.py."""
    manifest, content = published / "manifest.json", manifest_of(published)
    path = {**content, "sha256": {"../../../../etc/passwd": "0"}}
    del content["overrides"]
    for spoilt, line in (
        (path, "data/published/smoke/passwd is missing"),
        (content, "manifest.json is damaged; restore it with: git checkout"),
        (None, "nothing is published of experiment 'smoke'; there is: nothing yet"),
    ):
        manifest.write_text(json.dumps(spoilt)) if spoilt else manifest.unlink()
        said = command("verify", "smoke")
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1) and line in said.err


def test_what_a_sample_costs():
    """Cells until a minute a worker is spent, those at whose rate they are evaluated included."""

    def planned(i, reference, seconds):
        needs = {} if reference is None else {"transfer": reference}
        return SimpleNamespace(identity=str(i), needs=needs, seconds=seconds)

    cells = (planned(0, None, 50.0), *(planned(i, "0", 4.0) for i in range(1, 100)))
    execution = SimpleNamespace(processes=lambda: 1)
    whole = SimpleNamespace(cells=cells, config=SimpleNamespace(execution=execution))
    names = {c.identity for c in cells}
    taken = [{c.identity for c in verify.choose(whole, names, "", seed)} for seed in range(9)]
    paid = sum(c.seconds for c in cells if c.identity in {*taken[0], "0"})
    assert len(taken[0]) == 2 and paid <= verify.SECONDS
    assert any(other != taken[0] for other in taken)
    assert verify.choose(whole, names, "all", 0) == list(cells)
    assert len(verify.choose(whole, names, "7", 0)) == 7
    dear = SimpleNamespace(cells=(planned(0, None, 900.0),), config=whole.config)
    assert len(verify.choose(dear, {"0"}, "", 0)) == 1, "one at the least"
