"""What the user is told when something they gave cannot be used.

Every mistake of a user's is raised as a `JourneymanError`. It names the place, what was
expected there, what was found and how to mend it; the command line prints exactly that, without
a traceback, and exits with code 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class JourneymanError(Exception):
    """One mistake, told completely.

    `problem` is a full sentence. `place` is a file and row, a recipe field or an argument;
    `expected`, `found` and `remedy` complete it. Parts left empty are not printed.
    """

    code: ClassVar[str] = "invalid"

    def __init__(
        self,
        problem: str,
        *,
        place: str = "",
        expected: str = "",
        found: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place
        self.expected = expected
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        parts = (
            ("where", self.place),
            ("expected", self.expected),
            ("found", self.found),
            ("remedy", self.remedy),
        )
        return "\n".join([self.problem, *(f"  {name}: {text}" for name, text in parts if text)])

    def to_json(self) -> dict[str, str]:
        """The error as a failed row carries it: code, place, expected, found, remedy."""
        return {
            "code": self.code,
            "place": self.place,
            "expected": self.expected,
            "found": self.found or self.problem,
            "remedy": self.remedy,
        }


class RecipeError(JourneymanError):
    """A recipe that cannot be run; `mistakes` holds every one that was found, not the first."""

    code = "recipe"

    def __init__(self, problem: str, mistakes: Sequence[JourneymanError] = ()) -> None:
        super().__init__(problem)
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        return "\n".join([self.problem, *(str(mistake) for mistake in self.mistakes)])


class DataError(JourneymanError):
    """A data file, column or row that cannot be used."""

    code = "data"


class FetchError(JourneymanError):
    """A backbone or dataset that could not be fetched from any of its sources."""

    code = "fetch"


class ModelError(JourneymanError):
    """A model folder that is missing, incomplete, foreign, newer or tampered with."""

    code = "model"


class ResourceError(JourneymanError):
    """The machine refuses: no space, no permission, no network, no memory."""

    code = "resource"


class MissingExtraError(JourneymanError):
    """An optional library is needed and not installed."""

    code = "missing_extra"

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the library {library!r}, which is not installed.",
            expected=f"{library} to be importable",
            found="no such module",
            remedy=f"pip install 'journeyman[{extra}]'",
        )
