"""A first recipe for a file or folder: what was seen in it, why, and what else could be said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from journeyman.data.readers.box_columns import BOX_FORMATS
from journeyman.data.sniff import MAX_ROWS, Sniffed, sniff
from journeyman.explainers.options import ExplainOptions
from journeyman.recipe.options import USUAL_BACKBONE
from journeyman.tasks.base import TASKS, Task, usual_task

MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
"""A small encoder of some fifty languages, Chinese among them."""
PARTS = {"text": "words", "image": "parts"}
"""What explanations weigh."""


def init_recipe(path: str | Path) -> str:
    """A commented recipe that runs on the data file, or the folder of pictures, at `path`.

    Prose stands after `# `, options that are not in force after `#` alone. Raises DataError when
    the file does not read as rows, or no column of it can be learned.
    """
    seen = sniff(path)
    splits = dict(seen.splits)
    if "train" in splits:
        seen = replace(sniff(splits["train"]), splits=seen.splits)
    task = usual_task(seen.kind or "label", "text" if seen.image is None else "image")
    lines = [*_head(seen), "", *_what(seen, task), "", *_data(seen), "", *_steps(seen, task)]
    return "\n".join(lines) + "\n"


def _head(seen: Sniffed) -> Iterator[str]:
    rows = f"{seen.rows:,} rows" + (f" (the first {MAX_ROWS:,} were looked at)" * seen.more)
    refused = f", {seen.refused:,} that cannot be used" if seen.refused else ""
    yield f"# A recipe for {_line(seen.source)}: {rows}{refused}."
    if seen.unlabelled:
        yield f"# {seen.unlabelled:,} rows have no label; they are kept apart from the others."
    if seen.classes:
        named = ", ".join(f"{_line(name)} ({count:,})" for name, count in seen.classes[:8])
        more = " and others" if len(seen.classes) > 8 else ""
        what = "entity types" if seen.tags else "classes of boxes" if seen.boxes else "classes"
        yield f"# {len(seen.classes)} {what}: {named}{more}."
    yield f"# Columns: {', '.join(map(_line, seen.columns))}."
    yield "#"
    yield "# Run it with `journeyman run FILE`, FILE being what this is saved as."
    yield "# A line that begins with # is not read. Take the # away before an option to use it."
    yield "# `journeyman schema` prints every field a recipe may have."


def _what(seen: Sniffed, task: type[Task]) -> Iterator[str]:
    yield "# What the run is called; its results go to runs/NAME."
    yield from _field("name", _name(seen.source))
    yield ""
    yield "# What is learned, one of:"
    yield f"# {', '.join(TASKS)}."
    yield from _field("task", task.name)
    yield ""
    yield "# The pretrained network: a catalogue name, a hub id (owner/name) or a folder."
    if task.modality == "text" and seen.language != "en":
        found = "Chinese" if seen.language == "zh" else "not English"
        yield f"# The texts seem to be {found}, and minilm-l6 reads English. This one fits,"
        yield "# in place of the line below it:"
        yield from _option("backbone", MULTILINGUAL)
    yield from _field("backbone", USUAL_BACKBONE[task.modality])


def _data(seen: Sniffed) -> Iterator[str]:
    yield "# Where the rows are, and which columns mean what."
    for reason in seen.reasons:
        yield f"# {_line(reason)}"
    yield "data:"
    yield from _field("train", seen.source, "  ")
    if seen.tags is not None and seen.format != "conll":
        yield from _field("tokens", seen.tokens, "  ")
        yield from _field("tags", seen.tags, "  ")
    elif seen.tags is None:
        yield from _columns(seen)
    if seen.encoding:
        yield f"  # Encoding: {_line(seen.encoding_reason)}."
        yield from _field("encoding", seen.encoding, "  ")
    if seen.delimiter:
        yield "  # What separates the cells, and whether the first line names the columns."
        yield from _field("delimiter", seen.delimiter, "  ")
        yield from _field("header", seen.header, "  ")
    yield from _splits(seen)
    yield from _other_columns(seen)
    yield "  # Use a random sample of at most this many rows, for a quick try."
    yield from _option("limit", 1000, "  ")


def _splits(seen: Sniffed) -> Iterator[str]:
    """The parts that stand beside the training rows; without one for testing, what it would be."""
    splits = dict(seen.splits)
    if "validation" in splits:
        yield "  # Rows that choose between settings; a tenth of the training rows without it."
        yield from _field("validation", splits["validation"], "  ")
    yield "  # Rows the final figures are measured on; a fifth of the training rows without it."
    if "test" in splits:
        yield from _field("test", splits["test"], "  ")
    else:
        yield "  #test: FILE"


def _columns(seen: Sniffed) -> Iterator[str]:
    if seen.image is not None:
        yield from _field("image", seen.image, "  ")
    if seen.boxes is not None:
        yield from _field("boxes", seen.boxes, "  ")
    if seen.text is not None:
        yield from _field("text", seen.text, "  ")
    if seen.label is not None:
        yield from _field("label", seen.label, "  ")
    if seen.label_separator is not None:
        yield "  # One cell holds several labels, with this between them."
        yield from _field("label_separator", seen.label_separator, "  ")


def _other_columns(seen: Sniffed) -> Iterator[str]:
    used = {seen.text, seen.image, seen.boxes, seen.label, seen.tokens, seen.tags}
    used |= {"id"} if seen.format in ("picture-folder", *BOX_FORMATS) else set()
    spare = [name for name in seen.columns if name not in used]
    if spare and seen.format != "conll":
        yield "  # A column whose rows stay together in one split: a customer, a document."
        yield from _option("group", spare[0], "  ")
        yield "  # Columns whose values are reported on separately: a domain, a year."
        yield from _option("slices", spare[:1], "  ")


def _steps(seen: Sniffed, task: type[Task]) -> Iterator[str]:
    yield "# What is trained above the frozen layers, and how."
    yield "finetune:"
    yield "  # How the layers above the cut bend: none is the fastest, full the most thorough."
    yield from _field("tuner", task.default_tuner, "  ")
    yield f"  # The last layer: {' | '.join(task.heads())}."
    yield from _field("head", task.default_head, "  ")
    if seen.unlabelled and task.kind == "label":
        yield "  # Learn from rows without a label too, by the model's own sure answers to them,"
        yield "  # where held-out answers gain by it."
        yield from _option("self_training", True, "  ")
    yield "  # Passes over the training rows at most; it stops early when nothing is gained."
    yield from _option("epochs", 4, "  ")
    yield f"  # What choices are made by: {' | '.join(task.metric_names)}."
    yield from _option("metric", task.primary_metric, "  ")
    if "accuracy" in task.metric_names:
        yield "  # Say nothing rather than be right less often than this."
        yield from _option("target_accuracy", 0.95, "  ")
    yield ""
    yield f"# Test rows whose {PARTS[task.modality]} are weighed in the report."
    yield "explain:"
    yield from _field("samples", ExplainOptions.model_fields["samples"].default, "  ")
    yield ""
    yield "# What every random choice starts from; the same seed gives the same model."
    yield from _field("seed", 0)


def _name(source: str) -> str:
    stem = Path(source.partition("#")[0]).name.partition(".")[0]
    return re.sub(r"[^\w-]+", "-", stem.removeprefix("hub:")).strip("-")[:100] or "journey"


def _field(name: str, value: Any, indent: str = "") -> Iterator[str]:
    text = yaml.safe_dump(
        {name: value},
        default_flow_style=None if isinstance(value, list) else False,
        default_style=None if str(value).isprintable() else '"',
        allow_unicode=True,
        width=1_000_000,
    )
    yield indent + text.rstrip("\n")


def _option(name: str, value: Any, indent: str = "") -> Iterator[str]:
    for line in _field(name, value):
        yield f"{indent}#{line}"


def _line(text: str) -> str:
    """Text of the user's for a comment: one line, of characters YAML allows."""
    plain = "".join(part if part.isprintable() else " " for part in str(text))
    return plain.strip() if len(plain) <= 160 else f"{plain[:157].strip()}..."
