from __future__ import annotations

import pickle

import pytest

from jupyter_mlops import errors


def every_error() -> list[type[errors.MlopsError]]:
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.MlopsError)
    ]


@pytest.mark.parametrize("kind", every_error())
def test_survives_a_process_border(kind: type[errors.MlopsError]):
    error = kind("no such thing", hint="look again", code="MLO777", cell=3)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.message, copy.hint, copy.code, copy.details) == (
        "no such thing",
        "look again",
        "MLO777",
        {"cell": 3},
    )
    assert str(copy) == str(error)


def test_says_what_and_how_to_mend():
    assert str(errors.UsageError("unknown option --retires", hint="did you mean --retries?")) == (
        "unknown option --retires; did you mean --retries?"
    )
    assert str(errors.NotAvailableYetError("verify")) == "verify is not available yet"


@pytest.mark.parametrize(
    "name, known, hint",
    [
        ("chrun", ["churn", "orders"], "did you mean churn?"),
        ("x", ["churn", "orders"], "there are: churn, orders"),
        ("x", [], "there is no model yet"),
    ],
)
def test_not_found_names_what_is_near(name: str, known: list[str], hint: str):
    assert errors.NotFoundError.of("model", name, known).hint == hint


def test_work_that_failed_exits_1_and_bad_input_2():
    ones = {kind.__name__ for kind in every_error() if kind.exit_code == 1}
    assert ones == {
        "AuditError", "BlockedError", "DeniedError", "HandoffError", "IntegrityError", "StageFailedError",
        "StorageError",
    }  # fmt: skip
    assert {kind.exit_code for kind in every_error()} == {1, 2}
