"""Who wrote which version of a variable, and who needs it: the notebook's order is the truth."""

from __future__ import annotations

from dataclasses import dataclass, field

from jupyter_mlops.notebook import known
from jupyter_mlops.notebook.resources import is_random, is_resource, spoken
from jupyter_mlops.records.pipeline import Diagnostic

GIVEN = ""  # the writer of what setup and params cells define: every stage has it


@dataclass(slots=True, eq=False)
class Version:
    """One value of a variable; not ``full`` where the stage changed, or perhaps set, the one ``before``."""

    name: str
    stage: str
    cell: int
    line: int
    full: bool
    before: Version | None = None
    kind: str = ""
    gone: bool = False
    readers: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Need:
    """A stage reads a version that another stage wrote, first at this place."""

    version: Version
    cell: int
    line: int


@dataclass(slots=True)
class Versions:
    """Hear of every read and write, in page order, and keep what crosses the stages' borders."""

    stage: str = GIVEN
    cell: int = 0
    is_open: bool = False
    order: dict[str, int] = field(default_factory=dict)
    current: dict[str, Version] = field(default_factory=dict)
    needs: dict[str, dict[str, Need]] = field(default_factory=dict)
    undefined: dict[tuple[str, int], int] = field(default_factory=dict)
    surely: set[tuple[str, str]] = field(default_factory=set)
    writes: dict[tuple[str, str], int] = field(default_factory=dict)
    turns: list[tuple[str, int, Version, int, int]] = field(default_factory=list)
    replaced: list[tuple[Version, str, int, int]] = field(default_factory=list)
    history: list[tuple[str, str, int, int]] = field(default_factory=list)
    seeded: set[str] = field(default_factory=set)
    unseeded: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[tuple[str, bool, int, int]]] = field(default_factory=dict)
    setup_reads: list[tuple[str, int, int, Version]] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)

    def enter(self, stage: str, cell: int) -> None:
        """Go on to the next cell."""
        self.stage, self.cell = stage, cell
        self.order[stage] = cell

    def used(self, name: str, line: int, *, soft: bool, sure: bool = False) -> None:
        """Take note of a read."""
        if is_resource(name) and self._apart(name, line, writes=False):
            return
        version = self.current.get(name)
        if version is None or (version.gone and not soft):
            if known.is_history(name) and not soft and self.stage != GIVEN:
                self.history.append((name, self.stage, self.cell, line))
            if sure and not (soft or self.is_open or known.is_provided(name)):
                self.undefined.setdefault((name, self.cell), line)
            return
        if sure:
            self.surely.add((self.stage, name))
        self._need(version, self.cell, line)

    def bound(self, name: str, line: int, *, sure: bool, kind: str) -> None:
        """Take note of a write."""
        if is_resource(name) and self._apart(name, line, writes=True):
            return
        version = self.current.get(name)
        if self.stage == GIVEN and version is not None and version.stage != GIVEN and kind != "module":
            self.findings.append(self._setup_again(version, version.stage, line, "set"))
        if sure:
            self.writes[self.stage, name] = self.cell
        if version is not None and version.stage == self.stage and not version.gone:
            self._written_again(version, line)
            version.full = version.full or sure
            version.kind = kind
            version.line = line or version.line
            version.cell = self.cell
            return
        if version is not None:
            self.replaced.append((version, self.stage, self.cell, line or 1))
        self.current[name] = Version(name, self.stage, self.cell, line or 1, sure, version, kind)

    def _apart(self, name: str, line: int, *, writes: bool) -> bool:
        """Take note of files, and of draws that no seed makes repeatable; False where versions tell their order."""
        if not is_random(name):
            if self.stage != GIVEN:
                self.files.setdefault(name, []).append((self.stage, writes, self.cell, line))
            return True
        if name in self.seeded:
            return False
        if self.stage != GIVEN and self.stage not in self.unseeded.setdefault(name, []):
            self.unseeded[name].append(self.stage)
        return True

    def changed(self, names: list[str], line: int) -> None:
        """Take note that an object was changed in place that these variables are or hold."""
        alive = {
            name: self.current[name] for name in names if name in self.current and not self.current[name].gone
        }
        self._keep_together(alive)
        for name, version in alive.items():
            if version.stage == self.stage:
                self._written_again(version, line)
            else:
                before = self.current[name]
                self.replaced.append((before, self.stage, self.cell, line))
                self.current[name] = Version(
                    name, self.stage, self.cell, line, full=False, before=before, kind=version.kind
                )

    def _keep_together(self, alive: dict[str, Version]) -> None:
        """Let variables that share the object come from one stage: from two, they would be two objects."""
        begun = {
            name: found
            for name, version in alive.items()
            if (found := self._from_outside(version)) is not None
        }
        latest = max(
            (found.stage for found in begun.values()), key=lambda s: self.order.get(s, -1), default=GIVEN
        )
        for name, found in begun.items():
            if latest in (found.stage, GIVEN):
                continue
            passed_on = found
            for stage in self._way(found.stage, latest, {other.stage for other in begun.values()}):
                self._take_from(stage, found, passed_on)
                passed_on = Version(
                    name, stage, found.cell, found.line, full=False, before=passed_on, kind=found.kind
                )
            if alive[name] is found:
                self.current[name] = passed_on
            else:
                inner = alive[name]
                while inner.before is not found and inner.before is not None:
                    inner = inner.before
                inner.before = passed_on
            self._take_from(self.stage, found, passed_on)

    def _take_from(self, stage: str, before: Version, after: Version) -> None:
        """Let a stage that begins with one version of a variable begin with another."""
        need = self.needs.get(stage, {}).get(before.name)
        if need is not None and need.version is before and before is not after:
            del self.needs[stage][before.name]
            before.readers.discard(stage)
            self._cross(stage, after, need.cell, need.line)

    def _way(self, start: str, end: str, writers: set[str]) -> list[str]:
        """Return ``end`` and the stages between that wrote a variable of the object, or that ``end`` builds on."""
        behind, waiting = {end, *writers}, [end]
        while waiting:
            for need in self.needs.get(waiting.pop(), {}).values():
                if need.version.stage not in behind:
                    behind.add(need.version.stage)
                    waiting.append(need.version.stage)
        after = self.order.get(start, -1)
        return sorted(
            (name for name in behind if name and self.order[name] > after), key=self.order.__getitem__
        )

    def _from_outside(self, version: Version) -> Version | None:
        """Return the version of a variable that this stage began with; None when it set the variable itself."""
        outside: Version | None = version
        while outside is not None and outside.stage == self.stage:
            if outside.full:
                return None
            outside = outside.before
        return None if outside is not None and outside.gone else outside

    def deleted(self, name: str, line: int) -> None:
        """Take note that a variable is gone."""
        self.current[name] = Version(name, self.stage, self.cell, line, full=True, gone=True)

    def opened(self, _line: int) -> None:
        """Take note that from here on any name may be defined."""
        self.is_open = True

    def _need(self, version: Version, cell: int, line: int) -> None:
        outside = self._from_outside(version)
        if outside is not None:
            own = self.writes.get((self.stage, outside.name))
            if own is not None and outside.stage not in (GIVEN, self.stage):
                self.turns.append((self.stage, own, outside, cell, line))
            self._cross(self.stage, outside, cell, line)

    def _cross(self, stage: str, version: Version, cell: int, line: int) -> None:
        """Pass a version to a stage, and to its writer what that one began with."""
        if version.stage == GIVEN or version.gone:
            version.readers.add(stage)
            return
        if stage == GIVEN:
            self.setup_reads.append((version.name, cell, line, version))
            return
        waiting: list[tuple[str, Version, int, int]] = [(stage, version, cell, line)]
        while waiting:
            step = self._cross_once(*waiting.pop())
            waiting += [step] if step else []

    def _cross_once(
        self, stage: str, version: Version, cell: int, line: int
    ) -> tuple[str, Version, int, int] | None:
        """Pass a version to a stage; return what its writer in turn began with."""
        if version.stage == GIVEN or version.gone:
            version.readers.add(stage)
            return None
        needs = self.needs.setdefault(stage, {})
        earlier = needs.get(version.name)
        if earlier is not None:
            if earlier.version is not version:
                self.findings.append(two_versions(stage, earlier, version, cell, line))
            return None
        version.readers.add(stage)
        needs[version.name] = Need(version, cell, line)
        before = version.before
        while not version.full and before is not None:
            if before.stage != version.stage:
                return version.stage, before, version.cell, version.line
            if before.full:
                return None
            before = before.before
        return None

    def _written_again(self, version: Version, line: int) -> None:
        readers = sorted(version.readers - {self.stage})
        if version.stage == GIVEN:
            if readers and version.kind != "module":
                self.findings.append(self._setup_again(version, readers[0], line, "read"))
            return
        if readers:
            self.findings.append(
                Diagnostic(
                    rule="MLO122",
                    message=(
                        f"stage {self.stage} writes {spoken(version.name)} again after stage {readers[0]} has read it, "
                        f"so the two can't run one after the other"
                    ),
                    mend=f"split stage {self.stage} in two at this cell, or use another name here",
                    cell=self.cell,
                    line=line or 1,
                    merge=(readers[0], self.stage),
                )
            )
            version.readers.clear()

    def _setup_again(self, version: Version, stage: str, line: int, what: str) -> Diagnostic:
        return Diagnostic(
            rule="MLO123",
            message=(
                f"this setup cell sets {spoken(version.name)} again after stage {stage} has {what} it, "
                f"and setup runs before every stage"
            ),
            mend="tag the cell as a stage, or use another name here",
            cell=self.cell,
            line=line or 1,
        )


def two_versions(stage: str, earlier: Need, later: Version, cell: int, line: int) -> Diagnostic:
    """Report that a stage would need two values of one variable from outside."""
    return Diagnostic(
        rule="MLO122",
        message=(
            f"stage {stage} reads {spoken(later.name)} of stage {earlier.version.stage} in cell {earlier.cell} "
            f"and of stage {later.stage} here, and can begin with only one of them"
        ),
        mend=f"split stage {stage} in two at this cell, or use another name in stage {later.stage}",
        cell=cell,
        line=line,
        merge=(later.stage, stage),
    )
