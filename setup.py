"""Put into the wheel what a checkout has beside the package: conf/, and two lists of data/."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithFiles(build_py):
    """Builds the package, and copies the files into ``study/carried``."""

    def run(self) -> None:
        """Build; an editable installation finds the checkout's own files."""
        super().run()
        if not self.editable_mode:
            lists = Path("data/checksums.json"), Path("data/external.csv")
            for path in (*Path("conf").rglob("*.yaml"), *lists):
                place = Path(self.build_lib, "study", "carried", path)
                self.mkpath(str(place.parent))
                self.copy_file(str(path), str(place))


setup(cmdclass={"build_py": BuildWithFiles})
