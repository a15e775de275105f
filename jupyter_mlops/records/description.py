"""What people said a model is for, outside of a run."""

from __future__ import annotations

from jupyter_mlops.records.base import Record
from jupyter_mlops.records.ref import Ref


class Description(Record, frozen=True, kw_only=True):
    """Record the text of a card cell that somebody ran by hand; versions registered by hand are described by it."""

    name: str
    text: str

    @property
    def ref(self) -> Ref:
        """``description/<model>@<time>``."""
        return Ref("description", self.name, self.created_at)
