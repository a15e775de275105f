"""One HTML file of a drift report: offline, light and dark, worst column first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.monitoring import rule as rules
from jupyter_mlops.monitoring import timeline
from jupyter_mlops.monitoring.drawing import drawing

if TYPE_CHECKING:
    from jupyter_mlops.records.drift import ColumnDrift, DriftReport, TestResult

_TESTS = {
    "ks": "Kolmogorov-Smirnov",
    "chi_squared": "Chi-squared",
    "psi": "PSI",
    "wasserstein": "Wasserstein (in std)",
    "jensen_shannon": "Jensen-Shannon distance",
    "missing": "Missing share, change",
    "unseen": "Unseen values, share",
    "length": "Length (KS)",
    "vocabulary": "Share of texts with a word, largest change",
    "out_of_vocabulary": "Words never met before, change of share",
    "mmd": "Maximum mean discrepancy",
}
_DETECTORS = {"adwin": "ADWIN", "page_hinkley": "Page-Hinkley", "ddm": "DDM"}
# A PSI of 0.25 is by custom a large change: there the bar is full.
_FULL = 0.25
_OPENED = 6
_NAMED = 8


def render(report: DriftReport) -> str:
    """Write a report as one HTML page that loads nothing."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("jupyter_mlops.monitoring"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plot = environment.get_template("plot.svg").module.plot  # type: ignore[attr-defined]  # macros are found by name
    time = environment.get_template("time.svg").module
    level = rules.parse(report.rule or rules.DEFAULT).level
    columns = [_column(column, level, opened=index < _OPENED) for index, column in enumerate(report.columns)]
    return environment.get_template("report.html").render(
        report=report,
        plot=plot,
        tiles=_tiles(report),
        columns=columns,
        time=time,
        heat=timeline.heat(report),
        quality=[timeline.quality(each) for each in report.performance if each.windows],
        changes=[f"{_DETECTORS[c.detector]} at {c.at or f'row {c.row + 1:,}'}" for c in report.changes],
        together=[_together(name, found) for name, found in report.multivariate.items()],
    )


def verdict(column: ColumnDrift, level: float) -> tuple[str, str]:
    """Return a column's verdict in words, and the class it is shown in; ``level`` is what is beyond chance."""
    if column.drifted:
        return "drifted", "drifted"
    if column.p_value is None:
        return "not compared", "unknown"
    if column.p_value < level:
        return "small change", "small-change"
    return "same", "same"


def p_text(p_value: float | None) -> str:
    """Write a p-value as people read it."""
    if p_value is None:
        return ""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004 - the customary last digit


def _tiles(report: DriftReport) -> list[dict[str, str]]:
    drifted = sum(column.drifted for column in report.columns)
    tiles = [
        {
            "tone": "bad" if drifted else "ok",
            "figure": f"{drifted} of {len(report.columns)}",
            "words": "columns drifted",
        },
        {"tone": "", "figure": f"{report.reference_rows:,}", "words": f"rows in {report.reference}"},
        {"tone": "", "figure": f"{report.current_rows:,}", "words": f"rows in {report.current}"},
    ]
    classifier = report.multivariate.get("classifier")
    if classifier:
        tiles.append(
            {
                "tone": "bad" if classifier["drifted"] else "",
                "figure": f"{classifier['statistic']:.2f}",
                "words": f"AUC of telling them apart (0.5: can't; p {p_text(classifier['p_value'])})",
            }
        )
    return tiles


def _together(name: str, found: dict[str, Any]) -> dict[str, str]:
    named = ", ".join(
        f"{each['name']} ({each['auc_lost']:.3f})" for each in found.get("columns", ())[:_NAMED]
    )
    beyond = found["drifted"]
    return {
        "name": {"classifier": "Classifier (AUC)", "mmd": "Maximum mean discrepancy"}[name],
        "rows": f"{found['rows']:,} rows",
        "statistic": f"{found['statistic']:.4f}",
        "p_value": p_text(found["corrected_p_value"]),
        "verdict": "different" if beyond else "same",
        "tone": "drifted" if beyond else "same",
        "columns": f"AUC lost without it: {named}" if named else "",
    }


def _column(column: ColumnDrift, level: float, *, opened: bool) -> dict[str, Any]:
    words, tone = verdict(column, level)
    title = f"{column.name}: reference and current"
    return {
        "name": column.name,
        "kind": column.kind,
        "verdict": words,
        "tone": tone,
        "colour": {"drifted": "bad", "small-change": "warn"}.get(tone, "ok"),
        "note": column.note,
        "p_value": p_text(column.p_value),
        "effect": "" if column.effect is None else f"{column.effect:.3f}",
        "share": 0 if column.effect is None else round(min(column.effect / _FULL, 1.0) * 100),
        "small": drawing(column.plot, title, 150, 36, words=False),
        "large": drawing(column.plot, title, 560, 200, words=True),
        "tests": [_test(name, result) for name, result in column.tests.items()],
        "open": opened and bool(column.tests),
    }


def _test(name: str, result: TestResult) -> dict[str, str]:
    p_value = p_text(result.p_value)
    return {"name": _TESTS.get(name, name), "statistic": f"{result.statistic:.4g}", "p_value": p_value}
