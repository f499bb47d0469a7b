"""What fault tests share: a template of a store, the tables of a study that nothing disturbs."""

import subprocess

import pytest
from faulty import FEW, MANY
from small_studies import Command, job_of, tiny_protocol, well
from small_studies import make_cell as cell_of

from study.ablation.running.worker import train_cell


def undisturbed(words, migrated, folder):
    command = Command(folder, migrated)
    well(command(*words, "execution.workers=1"))
    return command


@pytest.fixture(scope="session")
def many(migrated, tmp_path_factory) -> Command:
    """A finished study of MANY."""
    return undisturbed(MANY, migrated, tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="session")
def few(migrated, tmp_path_factory) -> Command:
    """A finished study of FEW."""
    return undisturbed(FEW, migrated, tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="session")
def trained():
    """A finished cell."""
    return train_cell(job_of(cell_of(hidden=[4]), tiny_protocol()))


@pytest.fixture
def mounting(tmp_path):
    """Mount file systems, where this user may; they are gone afterwards."""
    mounted = []

    def mount(folder, *words):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["mount", *words, str(folder)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("needs the right to mount file systems")
        if folder not in mounted:
            mounted.append(folder)

    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", "-l", str(folder)], check=True)
