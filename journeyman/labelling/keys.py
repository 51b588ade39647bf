"""Keys as they are pressed, one at a time and without Enter, where the system lets a program."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections import deque
from types import TracebackType
from typing import Any

_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)?")
_NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x1b": "escape",
    "": "\x04",
}


class Keys:
    """The keys of standard input, which stays so for as long as this is entered.

    What is typed ahead is kept. Standard input that ends counts as the key that ends it.
    """

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._before: Any = None

    def __enter__(self) -> Keys:
        if sys.platform != "win32":
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin, termios.TCSADRAIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if sys.platform != "win32" and self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def __call__(self) -> str:
        """The next key: a character, or enter, backspace, escape; keys of more are passed over."""
        while not self._waiting:
            read = self._read()
            self._waiting.extend(named(read) if read else [_NAMES[""]])
        return self._waiting.popleft()

    def _read(self) -> str:
        if sys.platform == "win32":
            import typer

            return str(typer.getchar())
        found = ""
        while not found:
            content = os.read(sys.stdin.fileno(), 1024)
            if not content:
                return ""
            found = self._decoder.decode(content)
        return found


def named(text: str) -> list[str]:
    """The keys in what a terminal sent: characters and the names of some; arrows are none."""
    keys: list[str] = []
    at = 0
    while at < len(text):
        sequence = _SEQUENCE.match(text, at)
        piece = sequence.group() if sequence else text[at]
        if len(piece) == 1:
            keys.append(_NAMES.get(piece, piece))
        at += len(piece)
    return keys
