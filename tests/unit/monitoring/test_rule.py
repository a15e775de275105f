from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.monitoring import rule
from jupyter_mlops.settings import Settings


def test_the_default_is_the_settings_default() -> None:
    assert Settings(root=Path()).drift == rule.DEFAULT


@pytest.mark.parametrize(
    "text, figures, met",
    [
        ("p < 0.05", {"p": 0.01}, True),
        ("p < 0.05", {"p": 0.05}, False),
        ("p <= 0.05", {"p": 0.05}, True),
        ("psi > 1", {"psi": 1.0}, False),
        ("p < 0.05 and psi >= 0.1", {"p": 0.01, "psi": 0.2}, True),
        ("p < 0.05 and psi >= 0.1", {"p": 0.01, "psi": 0.05}, False),
        ("p < 0.05 and ks >= 0.1", {"p": 0.01}, True),
        ("ks >= 0.1", {"p": 0.01}, False),
        ("p < 0.05 and (psi >= 0.1 or missing > 0.02)", {"p": 0.0, "psi": 0.0, "missing": 0.03}, True),
        ("p < 0.05 and psi >= 0.1 or unseen > 0", {"p": 1.0, "psi": 0.0, "unseen": 0.5}, True),
    ],
)
def test_rules(text: str, figures: dict[str, float], *, met: bool) -> None:
    assert rule.parse(text).met(figures) is met


def test_the_level_is_the_rules_own() -> None:
    assert rule.parse("p < 0.01 and psi > 0.1").level == 0.01
    assert rule.parse("psi > 0.1").level == rule.LEVEL


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "drift = '' is not a rule; for example"),
        ("p <", "is not a rule"),
        ("p", "'p' is not a comparison"),
        ("0.1 < p < 0.2", "is not a comparison"),
        ("p == 0.05", "is not a comparison"),
        ("not p < 1", "is not a comparison"),
        ("__import__('os') < 1", "doesn't compare a figure with a number"),
        ("p < psi", "doesn't compare a figure with a number"),
        ("p < True", "doesn't compare a figure with a number"),
        ("p < 1e999", "doesn't compare a figure with a number"),
        ("pis > 0.1", "no figure 'pis'; did you mean psi"),
    ],
)
def test_what_is_no_rule(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        rule.parse(text)
    assert message in str(caught.value)
