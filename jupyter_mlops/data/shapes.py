"""The one form that all words of a column have, as a regular expression (two capitals, a dash, four digits)."""

from __future__ import annotations

from itertools import groupby
from string import hexdigits
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DIGIT, _UPPER, _LOWER = "9", "A", "a"
_CLASSES = {_DIGIT: r"\d", _UPPER: "[A-Z]", _LOWER: "[a-z]"}
_shape_of = str.maketrans(
    {chr(code): _DIGIT for code in range(ord("0"), ord("9") + 1)}
    | {chr(code): _UPPER for code in range(ord("A"), ord("Z") + 1)}
    | {chr(code): _LOWER for code in range(ord("a"), ord("z") + 1)}
)
_SPECIAL = ".^$*+?{}[]\\|()"
# A column whose words have more forms is free text.
_MOST = 200
# A code of mixed letters and digits has a length worth a rule from here on.
_SHORTEST_CODE = 6


class Shapes:
    """Collect the forms of words."""

    def __init__(self) -> None:
        self._shapes: set[str] | None = set()
        self._codes = True
        self._lengths: set[int] = set()
        self._alphabet: set[str] = set()

    def add(self, words: Iterable[str]) -> None:
        """Look at some words more."""
        for word in words:
            if self._shapes is None and not self._codes:
                return
            if self._shapes is not None:
                self._shapes.add(word.translate(_shape_of))
                if len(self._shapes) > _MOST or not word.isascii() or not word.isprintable():
                    self._shapes = None
            if self._codes:
                self._lengths.add(len(word))
                self._alphabet.update(word)
                self._codes = word.isalnum() and word.isascii() and len(self._lengths) == 1

    def pattern(self) -> str:
        """Return the regular expression that all of them match; empty where it would say little."""
        shapes = sorted(self._shapes or ())
        runs = [tuple((sign, len(list(run))) for sign, run in groupby(shape)) for shape in shapes]
        if len({tuple(sign for sign, _ in each) for each in runs}) != 1:
            return self._code()
        # Names begin with a capital, and one day one has an apostrophe: only numbers make a code.
        if not any(sign == _DIGIT for sign, _ in runs[0]):
            return ""
        return "".join(
            _part(sign, {each[place][1] for each in runs}) for place, (sign, _) in enumerate(runs[0])
        )

    def _code(self) -> str:
        """Return the pattern of codes of one length in which letters and digits stand anywhere."""
        if not self._codes or not any(map(str.isdigit, self._alphabet)):
            return ""
        (length,) = self._lengths
        if length < _SHORTEST_CODE:
            return ""
        one = "[0-9a-fA-F]" if self._alphabet <= set(hexdigits) else "[0-9A-Za-z]"
        return f"{one}{{{length}}}"


def _part(sign: str, lengths: set[int]) -> str:
    one = _CLASSES.get(sign) or (f"\\{sign}" if sign in _SPECIAL else sign)
    if len(lengths) > 1:
        return f"{one}+"
    (length,) = lengths
    return one if length == 1 else f"{one}{{{length}}}"
