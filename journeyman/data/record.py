"""What a reader yields: rows, rows that cannot be used, and things worth telling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from journeyman.data.pictures import PictureFacts


@dataclass(slots=True)
class Record:
    """One usable row; `row` is where it starts in the file, the first line being 1.

    `picture` is there once the row's picture has been read; `stated` is the width and height that
    its annotation says it has, in pixels.
    """

    row: int
    values: dict[str, Any]
    picture: PictureFacts | None = None
    stated: tuple[int, int] | None = None


@dataclass(slots=True)
class Refused:
    """One row that cannot be used, with what is left of its original values.

    `name` groups equal reasons (ragged_row, bad_json); `reason` is a sentence for the user.
    """

    row: int
    name: str
    reason: str
    values: Any = None


@dataclass(slots=True)
class Noticed:
    """Something that did not cost a row: a repair, a guess. Row 0 is the file as a whole.

    `grave` is what a user should look at, though the rows are used; where it is `counted`, how many
    rows it is of is told at the end of `detail`.
    """

    row: int
    name: str
    detail: str
    action: str = "used as it is"
    grave: bool = False
    counted: bool = False


Event = Record | Refused | Noticed
