"""Which encoding a file of text is in."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from journeyman.data.readers.textfile import HEAD_BYTES, check_text, head, opened
from journeyman.errors import DataError

_CHUNK = 1 << 20
_SAMPLE_BYTES = 1 << 18

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_CANDIDATES = [
    "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "cp1252", "cp1250", "cp1251", "cp1253",
    "cp1254", "cp1255", "cp1256", "koi8_r",
]  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """An encoding by its Python name, and why it was chosen."""

    name: str
    reason: str
    guessed: bool = False


def encoding_of(path: Path, given: str | None) -> Encoding:
    """The given encoding, checked to exist, or the detected one.

    Raises DataError for an unknown name, an empty or binary file, or text in no known encoding.
    """
    start = head(path)
    if given is None:
        check_text(path, start)
        return _detect(path, start)
    try:
        name = codecs.lookup(given).name
        "".encode(name)
    except LookupError as error:
        raise DataError(
            f"There is no encoding {given!r}.",
            place="recipe field data.encoding",
            expected="a name such as utf-8, gb18030, cp1252 or utf-16",
            found=given,
            remedy="Leave the field out; the encoding is detected.",
        ) from error
    if not start:
        check_text(path, start)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and name[:6] != "utf-16":
        raise DataError(
            f"The file is not in {given}: it starts with the mark of UTF-16.",
            place=str(path),
            expected=f"{given}, as recipe field data.encoding says",
            found="utf-16",
            remedy="Leave data.encoding out, or set it to utf-16.",
        )
    bom = name == "utf-8" and start.startswith(codecs.BOM_UTF8)
    return Encoding("utf-8-sig" if bom else name, "given in the recipe")


def _detect(path: Path, start: bytes) -> Encoding:
    for mark, name in _BOMS:
        if start.startswith(mark):
            return Encoding(name, "the file starts with a byte order mark")
    if _is_utf8(path):
        return Encoding("utf-8", "every byte is valid UTF-8")
    valid, invalid, sample = _count_lines(path)
    if valid > invalid:
        return Encoding("utf-8", f"{valid} lines with special characters are UTF-8, {invalid} not")
    matches = from_bytes(sample, cp_isolation=_CANDIDATES, threshold=0.5)
    best = matches.best()
    if best is None:
        raise DataError(
            "The encoding of the file cannot be told.",
            place=str(path),
            expected="UTF-8, or another encoding named in data.encoding",
            found=f"{invalid} lines that are not UTF-8",
            remedy="Set data.encoding, or save the file as UTF-8.",
        )
    if best.encoding.startswith("cp125"):
        # cp1252 is by far the most common of those that read a mostly English file equally well.
        western = [match for match in matches if match.encoding == "cp1252"]
        best = next((match for match in western if match.chaos <= best.chaos + 0.05), best)
    return Encoding(best.encoding, f"{invalid} lines are not UTF-8 and read as text so", True)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened(path) as file:
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _count_lines(path: Path) -> tuple[int, int, bytes]:
    """Lines with special characters that are UTF-8, those that are not, and some of the latter."""
    valid = invalid = 0
    sample = bytearray()
    with opened(path) as file:
        while line := file.readline(HEAD_BYTES):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                valid += 1
            except UnicodeDecodeError:
                invalid += 1
                if len(sample) < _SAMPLE_BYTES:
                    sample += line
    return valid, invalid, bytes(sample)
