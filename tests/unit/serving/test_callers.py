"""A serving process heeds roles and access tokens, also those that change while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlops.errors import StorageError
from jupyter_mlops.records.access import ACTIONS, ADMIN, ROLES, Rule
from jupyter_mlops.serving import callers as module
from jupyter_mlops.serving.callers import Callers
from jupyter_mlops.serving.guard import Guard
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import access

SECRET = "of the server's own"  # noqa: S105 - a test's


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def guard_of(settings: Settings, model: str = "churn") -> Guard:
    return Guard(SECRET, Callers(open_store(settings), model))


def asked(guard: Guard, token: str, method: str = "POST", path: str = "/invocations") -> int | None:
    refused = guard.refuses(path, [(b"authorization", f"Bearer {token}".encode())], method)
    return refused[0] if refused else None


def token_of(settings: Settings, user: str, role: str = "", names: str = "*") -> str:
    if role:
        access.grant(settings, user, role, names)
    return access.issue(settings, user)[1]


def denied(settings: Settings) -> list[tuple[str, str]]:
    found = open_store(settings).audit.events("WHERE phase = 'denied' ORDER BY seq")
    return [(event.actor, event.action) for event in found]


def test_one_persons_project_is_asked_with_the_servers_own_token(settings: Settings) -> None:
    guard = guard_of(settings)
    assert asked(guard, SECRET) is None
    assert asked(guard, "other") == 401


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_ask(settings: Settings, role: str) -> None:
    token = token_of(settings, "bob", role)
    guard = guard_of(settings)
    for method, action in {"POST": "predict", "GET": "read"}.items():
        allowed = role in (*ACTIONS[action], ADMIN)
        assert asked(guard, token, method) == (None if allowed else 403)
    assert asked(guard, SECRET) == 401, "what everybody shares says nothing about who asks"
    assert asked(guard, "", "GET", "/v2/health/ready") is None


def test_roles_reach_as_far_as_their_names(settings: Settings) -> None:
    token = token_of(settings, "bob", "data-scientist", "churn*")
    assert asked(guard_of(settings, "churn"), token) is None
    assert asked(guard_of(settings, "fraud"), token) == 403
    access.rule(settings, Rule(rule_id="", names="churn", action="predict", roles=("ml-engineer",)))
    assert asked(guard_of(settings, "churn"), token) == 403


def test_strange_tokens_are_refused(settings: Settings) -> None:
    token = token_of(settings, "bob@example.org", "data-scientist")
    guard = guard_of(settings)
    assert asked(guard, token) is None
    for strange in (
        "",
        token[:-1],
        token + "x",
        token.replace("bob", "ann"),
        "bob%40example.org",
        ".",
        "\xff",
    ):
        assert asked(guard, strange) == 401, strange
    assert guard.refuses("/v2", [(b"authorization", b"Bearer \xff\xfe")]) is not None


def test_a_revocation_is_heeded_while_it_runs(settings: Settings) -> None:
    token = token_of(settings, "bob", "data-scientist")
    now = [0.0]
    callers = Callers(open_store(settings), "churn", lambda: now[0])
    assert callers.refuses(token, "predict") is None
    (issued,) = access.show(settings).tokens
    access.withdraw(settings, issued.token_id)
    now[0] = module.FRESH_SECONDS + 1
    assert callers.stale
    callers.read()
    assert callers.refuses(token, "predict") == (401, "the access token is unknown, expired or revoked")


def test_where_nothing_can_be_read_the_old_counts_for_a_while_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(settings, "bob", "data-scientist")
    now = [0.0]
    callers = Callers(open_store(settings), "churn", lambda: now[0])
    monkeypatch.setattr("jupyter_mlops.store.access.policy", _out_of_reach)
    now[0] = module.LATEST_SECONDS - 1
    callers.read()
    assert callers.refuses(token, "predict") is None
    now[0] = module.LATEST_SECONDS + 1
    refused = callers.refuses(token, "predict")
    assert refused is not None
    assert refused[0] == 503


def _out_of_reach(_: object) -> None:
    from jupyter_mlops.errors import SettingsError

    raise SettingsError("the database can't be used")


def test_a_refusal_is_on_record_and_a_flood_is_one_line_a_minute(settings: Settings) -> None:
    token = token_of(settings, "bob", "viewer")
    now = [0.0]
    callers = Callers(open_store(settings), "churn", lambda: now[0])
    for _ in range(5):
        callers.record(token, "predict", 403, "bob may not")
        callers.record("nonsense", "predict", 401, "unknown")
    assert denied(settings) == [("bob", "predict"), ("unknown", "predict")]
    now[0] = module.QUIET_SECONDS + 1
    callers.record(token, "predict", 403, "bob may not")
    assert denied(settings)[2:] == [("bob", "predict")]


def test_a_server_that_never_read_who_may_ask_lets_nobody_in(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise StorageError("the database doesn't answer")

    with monkeypatch.context() as patch:
        patch.setattr("jupyter_mlops.store.access.policy", away)
        guard = guard_of(settings)
        assert asked(guard, SECRET) == 503
        assert asked(guard, "", "GET", "/v2/health/live") is None
    assert guard.callers is not None
    guard.callers.read()
    assert asked(guard, SECRET) is None


def test_a_database_that_is_gone_or_another_one_opens_no_door(settings: Settings) -> None:
    token = token_of(settings, "bob", "data-scientist")
    guard = guard_of(settings)
    (settings.state / "mlops.db").rename(settings.state / "aside.db")
    assert guard.callers is not None
    guard.callers.read()
    assert asked(guard, SECRET) == 401
    assert asked(guard, token) is None
