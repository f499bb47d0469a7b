"""The estimators need no part of the study's tools."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("mlflow", "hydra", "omegaconf", "pandas", "pyarrow", "matplotlib", "seaborn", "pydantic")


def run(code, cwd):
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def test_they_work_where_nothing_of_the_study_is_installed(tmp_path):
    done = run(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {TOOLS}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from study.estimator import DeltaRuleClassifier\n"
        "net = DeltaRuleClassifier(learning_rate_init=0.1, tol=0.01, random_state=0)\n"
        "print(net.fit([[0.0], [1.0], [0.1], [0.9]], ['a', 'b', 'a', 'b']).predict([[0], [1]]))",
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("['a' 'b']\n", "")


def test_the_command_says_what_is_missing(tmp_path):
    """As after `pip install` without the extra."""
    done = run(
        "import sys; sys.modules['hydra'] = None\n"
        "from study.ablation.app import main; sys.exit(main(['dry_run=true']))",
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "pip install 'delta-rule-study[study]'" in done.stderr
