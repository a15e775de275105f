"""Lay a column's plot out: where paths, bars and words of the picture stand. Nothing here writes markup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

SIDES = ("reference", "current")
_LETTERS = 14


def drawing(
    plot: dict[str, Any], title: str, width: int, height: int, *, words: bool
) -> dict[str, Any] | None:
    """Lay out two overlaid histograms or paired bars; ``words`` adds the scale under it.

    Returns:
        None where the column has nothing to draw.
    """
    if not plot:
        return None
    base = height - (34 if words and "labels" in plot else 18 if words else 1)
    picture: dict[str, Any] = {
        "width": width, "height": height, "base": base, "title": title, "paths": [], "bars": [], "labels": [],
    }  # fmt: skip
    top = max((*plot["reference"], *plot["current"]), default=0.0) or 1.0
    if "edges" in plot:
        picture["paths"] = [
            {"side": side, "d": _steps(plot[side], width, base, top)} for side in SIDES if any(plot[side])
        ]
        picture["labels"] = _scale(plot, width, height) if words else []
    else:
        picture["bars"] = _bars(plot, width, base, top)
        picture["labels"] = _names(plot["labels"], width, base) if words else []
    return picture


def _steps(shares: list[float], width: int, base: int, top: float) -> str:
    step = width / len(shares)
    points = [f"M0 {base}"]
    for index, share in enumerate(shares):
        points.append(f"V{_y(share, base, top)}H{round((index + 1) * step, 1):g}")
    return "".join([*points, f"V{base}Z"])


def _bars(plot: dict[str, Any], width: int, base: int, top: float) -> list[dict[str, Any]]:
    slot = width / len(plot["labels"])
    wide = min(slot * 0.4, 28.0)
    bars = []
    for index, label in enumerate(plot["labels"]):
        for place, side in enumerate(SIDES):
            y = _y(plot[side][index], base, top)
            bars.append(
                {
                    "side": side,
                    "x": round(slot * (index + 0.5) + (place - 1) * wide, 1),
                    "y": y,
                    "width": round(wide * 0.94, 1),
                    "height": round(base - y, 1),
                    "title": f"{label}: {plot[side][index]:.1%} of {side}",
                }
            )
    return bars


def _names(labels: list[str], width: int, base: int) -> list[dict[str, Any]]:
    slot = width / len(labels)
    fits = max(2, min(_LETTERS, int(slot / 6.5)))
    # Crowded labels stand in two rows, so that each has the room of two.
    rows = 2 if any(len(label) > fits for label in labels) and len(labels) > 1 else 1
    return [
        {
            "x": round(slot * (index + 0.5), 1),
            "y": base + 14 + 13 * (index % rows),
            "anchor": "middle",
            "text": _short(label, fits * rows),
        }
        for index, label in enumerate(labels)
    ]


def _scale(plot: dict[str, Any], width: int, height: int) -> list[dict[str, Any]]:
    low, high = plot["edges"][0], plot["edges"][-1]
    ends = [(0, "start", low), (width / 2, "middle", low / 2 + high / 2), (width, "end", high)]
    return [
        {"x": x, "y": height - 4, "anchor": anchor, "text": _date(value) if plot["dates"] else f"{value:.4g}"}
        for x, anchor, value in ends
    ]


def _date(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.4g}"


def _y(share: float, base: int, top: float) -> float:
    return round(base - share / top * (base - 4), 1)


def _short(label: str, letters: int) -> str:
    return label if len(label) <= letters else f"{label[: letters - 1]}…"
