"""One annotation of the PASCAL VOC format: what an XML file says stands in its picture.

The format is that of Everingham et al., "The PASCAL Visual Object Classes Challenge" (2010).
Corners are taken as they are written, from 0; a file that counts pixels from 1 is a pixel off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MOST_BYTES = 16 << 20
"""Larger files are no annotation of one picture."""

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class VocAnnotation:
    """What the file says: the picture's name (or ""), its size (0 where not said), its boxes.

    `boxes` are as a row holds them: {"box": [x, y, width, height], "label", "difficult"}; a width
    or height is negative where corners are exchanged.
    """

    filename: str
    size: tuple[int, int]
    boxes: tuple[dict[str, Any], ...]


def parse_voc(content: bytes) -> VocAnnotation:
    """Read the bytes of one XML file. Raises ValueError, whose text says what is wrong.

    A file with a document type is refused, and with it every entity that could be expanded.
    """
    root = _tree(content)
    if root.tag != "annotation":
        raise ValueError(f"the file begins with <{root.tag[:40]}>, not <annotation>")
    size = (_whole(root.findtext("size/width")), _whole(root.findtext("size/height")))
    boxes = tuple(_boxes(root))
    return VocAnnotation((root.findtext("filename") or "").strip(), size, boxes)


def _tree(content: bytes) -> Element:
    if len(content) > MOST_BYTES:
        raise ValueError(f"the file is larger than {MOST_BYTES >> 20} MB")
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"the file is not XML: {error}") from error
    return builder.close()


def _refuse_doctype(*said: Any) -> NoReturn:
    raise ValueError("the file has a document type (<!DOCTYPE>), which no annotation needs")


def _boxes(root: Element) -> Iterator[dict[str, Any]]:
    for number, each in enumerate(root.iterfind("object"), 1):
        label = (each.findtext("name") or "").strip()
        if not label:
            raise ValueError(f"object {number} has no name")
        left, top, right, bottom = (_number(each, corner, number) for corner in _CORNERS)
        said: dict[str, Any] = {"box": [left, top, right - left, bottom - top], "label": label}
        if (each.findtext("difficult") or "").strip() in ("1", "true", "True"):
            said["difficult"] = True
        yield said


def _number(each: Element, corner: str, number: int) -> float:
    text = each.findtext(f"bndbox/{corner}")
    try:
        return float(text or "")
    except ValueError as error:
        said = "no such number" if text is None else f"{text.strip()[:40]!r}"
        raise ValueError(f"object {number} has no usable {corner}: {said}") from error


def _whole(text: str | None) -> int:
    try:
        return int(float(text or 0))
    except (ValueError, OverflowError):
        return 0
