from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.stats.sequential import ADWIN, DDM, Detector, PageHinkley, changes


def stream(kind: str, seed: int) -> list[float]:
    """The streams that the golden figures were taken on: four parts of 1,500 values."""
    draw = random.Random(seed)  # noqa: S311 - a stream to test with
    found: list[float] = []
    for place in range(6_000):
        part = place // 1_500
        match kind:
            case "errors":
                found.append(int(draw.random() < [0.1, 0.3, 0.12, 0.12][part]))
            case "normal":
                found.append(round(draw.gauss([0, 1.0, 1.0, -0.5][part], 1), 6))
            case "slow":
                found.append(int(draw.random() < 0.05 + place * 0.00004))
            case "still":
                found.append(int(draw.random() < 0.2))
            case _:
                found.append(round(draw.random() * 0.5 + [0, 0.1, 0.1, 0.5][part], 6))
    return found


MAKE: dict[str, Callable[[], Detector]] = {
    "adwin": ADWIN,
    "page_hinkley": lambda: PageHinkley(threshold=20),
    "ddm": DDM,
}
# Where river 0.26.1 sees changes with the same settings.
RIVER: dict[str, dict[str, list[int]]] = {
    "errors/1": {"adwin": [1567, 3231], "page_hinkley": [1560, 1722, 2588, 3104], "ddm": [1615, 1741]},
    "errors/2": {"adwin": [1631, 3199], "page_hinkley": [1574, 3072], "ddm": [176, 1574]},
    "errors/3": {"adwin": [1599, 3231], "page_hinkley": [1558, 3125], "ddm": [1633]},
    "normal/1": {
        "adwin": [1535, 4543],
        "page_hinkley": [
            206,
            391,
            543,
            633,
            791,
            1152,
            1506,
            1783,
            2063,
            2296,
            2369,
            2565,
            2994,
            3345,
            3414,
            3551,
            3755,
            3886,
            4173,
            4507,
            4849,
            4970,
            5319,
            5482,
            5649,
            5866,
        ],
    },
    "normal/2": {
        "adwin": [1567, 4543],
        "page_hinkley": [
            105,
            309,
            877,
            1107,
            1227,
            1381,
            1523,
            1673,
            1963,
            2229,
            2366,
            2477,
            2900,
            3282,
            3364,
            3803,
            3855,
            4001,
            4102,
            4292,
            4507,
            4675,
            4796,
            5187,
            5323,
            5398,
            5588,
            5813,
        ],
    },
    "normal/3": {
        "adwin": [1535, 4543],
        "page_hinkley": [
            230,
            534,
            735,
            843,
            944,
            1014,
            1124,
            1230,
            1344,
            1510,
            1658,
            1981,
            2028,
            2135,
            2392,
            2506,
            3100,
            3224,
            3391,
            3705,
            3863,
            4058,
            4270,
            4511,
            5098,
            5350,
            5490,
            5833,
        ],
    },
    "slow/1": {"adwin": [2527], "page_hinkley": [1690, 2798, 4279], "ddm": [1690, 2816, 2913]},
    "slow/2": {"adwin": [2847], "page_hinkley": [1467, 2812, 4027], "ddm": [115, 1220, 3685]},
    "slow/3": {"adwin": [3231], "page_hinkley": [1438, 3023, 4311, 5119], "ddm": [92, 951, 2941, 2993, 5724]},
    "still/1": {"adwin": [], "page_hinkley": [2039, 2578, 4597, 5923], "ddm": []},
    "still/2": {"adwin": [], "page_hinkley": [2435], "ddm": [118]},
    "still/3": {"adwin": [], "page_hinkley": [971], "ddm": []},
    "unit/1": {"adwin": [1727, 4543], "page_hinkley": [1783, 4556]},
    "unit/2": {"adwin": [1663, 4543], "page_hinkley": [1712, 4552]},
    "unit/3": {"adwin": [1663, 4543], "page_hinkley": [1711, 4546]},
}


@pytest.mark.parametrize("name", RIVER)
def test_changes_are_seen_where_river_sees_them(name: str) -> None:
    kind, seed = name.split("/")
    values = stream(kind, int(seed))
    assert {detector: changes(MAKE[detector](), values) for detector in RIVER[name]} == RIVER[name]


@given(values=st.lists(st.floats(-1e6, 1e6), max_size=400))
def test_adwins_window_is_the_latest_values(values: list[float]) -> None:
    detector = ADWIN(level=0.5, every=4)
    began = 0
    for place, value in enumerate(values):
        before = detector.width
        if detector.update(value):
            began = place + 1
            assert detector.width < before + 1
            assert detector.mean == pytest.approx(
                np.mean(values[place + 1 - detector.width : place + 1]), rel=1e-6, abs=1e-3
            )
        elif began <= place:
            assert detector.width == place + 1 - began
            kept = values[began : place + 1]
            assert detector.mean == pytest.approx(np.mean(kept), rel=1e-9, abs=1e-6)
            assert detector.squares == pytest.approx(np.var(kept) * len(kept), rel=1e-6, abs=1e-2)


def test_adwin_holds_little() -> None:
    detector = ADWIN()
    for _ in range(20_000):
        detector.update(0.5)
    assert detector.width == 20_000
    assert sum(map(len, detector._rows)) < 80


def test_false_alarms_of_adwin_are_rare() -> None:
    draw = np.random.default_rng(0)
    seen = sum(bool(changes(ADWIN(), draw.random(3_000) < 0.2)) for _ in range(30))
    assert seen <= 1


def test_ddm_warns_first_and_bears_no_errors() -> None:
    detector = DDM()
    assert not any(detector.update(0) for _ in range(100))
    seen = [detector.update(1) for _ in range(10)]
    assert any(seen)
