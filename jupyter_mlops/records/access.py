"""Who may do what: roles, what each may do, and what was granted, as records."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.decision import Decision
from jupyter_mlops.records.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ADMIN = "admin"
ALLOWED, DENIED = "allowed", "denied"
# Every action, with the roles that may take it; `admin` may all.
ACTIONS: dict[str, tuple[str, ...]] = {
    "read": ("viewer", "data-scientist", "ml-engineer", "approver"),
    "predict": ("data-scientist", "ml-engineer", "approver"),
    "data.add": ("data-scientist", "ml-engineer"),
    "data.expect": ("data-scientist", "ml-engineer"),
    "data.check": ("data-scientist", "ml-engineer", "approver"),
    "data.gc": ("ml-engineer",),
    "run": ("data-scientist", "ml-engineer"),
    "model.log": ("data-scientist", "ml-engineer"),
    "model.evaluate": ("data-scientist", "ml-engineer", "approver"),
    "model.explain": ("data-scientist", "ml-engineer", "approver"),
    "model.promote": ("ml-engineer",),
    "model.rollback": ("ml-engineer", "approver"),
    "drift": ("data-scientist", "ml-engineer", "approver"),
    "model.approve": ("approver",),
    "model.override": ("approver",),
    "model.gc": ("ml-engineer",),
    "serve": ("ml-engineer",),
    "migrate": (),
    "access.change": (),
    "audit.read": ("approver",),
    "audit.accept": (),
}
# What concerns no one model or data set by itself: a role on any of them will do.
ON_ANYTHING = frozenset({"drift", "read", "run"})
ROLES = ("viewer", "data-scientist", "ml-engineer", "approver", ADMIN)
EVERYTHING = "*"


class Grant(Record, frozen=True, kw_only=True):
    """Give a user a role, on the models and data sets whose names fit ``names``, or take it back."""

    grant_id: str
    user: str
    role: str
    names: str = EVERYTHING
    revoked: bool = False
    reason: str = ""

    @property
    def ref(self) -> Ref:
        """``grant/<id>``."""
        return Ref("grant", self.grant_id)

    @property
    def lookup(self) -> str:
        """The user."""
        return self.user[:255]


class Token(Record, frozen=True, kw_only=True):
    """Let whoever has the secret behind ``digest`` act as a user, or no longer (``revoked``)."""

    token_id: str
    user: str
    digest_of_secret: str
    purpose: str = ""
    expires_at: str = ""
    revoked: bool = False

    @property
    def ref(self) -> Ref:
        """``token/<id>@issued``, ``token/<id>@revoked``."""
        return Ref("token", self.token_id, "revoked" if self.revoked else "issued")

    @property
    def lookup(self) -> str:
        """The user."""
        return self.user[:255]


class Rule(Record, frozen=True, kw_only=True):
    """Ask more of a model than the table does; ``names`` says of which, the newest rule of each ``names`` counts.

    ``approvals`` by others than a version's author before it becomes champion; ``gate``: it must have passed one;
    ``override``: whether a reason may stand in for either. ``roles``: who may take ``action`` at all, of those who
    could.
    """

    rule_id: str
    names: str = EVERYTHING
    action: str = "model.promote"
    approvals: int = 0
    gate: bool = False
    override: bool = True
    roles: tuple[str, ...] | None = None
    reason: str = ""

    @property
    def ref(self) -> Ref:
        """``rule/<id>``."""
        return Ref("rule", self.rule_id)


class Approval(Record, frozen=True, kw_only=True):
    """Say yes or no to a model version; the newest word of each user counts, for exactly this ``bundle``."""

    name: str
    version: int
    bundle: str
    verdict: Literal["approved", "rejected"]
    reason: str = ""

    @property
    def ref(self) -> Ref:
        """``approval/<name>.<version>@<time>``."""
        return Ref("approval", f"{self.name}.{self.version}", self.created_at)

    @property
    def lookup(self) -> str:
        """The model version."""
        return f"{self.name}/{self.version}"


class Policy(Value, frozen=True, kw_only=True):
    """Hold what is in force: the grants that weren't taken back, the newest rule for each pattern and action."""

    grants: tuple[Grant, ...] = ()
    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, grants: Iterable[Grant], rules: Iterable[Rule]) -> Policy:
        """Return what follows from the records, newest first."""
        newest = {(grant.user, grant.role, grant.names): grant for grant in reversed(list(grants))}
        in_force = {(rule.names, rule.action): rule for rule in reversed(list(rules))}
        return cls(grants=tuple(newest.values()), rules=tuple(in_force.values()))

    @property
    def open(self) -> bool:
        """Whether nothing was ever granted: a project of one person, who may do everything."""
        return not self.grants

    def roles(self, user: str, name: str = "", *, anywhere: bool = False) -> tuple[str, ...]:
        """Return a user's roles on what is called so, or on the project as a whole; ``anywhere``: on anything."""
        held = {
            grant.role
            for grant in self.grants
            if grant.user == user
            and not grant.revoked
            and (anywhere or grant.names == EVERYTHING or (name and fnmatchcase(name, grant.names)))
        }
        return tuple(role for role in ROLES if role in held)

    def may(self, user: str, action: str, subject: str = "") -> Decision:
        """Say whether a user may take an action on ``kind/name@version``, or the project as a whole ("").

        What isn't granted is denied, once anything is granted to anybody.
        """
        if self.open:
            return Decision(verdict=ALLOWED, reasons=("nothing was ever granted: one person's project",))
        name = name_in(subject)
        roles = self.roles(user, name, anywhere=not name and action in ON_ANYTHING)
        able = {*ACTIONS.get(action, ()), ADMIN}
        for rule in self.rules_for(name, action):
            if rule.roles is not None:
                able &= {*rule.roles}
        held = [role for role in roles if role in able]
        if held:
            return Decision(verdict=ALLOWED, reasons=(f"{user} is {held[0]}",))
        needed = " or ".join(role for role in ROLES if role in able) or "a rule that lets anybody"
        is_ = ", ".join(roles) or "nobody here"
        where = f" of {name}" if name else ""
        return Decision(
            verdict=DENIED,
            reasons=(f"{user or 'nobody'} may not {action}{where}: it takes {needed}, and {user} is {is_}",),
        )

    def rules_for(self, name: str, action: str = "model.promote") -> list[Rule]:
        """Return the rules that reach what is called so; all of them count.

        What is done to the whole project reaches everything in it: so does a rule on any part, but for reading and running.
        """
        whole = not name and action not in ON_ANYTHING
        return [
            rule for rule in self.rules if rule.action == action and (whole or fnmatchcase(name, rule.names))
        ]


def name_in(subject: str) -> str:
    """Return the model's or data set's name in ``kind/name[@version]``; empty for what has none (a run, the project)."""
    kind, _, rest = subject.partition("/")
    return rest.partition("@")[0] if kind in ("dataset", "model") else ""


def token_in_force(records: Sequence[Token], user: str, digest: str, now: str) -> bool:
    """Say whether one of a user's tokens has that digest, hasn't expired and wasn't revoked."""
    revoked = {token.token_id for token in records if token.revoked}
    return any(
        token.user == user
        and token.digest_of_secret == digest
        and token.token_id not in revoked
        and (not token.expires_at or now < token.expires_at)
        for token in records
    )
