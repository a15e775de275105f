"""A project's store, opened where it is needed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from jupyter_mlops.store.audit import AuditLog
from jupyter_mlops.store.bundles import Bundles
from jupyter_mlops.store.keys import Keys
from jupyter_mlops.store.ledger import Ledger
from jupyter_mlops.store.objects import Objects

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.settings import Settings


class Store:
    """Hold a project's ledger, objects and bundles; opening it makes nothing, and nothing is made by reading."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def ledger(self) -> Ledger:
        """The records."""
        return Ledger(self.settings.database_url("store"))

    @cached_property
    def objects(self) -> Objects:
        """The contents, by SHA-256."""
        return Objects(self.settings.objects_folder(), self.settings.objects_url())

    @cached_property
    def bundles(self) -> Bundles:
        """The models, as the serving process loads them."""
        return Bundles(self.settings.state / "bundles", self.objects, self.keys)

    @cached_property
    def keys(self) -> Keys:
        """The key that this project signs with, and those it believes."""
        return Keys(self.settings.state / "keys", self.settings.root / self.settings.signing_key)

    @cached_property
    def audit(self) -> AuditLog:
        """Who did what: the log that every change of state is in."""
        return AuditLog(self.settings, self.keys)

    @property
    def datasets(self) -> Path:
        """The folder that dataset versions are checked out to."""
        return self.settings.state / "datasets"


def open_store(settings: Settings) -> Store:
    """Return the store of a project; cheap, and without a trace until something is written."""
    return Store(settings)
