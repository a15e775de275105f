"""Ways around roles, rules and approvals that somebody might try; each is refused, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from jupyter_mlops.data import versions
from jupyter_mlops.errors import BlockedError, DeniedError, NotFoundError
from jupyter_mlops.interfaces import cli
from jupyter_mlops.records.access import ACTIONS, ADMIN, Rule
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.settings import Settings
from jupyter_mlops.store import stamp
from jupyter_mlops.store.audit_check import check
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.store.turns import turn
from jupyter_mlops.workflows import (
    access,
    approvals,
    data,
    data_diff,
    data_gc,
    history,
    model_gc,
    models,
    record,
    reproduce,
    watch,
)
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


@pytest.fixture
def settings(workspace: Path) -> Settings:
    """Two models of three versions and two data sets, by ann; kim and bob approve, eve may do a lot on `churn*`."""
    (workspace / "mlops.toml").write_text('mlflow_sync = "off"\n')
    found = Settings(root=workspace, mlflow_sync="off")
    store = open_store(found)
    for name in ("churn", "fraud"):
        (workspace / f"{name}.csv").write_text(f"a,b\n1,2\n3,{len(name)}\n")
        with acting(found, "model.log", f"model/{name}"), stamp.speaking_for("ann"):
            store.ledger.append(*(_version(name, number) for number in (1, 2, 3)))
            versions.add(store, name, workspace / f"{name}.csv")
    for user, role, names in (
        ("kim", "approver", "*"),
        ("bob", "approver", "*"),
        ("max", "ml-engineer", "*"),
        ("eve", "ml-engineer", "churn*"),
        ("eva", "ml-engineer", "[!f]*"),
        ("vic", "viewer", "*"),
    ):
        access.grant(found, user, role, names)
    return found


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings)


def _version(name: str, number: int) -> ModelVersion:
    signature = Signature(layout="array", inputs=(), outputs=())
    return ModelVersion(
        name=name, version=number, bundle=f"{name}{number}", signature=signature, author="ann"
    )


def run(*arguments: str) -> object:
    return cli.group.main(args=list(arguments), prog_name="jupyter mlops", standalone_mode=False)


def rule(settings: Settings, names: str, **more: object) -> None:
    access.rule(settings, Rule(rule_id="", names=names, **more))  # type: ignore[arg-type]  # fields of a rule


def approve(settings: Settings, user: str, model: str) -> None:
    with stamp.speaking_for(user):
        approvals.approve(settings, model, "read it")


def promote(settings: Settings, model: str, user: str = "max", override: str | None = None) -> None:
    with stamp.speaking_for(user):
        models.promote(settings, model, override_reason=override)


def test_an_approval_ends_with_the_role_of_who_gave_it(settings: Settings, store: Store) -> None:
    rule(settings, "*", approvals=1)
    approve(settings, "kim", "churn/1")
    access.revoke(settings, "kim", "approver", reason="let go")
    with pytest.raises(BlockedError, match="it needs 1 approval"):
        promote(settings, "churn/1")
    assert store.ledger.find("promotion") == []
    approve(settings, "bob", "churn/1")
    promote(settings, "churn/1")


def test_a_rejection_outlives_the_role_of_who_gave_it(settings: Settings) -> None:
    with stamp.speaking_for("kim"):
        approvals.reject(settings, "churn/1", "leaks the target")
    access.revoke(settings, "kim", "approver")
    with pytest.raises(BlockedError, match="kim rejected it: leaks the target"):
        promote(settings, "churn/1")


def test_what_was_rejected_since_isnt_rolled_back_to(settings: Settings, store: Store) -> None:
    for number in (1, 2):
        promote(settings, f"churn/{number}")
    with stamp.speaking_for("kim"):
        approvals.reject(settings, "churn/1", "leaks the target")
    with (
        pytest.raises(BlockedError, match="can't become champion again: kim rejected it"),
        stamp.speaking_for("max"),
    ):
        models.rollback(settings, "churn")
    assert len(store.ledger.find("promotion")) == 2
    approve(settings, "kim", "churn/1")
    with stamp.speaking_for("max"):
        assert models.rollback(settings, "churn").version == 1


def test_promoting_the_champion_takes_a_role_too(settings: Settings, store: Store) -> None:
    promote(settings, "churn/1")
    with pytest.raises(DeniedError, match=r"vic may not model\.promote"):
        promote(settings, "churn/1", "vic")
    *_, last = store.audit.events("ORDER BY seq")
    assert (last.actor, last.phase) == ("vic", "denied")


def test_a_rule_that_comes_while_an_override_is_under_way_counts(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule(settings, "churn", approvals=1)

    def late(where: Settings, name: str) -> AbstractContextManager[None]:
        with stamp.speaking_for(stamp.owner()):
            rule(settings, "churn", approvals=1, override=False)
        return turn(where, name)

    monkeypatch.setattr("jupyter_mlops.workflows.models.turn", late)
    with pytest.raises(BlockedError, match="no reason stand in"):
        promote(settings, "churn/1", "kim", "now")
    assert store.ledger.find("promotion") == []


def test_a_rule_on_a_model_reaches_what_is_done_to_all_of_them(settings: Settings, store: Store) -> None:
    rule(settings, "churn*", action="model.gc", roles=("admin",))
    for user, name in (("max", None), ("max", "churn"), ("eva", None)):
        with pytest.raises(DeniedError, match=r"may not model\.gc"), stamp.speaking_for(user):
            model_gc.collect(settings, name, keep=1)
    assert store.ledger.find("retirement") == []
    with stamp.speaking_for("max"):
        model_gc.collect(settings, "fraud", keep=5)


def test_tidying_up_takes_a_role_too(settings: Settings) -> None:
    with pytest.raises(DeniedError, match=r"vic may not data\.gc"), stamp.speaking_for("vic"):
        data_gc.collect(settings, grace=0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda settings: models.show(settings, "fraud/1"),
        lambda _: run("models", "compare", "churn/1", "fraud/1"),
        lambda settings: reproduce.reproduce(settings, "fraud/1"),
        lambda settings: history.lineage(settings, "fraud/1"),
        lambda settings: history.lineage(settings, "fraud@" + _content(settings)),
        lambda settings: data.show(settings, "fraud"),
        lambda settings: data.checkout(settings, "fraud"),
        lambda settings: data.verify(settings, ["fraud"]),
        lambda settings: data_diff.diff(settings, "churn", "fraud"),
        lambda settings: watch.drift(settings, "churn", "fraud"),
        lambda _: record.dataset("fraud"),
    ],
)
def test_a_pattern_keeps_from_reading_the_rest(settings: Settings, ask: Callable[[Settings], object]) -> None:
    with pytest.raises(DeniedError, match="eve may not read of fraud"), stamp.speaking_for("eve"):
        ask(settings)


def _content(settings: Settings) -> str:
    return versions.resolve(open_store(settings), "fraud").version


def test_lists_leave_out_what_may_not_be_read(settings: Settings) -> None:
    rule(settings, "churn", action="read", roles=("approver",))
    shown = {}
    for user in ("eve", "max", "kim"):
        with stamp.speaking_for(user):
            shown[user] = {view.model.name for view in models.list_models(settings)}
            assert {version.name for version in data.list_datasets(settings)} == shown[user]
    assert shown == {"eve": set(), "max": {"fraud"}, "kim": {"churn", "fraud"}}
    with pytest.raises(NotFoundError, match="no model"), stamp.speaking_for("max"):
        models.list_models(settings, "churn")


@pytest.mark.parametrize("user", ["vic", "nobody"])
def test_a_drift_report_takes_a_role(settings: Settings, store: Store, user: str) -> None:
    with pytest.raises(DeniedError, match=f"{user} may not drift"), stamp.speaking_for(user):
        watch.drift(settings, "churn.csv", "fraud.csv")
    assert store.ledger.find("drift") == []


def test_a_drift_report_is_on_record_as_an_act(settings: Settings, store: Store) -> None:
    with stamp.speaking_for("max"):
        report = watch.drift(settings, "churn", "churn.csv")
    *_, intent, done = store.audit.events("ORDER BY seq")
    assert (intent.actor, intent.action, done.phase) == ("max", "drift", "done")
    assert intent.subject.startswith("dataset/churn@")
    assert done.details["records"] == {str(report.ref): report.digest()}
    assert report.author == "max"
    assert check(store.audit).intact
    store.ledger.append(replace(report, report_id="forged"))
    assert [finding.ref for finding in check(store.audit).findings] == ["drift/forged"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "card", "churn/1", "-o", "--help"),
        ("drift", "churn.csv", "fraud.csv", "--columns", "-h"),
        ("lineage", "--", "churn/1", "--help"),
    ],
)
def test_a_value_that_is_called_help_opens_no_door(settings: Settings, arguments: tuple[str, ...]) -> None:
    with pytest.raises(DeniedError, match="may not read"), stamp.speaking_for("nobody"):
        run(*arguments)


def test_help_takes_no_role(settings: Settings) -> None:
    with stamp.speaking_for("nobody"):
        for arguments in (("models", "--help"), ("models", "card", "churn/1", "-h")):
            run(*arguments)


def test_a_run_of_the_servers_own_user_isnt_lent_the_servers_token(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = access.issue(settings, "kim")
    with stamp.speaking_for(stamp.owner()):
        assert access.lend(settings) == ""
        monkeypatch.setenv(stamp.TOKEN_VARIABLE, token)
        assert stamp.user_in(access.lend(settings)) == stamp.owner()


@pytest.mark.parametrize("token", ["\udcff.x", "%00.x", "\n.x", ".", " ", "owner", "%ED%B3%BF.x"])
def test_a_strange_token_is_nobodys_and_that_is_on_record(
    settings: Settings, store: Store, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlops.store.access.os.environ", {stamp.TOKEN_VARIABLE: token})
    with pytest.raises(DeniedError, match="unknown, expired or revoked"):
        access.show(settings)
    *_, last = store.audit.events("ORDER BY seq")
    assert (last.actor, last.phase) == (stamp.owner(), "denied")


def test_nobody_but_admins_may_what_the_table_leaves_out() -> None:
    assert {action for action, roles in ACTIONS.items() if not roles} == {
        "access.change",
        "audit.accept",
        "migrate",
    }
    assert all(ADMIN not in roles for roles in ACTIONS.values())


@pytest.mark.parametrize("command", ["models show", "models promote", "data show", "lineage", "serve"])
def test_a_name_that_is_no_text_is_refused_in_one_line(
    settings: Settings, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "\udcff"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
