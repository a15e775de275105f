"""Lay out what a report shows over time: how far each column was off by period, and a model's quality. No markup here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.records.drift import DriftReport, Performance

_WIDTH, _NAMES, _ROW = 960, 190, 20
_MOST_COLUMNS = 25
_MOST_LABELS = 8
# By custom a PSI of 0.25 is a large change: there the colour is full.
_FULL = 0.25
_HEIGHT, _LEFT, _FOOT = 190, 58, 22
_NAMED = 22


def heat(report: DriftReport) -> dict[str, Any] | None:
    """Lay out a cell for each column and period: how strong its colour, whether it drifted; worst columns first.

    Returns:
        None where there are no periods.
    """
    if not report.over_time:
        return None
    names = [column.name for column in report.columns if column.tests][:_MOST_COLUMNS]
    wide = (_WIDTH - _NAMES) / len(report.over_time)
    cells = [
        {
            "x": round(_NAMES + place * wide, 1),
            "y": row * _ROW,
            "width": round(max(wide - 1.5, 0.8), 1),
            "height": _ROW - 2,
            "strength": round(min(period.effects.get(name, 0.0) / _FULL, 1.0) ** 0.5, 2),
            "drifted": name in period.columns,
            "title": _cell(name, period.start, period.effects.get(name), drifted=name in period.columns),
        }
        for row, name in enumerate(names)
        for place, period in enumerate(report.over_time)
    ]
    return {
        "width": _WIDTH,
        "height": len(names) * _ROW + _FOOT,
        "cells": cells,
        "names": [
            {"y": row * _ROW + 13, "text": _short(name), "title": name} for row, name in enumerate(names)
        ],
        "labels": _labels(
            [period.start for period in report.over_time], _NAMES, wide, len(names) * _ROW + 15
        ),
    }


def quality(performance: Performance) -> dict[str, Any]:
    """Lay out a metric's windows: measured and estimated figures with their intervals, and the reference's band."""
    windows = performance.windows
    intervals = [
        performance.reference_interval,
        *(each for w in windows for each in (w.interval, w.estimated_interval) if each),
    ]
    low, high = min(low for low, _ in intervals), max(high for _, high in intervals)
    room = (high - low) * 0.08 or 0.01
    low, high = low - room, high + room
    base = _HEIGHT - _FOOT
    step = (_WIDTH - _LEFT) / len(windows)

    def y(value: float) -> float:
        return round(base - (value - low) / (high - low) * base, 1)

    marks = []
    for place, window in enumerate(windows):
        middle = _LEFT + (place + 0.5) * step
        for kind, value, interval, shift in (
            ("measured", window.value, window.interval, -4),
            ("estimated", window.estimated, window.estimated_interval, 4),
        ):
            if value is not None and interval is not None:
                words = f"{window.start}: {kind} {value:.4f} ({interval[0]:.4f} to {interval[1]:.4f}), {window.rows:,} rows"
                marks.append(
                    {
                        "x": round(middle + shift, 1),
                        "y": y(value),
                        "top": y(interval[1]),
                        "bottom": y(interval[0]),
                        "tone": "alarm" if window.alarm and kind == "measured" else kind,
                        "title": words,
                    }
                )
    band = performance.reference_interval
    return {
        "name": performance.metric.replace("_", " "),
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "base": base,
        "marks": marks,
        "reference": {
            "y": y(performance.reference),
            "top": y(band[1]),
            "height": round(y(band[0]) - y(band[1]), 1),
        },
        "scale": [
            {"y": y(value) + 4, "text": f"{value:.3g}"}
            for value in (low + room, (low + high) / 2, high - room)
        ],
        "labels": _labels([window.start for window in windows], _LEFT, step, _HEIGHT - 5),
        "alarm": performance.alarm,
        "words": f"{performance.reference:.4f} in the reference; an alarm is {performance.margin:.3g} worse, beyond chance",
    }


def _labels(starts: list[str], left: float, step: float, y: float) -> list[dict[str, Any]]:
    every = -(-len(starts) // _MOST_LABELS)
    return [
        {"x": round(left + (place + 0.5) * step, 1), "y": y, "text": start}
        for place, start in enumerate(starts)
        if place % every == 0
    ]


def _cell(name: str, start: str, effect: float | None, *, drifted: bool) -> str:
    size = "not compared" if effect is None else f"PSI {effect:.3f}"
    return f"{name}, {start}: {size}{', drifted' if drifted else ''}"


def _short(name: str) -> str:
    return name if len(name) <= _NAMED else f"{name[: _NAMED - 1]}…"
