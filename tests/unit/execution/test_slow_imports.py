"""What is left out of papermill's imports."""

from __future__ import annotations

import subprocess
import sys


def test_the_grammar_of_iris_is_left_out_and_can_be_imported_afterwards() -> None:
    code = (
        "import sys\nimport jupyter_mlops.execution.stage\nassert 'lark' not in sys.modules\n"
        "assert 'rfc3987_syntax' not in sys.modules\nimport rfc3987_syntax\n"
        "import nbformat\nnbformat.validate(nbformat.v4.new_notebook())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
