from __future__ import annotations

import sys

import pytest

from jupyter_mlops.errors import DataError
from jupyter_mlops.workflows.foreign import foreign_code


def test_what_it_prints_stays_off_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with foreign_code():
        sys.stdout.write("loud")
    sys.stdout.write("result")
    assert capsys.readouterr() == ("result", "loud")


def test_it_ends_no_process() -> None:
    with pytest.raises(DataError, match=r"calls exit\(0\)"), foreign_code():
        raise SystemExit(0)
