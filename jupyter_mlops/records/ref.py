"""One name for everything on record: ``kind/name@version``."""

from __future__ import annotations

import msgspec


class Ref(msgspec.Struct, frozen=True, order=True):
    """Name a record: ``model/churn@7``, ``dataset/orders@4f2a…``, ``run/2026…``, ``prediction/…``.

    Kinds without versions (run, prediction, deployment) leave ``version`` empty.
    """

    kind: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}@{self.version}" if self.version else f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read ``kind/name[@version]``.

        Raises:
            ValueError: when there is no kind or no name in it.
        """
        kind, slash, rest = text.partition("/")
        name, _, version = rest.partition("@")
        if not (kind and slash and name):
            raise ValueError(f"{text!r} is not kind/name or kind/name@version")
        return cls(kind, name, version)
