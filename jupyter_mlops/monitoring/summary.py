"""What happened, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.records.drift import ColumnDrift, DriftReport

_NAMED = 3


def summarise(report: DriftReport, level: float) -> str:
    """Say how many columns drifted, which most, and what else is worth a look."""
    compared = [column for column in report.columns if column.tests]
    drifted = [column for column in report.columns if column.drifted]
    between = (
        f"between {report.reference} ({report.reference_rows:,} rows) and "
        f"{report.current} ({report.current_rows:,} rows)"
    )
    if drifted:
        most = ", ".join(_phrase(column) for column in drifted[:_NAMED])
        lead = "most: " if len(drifted) > 1 else ""
        sentence = f"{len(drifted)} of {len(report.columns)} columns drifted {between}; {lead}{most}"
    else:
        sentence = f"No column of {len(report.columns)} drifted {between}"
    return sentence + "".join(f"; {extra}" for extra in _extras(report, compared, level)) + "."


def _extras(report: DriftReport, compared: list[ColumnDrift], level: float) -> list[str]:
    extras = []
    small = sum(not c.drifted and c.p_value is not None and c.p_value < level for c in compared)
    if small:
        extras.append(f"{small} differ{'s' if small == 1 else ''} beyond chance, but little")
    one_sided = [column.name for column in report.columns if column.note.startswith("only in")]
    if one_sided:
        extras.append(
            f"on one side only: {', '.join(one_sided[:_NAMED])}{' …' if len(one_sided) > _NAMED else ''}"
        )
    classifier = report.multivariate.get("classifier", {})
    if classifier.get("drifted"):
        extras.append(f"all columns together tell the two apart with AUC {classifier['statistic']:.2f}")
    return extras


def _phrase(column: ColumnDrift) -> str:
    if column.effect is None:
        return f"{column.name} ({column.note})"
    return f"{column.name} (PSI {column.effect:.2f})"
