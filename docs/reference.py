"""Write docs/recipe-reference.md from the schema of recipes: `python -m docs.reference`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from journeyman.recipe import schema

PAGE = Path(__file__).with_name("recipe-reference.md")

Node = Mapping[str, Any]

HEAD = """\
# Recipe reference

Every field a recipe may have, generated from the schema that checks recipes (`journeyman schema`
prints it as JSON Schema). A field that is not listed here is a mistake and is told as one, with
the nearest names. *absent* as a default means that the field is left out, and its description
says what happens then.

`--set FIELD=VALUE` overrides a field for one run, by its full name: `--set finetune.epochs=3`.
"""

EXAMPLES: dict[str, Any] = {
    "finetune.objective": "contrast",
    "finetune.head.words": {"positive": "great", "negative": "terrible"},
    "finetune.self_training": {"precision": 0.9, "rounds": 2},
    "finetune.self_training.limit": 20_000,
    "finetune.label_cleaning": {"how": "drop", "folds": 5},
    "audit": True,
    "audit.limit": 4000,
    "finetune.balance.within": "domain",
    "finetune.balance": {"power": 0.5, "within": "domain"},
    "backbone": {"name": "minilm-l6", "max_tokens": 128},
    "data": {"train": "train.csv", "test": "test.csv", "text": "text", "label": "category"},
    "finetune": {"tuner": "lora", "cut": 4, "head": "ridge", "epochs": 8},
    "data.train": "train.csv",
    "data.validation": "validation.csv",
    "data.exam": "exam.csv",
    "data.test": "test.csv",
    "data.dataset": "snippets",
    "data.format": "csv",
    "data.text": "message",
    "data.image": "path",
    "data.label": "topic",
    "data.soft_label": "weights",
    "data.ratings": "ratings",
    "data.rating_labels": ["negative", "neutral", "positive"],
    "data.label_separator": "|",
    "data.tokens": "tokens",
    "data.tags": "tags",
    "data.boxes": "boxes",
    "data.group": "customer",
    "data.id": "number",
    "data.slices": ["domain"],
    "data.delimiter": ";",
    "data.header": True,
    "data.encoding": "gb18030",
    "data.where": {"domain": ["tweets", "movie"]},
    "data.limit": 1000,
    "transfer": {"data": {"train": "shop.csv"}, "labels": 64},
    "transfer.curve.largest": 512,
    "finetune.augment": {"kinds": ["word-dropout"], "copies": 1},
    "finetune.dropout": 0.1,
    "collect": {"fractions": {"test": 0.3}},
    "collect.fractions": {"validation": 0.1, "exam": 0.1, "test": 0.2},
    "collect.stratify": ["domain"],
    "finetune.learning_rate": 0.0001,
    "finetune.tuner": {"name": "lora", "rank": 8},
    "finetune.budget": "5m",
    "finetune.head": "ridge",
    "finetune.cut": 4,
    "finetune.metric": "accuracy",
    "finetune.target_accuracy": 0.95,
    "finetune.head.layers": [3, 4, 5, 6],
    "finetune.tuner.alpha": 16,
    "trackers": ["tensorboard", "mlflow"],
}
"""Examples where the schema gives none, or gives the parts of an object in another order."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page as Markdown."""
    whole = schema()
    lines = [HEAD, *_section("", "The recipe", whole, whole["$defs"])]
    return "\n".join(lines).rstrip() + "\n"


def _section(path: str, title: str, node: Node, definitions: Node) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{node['description']}\n"
    if not set(node["properties"]) - {"name"}:
        yield "It has no options.\n"
        return
    yield "| field | what it may be | default | meaning and example |"
    yield "| --- | --- | --- | --- |"
    inside: list[tuple[str, str, Node]] = []
    for name, field in node["properties"].items():
        if name == "name" and "const" in field:
            continue
        place = f"{path}.{name}" if path else name
        required = name in node.get("required", ())
        yield _row(place, field, required=required, definitions=definitions)
        for child in _objects(field, definitions):
            choice = child["properties"].get("name", {}).get("const")
            heading = f"`{place}`: `{choice}`" if choice else f"`{place}`"
            inside.append((place, heading, child))
    yield ""
    for place, heading, child in inside:
        yield from _section(place, heading, child, definitions)


def _row(place: str, field: Node, *, required: bool, definitions: Node) -> str:
    cells = (
        f"`{place}`",
        _kind(field, definitions),
        "must be given" if required else _default(field),
        f"{_sentence(field['description'])} Example: {_example(place, field)}",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _objects(field: Node, definitions: Node) -> Iterator[Node]:
    """The definitions a field refers to."""
    if "$ref" in field:
        yield definitions[field["$ref"].rpartition("/")[2]]
    for part in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        yield from _objects(part, definitions)


def _kind(field: Node, definitions: Node) -> str:
    """Type, range and choices in words."""
    if "$ref" in field:
        return "an object"
    parts = [part for part in field.get("anyOf", field.get("oneOf", ())) if not _null(part)]
    if parts:
        return " or ".join(dict.fromkeys(_kind(part, definitions) for part in parts))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " | ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return _list(field, definitions)
    if field["type"] == "object":
        return "an object"
    words = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    return words.get(field["type"], "text") + _range(field)


def _list(field: Node, definitions: Node) -> str:
    if "prefixItems" in field:
        return f"list of {len(field['prefixItems'])}: {_kind(field['prefixItems'][0], definitions)}"
    return f"list: {_kind(field['items'], definitions)}"


def _range(field: Node) -> str:
    limits = (
        ("minimum", "at least {}"),
        ("exclusiveMinimum", "above {}"),
        ("maximum", "at most {}"),
        ("exclusiveMaximum", "below {}"),
        ("maxLength", "{} or fewer characters"),
    )
    said = [words.format(f"{field[name]:,}") for name, words in limits if name in field]
    if field.get("minLength") == field.get("maxLength") == 1:
        said = ["one character"]
    elif field.get("minLength"):
        said = ["not empty", *said]
    return f", {', '.join(said)}" if said else ""


def _default(field: Node) -> str:
    if "default" not in field:
        return "its own fields' defaults" if _refers(field) else "the file's name"
    return "*absent*" if field["default"] is None else _code(field["default"])


def _refers(field: Node) -> bool:
    return "$ref" in field or any(_refers(part) for part in field.get("anyOf", ()))


def _example(place: str, field: Node) -> str:
    value = EXAMPLES.get(place, EXAMPLES.get(place.removeprefix("transfer.")))
    if value is None:
        value = field.get("examples", [field.get("default")])[-1]
    if value is None:
        raise ValueError(f"{place} has neither an example nor a default: add it to EXAMPLES")
    return f"`{place.rpartition('.')[2]}: {_plain(value)}`"


def _code(value: Any) -> str:
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    """A value as YAML in one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=1000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()


def _null(part: Node) -> bool:
    return part.get("type") == "null"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:] if not text.startswith(("csv", "`")) else text
    return text if text.endswith((".", "?")) else f"{text}."


if __name__ == "__main__":
    main()
