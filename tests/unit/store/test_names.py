from __future__ import annotations

import pytest

from jupyter_mlops.errors import UsageError
from jupyter_mlops.store.names import check_name


@pytest.mark.parametrize("name", ["churn", "churn-test", "a.b_c", "7"])
def test_good_names(name: str) -> None:
    assert check_name("dataset", name) == name


@pytest.mark.parametrize("name", ["", "a/b", "a@b", "..", "-x", "a b", "a" * 101, "ä", 3, None, "a\n"])
def test_bad_names(name: object) -> None:
    with pytest.raises(UsageError, match="can't name a dataset"):
        check_name("dataset", name)
