"""Every role by every action over REST: what isn't granted is refused, logged, and changes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_server.auth.identity import IdentityProvider, User
from tornado.httpclient import HTTPClientError

from jupyter_mlops import settings as project
from jupyter_mlops.records.access import ACTIONS, ADMIN, ROLES, Grant, Rule
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import models
from tests import notebooks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Fetch = Callable[..., Awaitable[Any]]

pytest_plugins = ["pytest_jupyter.jupyter_server"]

# Action, method, address, body; each would succeed for an admin.
REQUESTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("read", "GET", "project", {}),
    ("read", "GET", "runs", {}),
    ("read", "GET", "version", {"model": "churn/3"}),
    ("run", "POST", "runs", {"params": {"not a name": 1}}),
    ("model.approve", "POST", "approvals", {"model": "churn/2", "verdict": "approved", "reason": "read it"}),
    ("model.promote", "POST", "promotions", {"model": "churn/2"}),
    ("model.override", "POST", "promotions", {"model": "churn/3", "override": "the old one is down"}),
    ("model.rollback", "POST", "rollbacks", {"name": "churn", "reason": "worse"}),
)


class Named(IdentityProvider):
    """Believe what the request says of its user, as a proxy with a log-in of its own would have it."""

    def get_user(self, handler: Any) -> User:
        return User(username=handler.request.headers.get("X-User", "nobody"))


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_mlops.interfaces.server": True},
            "identity_provider_class": Named,
            "disable_check_xsrf": True,
        }
    }


@pytest.fixture
def store(jp_root_dir: Path) -> Store:
    """Three versions, the first of them champion, the third with a failed gate; a user of each role, named like it."""
    (jp_root_dir / "mlops.toml").write_text('mlflow_sync = "off"\n')
    notebooks.write(jp_root_dir / "n.ipynb", "x = 1")
    settings = project.load(jp_root_dir)
    store = open_store(settings)
    for number in (1, 2, 3):
        judged = Evaluation(
            model="churn",
            version=number,
            passed=number < 3,
            conditions=(ConditionResult(text="auc >= 0.8", status="passed" if number < 3 else "failed"),),
            parents=(f"model/churn@{number}",),
            created_at=f"2026-01-0{number}",
        )
        store.ledger.append(
            ModelVersion(
                name="churn",
                version=number,
                bundle=f"b{number}",
                signature=Signature(layout="array", inputs=(), outputs=()),
                author="ann",
            ),
            judged,
        )
    models.promote(settings, "churn/1")
    models.promote(settings, "churn/2")
    models.promote(settings, "churn/1")
    for role in ROLES:
        store.ledger.append(Grant(grant_id=role, user=role, role=role, created_at="2026"))
    return store


def state(store: Store) -> dict[str, int]:
    return {kind: len(store.ledger.find(kind)) for kind in ("model", "promotion", "approval", "grant", "run")}


async def ask(jp_fetch: Fetch, user: str, method: str, where: str, body: dict[str, Any]) -> tuple[int, Any]:
    sent: dict[str, Any] = (
        {"params": {"path": "n.ipynb", **body}}
        if method == "GET"
        else {"body": json.dumps({"path": "n.ipynb", **body})}
    )
    try:
        response = await jp_fetch("jupyter-mlops", where, method=method, headers={"X-User": user}, **sent)
    except HTTPClientError as error:
        response = error.response
    return response.code, json.loads(response.body)


@pytest.mark.parametrize("user", [*ROLES, "nobody"])
async def test_what_a_role_may_do_over_rest(jp_fetch: Fetch, store: Store, user: str) -> None:
    for action, method, where, body in REQUESTS:
        before = state(store)
        status, answer = await ask(jp_fetch, user, method, where, body)
        if user == ADMIN or user in ACTIONS[action]:
            # The run's parameter isn't one, so that none is started.
            assert status == (
                400 if where == "runs" and method == "POST" else 200 if method == "GET" else 201
            ), (
                action,
                answer,
            )
            continue
        assert (status, answer["code"]) == (403, "MLO520"), action
        assert state(store) == before, action
        (logged,) = store.audit.events("ORDER BY seq DESC LIMIT 1")
        assert (logged.phase, logged.actor, logged.action) == ("denied", user, action)


@pytest.mark.parametrize("user, status", [("viewer", 403), ("data-scientist", 404)])
async def test_who_may_not_compare_data_compares_no_traffic(
    jp_fetch: Fetch, store: Store, user: str, status: int
) -> None:
    code, answer = await ask(jp_fetch, user, "POST", "drift-reports", {"model": "churn"})
    assert code == status, answer


async def test_a_promotion_waits_for_another_persons_approval(jp_fetch: Fetch, store: Store) -> None:
    store.ledger.append(
        Rule(rule_id="r", names="churn", approvals=1, override=False, created_at="2026"),
        Grant(grant_id="bob", user="bob", role="approver", created_at="2026"),
        Grant(grant_id="ann", user="ann", role=ADMIN, created_at="2026"),
    )
    promotion = ("POST", "promotions", {"model": "churn/2"})
    status, answer = await ask(jp_fetch, "ann", *promotion)
    assert (status, answer["code"]) == (409, "MLO510")
    assert "approval" in answer["message"]
    own = {"model": "churn/2", "verdict": "approved"}
    assert (await ask(jp_fetch, "ann", "POST", "approvals", own))[0] == 403
    no = {"model": "churn/2", "verdict": "rejected", "reason": "no card"}
    assert (await ask(jp_fetch, "bob", "POST", "approvals", no))[0] == 201
    assert (await ask(jp_fetch, "ann", *promotion))[0] == 409
    assert (await ask(jp_fetch, "bob", "POST", "approvals", own))[0] == 201
    _, shown = await ask(jp_fetch, "ann", "GET", "project", {})
    (second,) = [model for model in shown["models"] if model["version"] == 2]
    assert second["approvals_needed"] == 1
    assert [(one["author"], one["verdict"]) for one in second["approvals"]] == [("bob", "approved")]
    assert second["actions"] == ["promote"]
    for user, actions in {
        "approver": ["promote", "approve", "reject"],
        "bob": ["promote"],
        "viewer": [],
    }.items():
        _, shown = await ask(jp_fetch, user, "GET", "project", {})
        assert [model["actions"] for model in shown["models"] if model["version"] == 2] == [actions], user
        assert bool(shown["audit"]) == (user != "viewer")
    store.ledger.append(Grant(grant_id="gone", user="bob", role="approver", revoked=True, created_at="2027"))
    _, shown = await ask(jp_fetch, "ann", "GET", "project", {})
    assert [model["approvals"] for model in shown["models"] if model["version"] == 2] == [[]]
    assert (await ask(jp_fetch, "ann", *promotion))[0] == 409
    store.ledger.append(Grant(grant_id="back", user="bob", role="approver", created_at="2028"))
    assert (await ask(jp_fetch, "ann", *promotion))[0] == 201


@pytest.mark.parametrize("body", [{"verdict": "maybe"}, {"verdict": ""}, {"verdict": "rejected"}])
async def test_a_judgement_is_yes_or_a_no_with_a_reason(
    jp_fetch: Fetch, store: Store, body: dict[str, str]
) -> None:
    status, answer = await ask(jp_fetch, "approver", "POST", "approvals", {"model": "churn/2", **body})
    assert (status, answer["code"]) == (400, "MLO001")
    assert not store.ledger.find("approval")
