"""What a sitting looks like on a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from journeyman.labelling.queue import Wanted
from journeyman.labelling.sitting import Choice, Sitting

BAR = 20
"""Characters of a bar at probability 1."""
AROUND = 9
"""Lines of the screen beside the text and the choices."""
LEAST = 3
"""Lines that text and choices have on a screen of any size."""
WIDEST = 100
"""Columns of a line of text at most: longer ones are hard to read."""


def drawn(sitting: Sitting, title: str, console: Console) -> RenderableType:
    """The screen of the console's size for the row that is shown."""
    item, (width, height) = sitting.item, console.size
    head = _head(sitting, title)
    if item is None:
        return Group(head, Rule(style="dim"), Text(f"\n  {sitting.note or 'One moment ...'}"))
    choices = sitting.choices if sitting.naming is None else []
    free = height - AROUND - 2 * (item.suspect is not None)
    choices = choices[: max(free - LEAST, LEAST)]
    room = max(free - len(choices), LEAST)
    parts: list[RenderableType] = [head, Rule(style="dim"), Text()]
    parts += [_text(item, console, min(width - 4, WIDEST), room), Text()]
    if item.suspect is not None:
        parts += [_suspicion(item), Text()]
    parts += [_asked(sitting), _choices(choices, sitting), Text()]
    parts += [Rule(style="dim"), _keys(sitting)]
    if sitting.note:
        parts.append(Text(f"  {sitting.note}", style="yellow"))
    return Group(*parts)


def _head(sitting: Sitting, title: str) -> Text:
    at, of = min(sitting.at + 1, len(sitting.items)), len(sitting.items)
    told = f"  {title}   row {at} of {of}   {sitting.given} labelled now"
    before = len(sitting.file) - sitting.given
    return Text(told + (f", {before} before" if before > 0 else ""), style="bold")


def _text(item: Wanted, console: Console, width: int, room: int) -> Text:
    """What the row reads, wrapped; cut off where the screen ends, which is said."""
    parts = item.text if isinstance(item.text, tuple) else (str(item.text),)
    wrapped = [
        line for part in parts for line in [*Text(_plain(part)).wrap(console, width), Text()]
    ]
    lines = [line.plain.rstrip() for line in wrapped[:-1]]
    if len(lines) > room:
        lines = [*lines[: room - 1], f"... ({len(lines) - room + 1} more lines)"]
    return Text("\n".join(f"  {line}" for line in lines), style="bold")


def _plain(text: str) -> str:
    """Without characters that would move the cursor or change colours."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)


def _suspicion(item: Wanted) -> Text:
    suspect = item.suspect
    if suspect is None:
        return Text()
    told = f"  The audit doubts the label {_plain(str(suspect.given))}"
    if suspect.likely is not None and suspect.likely != suspect.given:
        told += f"; likelier is {_plain(str(suspect.likely))}"
    reasons = f" ({', '.join(map(_plain, suspect.reasons))})" if suspect.reasons else ""
    return Text(told + reasons, style="magenta", no_wrap=True, overflow="ellipsis")


def _asked(sitting: Sitting) -> Text:
    if sitting.naming is not None:
        return Text(f"  new label: {sitting.naming}\u2588", style="cyan")
    if sitting.finding is not None:
        return Text(f"  find: {sitting.finding}\u2588", style="cyan")
    if len(sitting.choices) < len(sitting.labels):
        return Text(f"  the likeliest of {len(sitting.labels)} labels", style="dim")
    return Text("  the labels", style="dim")


def _choices(choices: list[Choice], sitting: Sitting) -> Table:
    table = Table.grid(padding=(0, 1))
    for _ in range(5):
        table.add_column(no_wrap=True, overflow="ellipsis")
    given = None if sitting.item is None else sitting.item.given
    for one in choices:
        best, style = one.label == sitting.guess, "bold" if one.label == sitting.guess else ""
        share = "" if one.chance is None else f"{100 * one.chance:3.0f} %"
        bar = "\u2501" * round(BAR * (one.chance or 0.0))
        mark = " given" if one.label == given else ""
        table.add_row(
            Text(f"  {one.key}", style="cyan"), Text(_plain(one.label), style=style),
            Text(share, style=style), Text(bar, style="green" if best else "dim"),
            Text(mark, style="magenta"),
        )  # fmt: skip
    return table


def _keys(sitting: Sitting) -> Text:
    if sitting.naming is not None:
        told = "enter take it   escape back"
    elif sitting.finding is not None:
        told = "type a part of the label   1-9 or enter choose   escape back"
    else:
        guess = "" if sitting.guess is None else "enter the first guess   "
        told = f"{guess}/ find a label   n new label   s skip   u undo   q quit"
    return Text(f"  {told}", style="dim")
