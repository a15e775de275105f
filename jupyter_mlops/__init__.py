"""From the notebook you have to a gated, registered, served and monitored model.

In a cell: ``dataset`` records a dataset version, ``log_model`` a model version, ``log_metrics`` figures.
``%load_ext jupyter_mlops`` gives ``%mlops`` and ``%%mlops``. Everything heavy is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jupyter_mlops.records.model import ModelVersion

__all__ = ["dashboard", "dataset", "log_metrics", "log_model"]
__version__ = "0.1.0"


def dataset(
    name: str, source: Any = None, *, query: str = "", derived_from: Sequence[str] | None = None
) -> Path:
    """Record ``source`` as a version of dataset ``name``; return the path of exactly that content.

    Args:
        name: the dataset's name; without a source the version on record that is meant, ``"churn@4f2a"`` or the newest.
        source: a file, a folder, a ``.dvc`` file, a URL (``s3://``, ``https://``, ...) or a DataFrame; with ``query``
            the URL of a database as SQLAlchemy writes it.
        query: what to ask the database.
        derived_from: the dataset versions that it was made from, as ``"churn"`` or ``"churn@4f2a"``; default: for a
            DataFrame what was recorded before it, for anything else none.

    Raises:
        DataError: when the source is missing or can't be read.
        BlockedError: when it isn't what a notebook expects of it (``%%mlops expect``); the version is kept.
    """
    from jupyter_mlops.workflows import record

    return record.dataset(name, source, query=query, derived_from=derived_from)


def log_model(
    model: Any,
    name: str,
    *,
    example: Any = None,
    test: tuple[Any, Any] | None = None,
    sensitive: Any = None,
    groups: Any = None,
    metrics: Mapping[str, float | Callable[..., Any]] | None = None,
) -> ModelVersion:
    """Register ``model`` as a new version of ``name``, with the data, code and environment behind it.

    Args:
        model: anything with ``predict``; functions and classes of the notebook travel with it.
        name: the registered model's name.
        example: a few input rows (DataFrame or array); they give the signature.
        test: ``(X, y)``, the rows that evaluation gates judge this version on.
        sensitive: protected attributes of the test rows, a column each, for fairness conditions.
        groups: columns of the test rows that say which of them belong together, as ``{"query_id": ids}`` for the
            lists of a ranking.
        metrics: figures to keep with the version; a function is a metric of yours, which gates may name and which is
            measured on the test rows. Its parameters' names say what it gets: ``y_true``, ``y_pred``, ``y_score``,
            ``y_prob``, ``sample_weight``, ``X``, ``sensitive_features``.

    Raises:
        DataError: when the model can't be pickled or predicts nothing for the example.
    """
    from jupyter_mlops.workflows import register

    return register.log_model(
        model, name, example=example, test=test, sensitive=sensitive, groups=groups, metrics=metrics
    )


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Keep figures with the run that is under way, or with the model that is logged next.

    Args:
        metrics: name to value.
        step: the epoch, batch or whatever they are to be drawn over; without one the last value is kept.

    Raises:
        DataError: when a figure is not a number, or the step not a whole one.
    """
    from jupyter_mlops.workflows import record

    record.log_metrics(metrics, step)


def dashboard() -> None:
    """Show the sidebar's content as widgets, where JupyterLab isn't the front end.

    Raises:
        NotAvailableYetError: always, in this version.
    """
    from jupyter_mlops.errors import NotAvailableYetError

    raise NotAvailableYetError("mlops.dashboard()", hint="use the sidebar in JupyterLab, or the command line")


def load_ipython_extension(shell: Any) -> None:
    """Answer ``%load_ext jupyter_mlops``: register ``%mlops`` and ``%%mlops``."""
    from jupyter_mlops.interfaces.magics import register

    register(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell ``jupyter labextension develop`` where the built front end lies."""
    return [{"src": "labextension", "dest": "jupyter-mlops"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server of our extension, for ``jupyter server extension enable jupyter_mlops``."""
    from jupyter_mlops.interfaces.server import extension_points

    return extension_points()
