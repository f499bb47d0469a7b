"""Compiled code is made anew after a change of what is compiled into it, and only then."""

import os
import subprocess
import sys

import numba
import pytest

from study.learning.core import caching


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "study"
    (root / "sub").mkdir(parents=True)
    (root / "a.py").write_text("from study import b\n\n\ndef f():\n    return b.c\n")
    (root / "b.py").write_text("if True:\n    from study.sub.c import c, a\n")
    (root / "sub" / "c.py").write_text("import study.a\nc = 1\n")
    (root / "d.py").write_text("import math\n")
    monkeypatch.setattr(caching, "PACKAGE", root)
    monkeypatch.setattr(caching.numba.config, "CACHE_DIR", "")
    return root


def stamp(file):
    caching._imported.cache_clear()
    caching._digest.cache_clear()
    names = {}
    exec(compile("def f():\n    pass", str(file), "exec"), names)
    found = caching._ByImports.from_function(names["f"], str(file))
    return found and found.get_source_stamp()


@pytest.mark.parametrize("changed", ["a.py", "b.py", "sub/c.py", "d.py"])
def test_a_file_is_as_old_as_all_that_it_imports(package, changed):
    before = stamp(package / "a.py")
    path = package / changed
    path.write_text(path.read_text() + "# changed\n")
    assert (stamp(package / "a.py") == before) == (changed == "d.py")


def test_files_that_do_not_use_the_package_are_left_to_numba(package):
    assert stamp(package / "d.py") is None and stamp("<stdin>") is None


def test_where_it_is_kept(package, monkeypatch, tmp_path):
    assert caching.compiled_code() == package / "__pycache__" / "compiled"
    with monkeypatch.context() as patch:  # installed where this user may not write
        patch.setattr(caching.os, "access", lambda *_: False)
        patch.setattr(caching.Path, "home", lambda: tmp_path / "home")
        assert caching.compiled_code() == tmp_path / "home/.cache/delta-rule-study/compiled"
    monkeypatch.setattr(caching.numba.config, "CACHE_DIR", str(tmp_path))
    assert caching.compiled_code() == tmp_path


RULE = """
from study import elementwise


@elementwise
def doubled(slope):
    return slope + slope
"""
COMPILE = """
import runpy, sys
from study.learning.core.kernels import as_kernel
as_kernel("factor", runpy.run_path(sys.argv[1])["doubled"]).at("float32")
"""


def test_a_rule_of_a_file_that_is_run_is_compiled_in_every_process(tmp_path):
    """Its module is gone when it is compiled; a second process finds what the first one kept."""
    (tmp_path / "own.py").write_text(RULE)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", COMPILE, str(tmp_path / "own.py")],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kept")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert list((tmp_path / "kept").rglob("own.doubled*.nbi"))


def test_that_something_is_compiled_is_said_once(capsys):
    functions = [numba.njit(lambda x, n=n: x + n) for n in (1, 2)]
    for function in functions:
        with caching.announced():
            function(1.0)
            function(2)
        assert capsys.readouterr().err == "compiling for this processor: some seconds, once\n"
    with caching.announced():
        functions[0](1.0)
    assert capsys.readouterr().err == ""
