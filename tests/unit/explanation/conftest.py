from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

N = 400


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": random.normal(size=N),
            "age_b": random.normal(size=N),
            "job": random.choice(["cook", "nurse", "b_1"], N),
            "city": random.choice(["north", "south"], N),
        }
    )
    frame.loc[::9, "age"] = np.nan
    return frame


@pytest.fixture(scope="session")
def bought(people: pd.DataFrame) -> pd.Series:
    score = people["age_b"] + 2 * (people["job"] == "cook") + people["age"].fillna(0) / 2
    return (score > 0.8).astype(int)
