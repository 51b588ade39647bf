"""The documents say what is there: the reference, the tree, links and commands."""

import ast
import re
import sys
from pathlib import Path
from typing import Annotated, get_args

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs import reference  # noqa: E402
from journeyman.recipe import Recipe  # noqa: E402

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PACKAGES = sorted(path.parent for path in (ROOT / "journeyman").rglob("__init__.py"))


def test_the_reference_follows_the_schema():
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), (
        "run `python -m docs.reference`"
    )


def test_every_example_of_the_reference_is_a_value_its_field_takes():
    shown = re.findall(r"^\| `([\w.]+)` \|.* Example: `(.+?): (.+)` \|$", reference.page(), re.M)
    assert len(shown) > 60
    for place, name, text in shown:
        value = yaml.safe_load(text.replace("\\|", "|"))
        holders = fields_of(place)
        assert holders, place
        assert place.rpartition(".")[2] == name
        for field in holders:
            TypeAdapter(Annotated[(field.annotation, "", *field.metadata)]).validate_python(value)


def fields_of(place):
    """The fields a dotted name means: several where options of one choice share a name."""
    holders = [Recipe]
    *outer, last = place.split(".")
    for part in outer:
        holders = [m for h in holders for m in models(h.model_fields[part].annotation)]
    return [model.model_fields[last] for model in holders if last in model.model_fields]


def models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models(part)]


def listed(text):
    """Paths of the tree in a README, by the indents of its lines."""
    block = text.split("<!-- tree: begin -->")[1].split("<!-- tree: end -->")[0]
    above: list[tuple[int, str]] = []
    for line in block.splitlines():
        match = re.match(r"( *)([\w.]+/?)(  +\S.*)?$", line)
        if not match or line.startswith("```"):
            continue
        indent, name = len(match[1]), match[2]
        above = [(depth, part) for depth, part in above if depth < indent]
        yield "".join(part for _, part in above) + name
        if name.endswith("/"):
            above.append((indent, name))


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_the_tree_lists_what_is_there_and_every_package(page):
    names = list(listed(page.read_text(encoding="utf-8")))
    assert len(names) >= len(PACKAGES)
    assert [name for name in names if not (ROOT / name).exists()] == []
    packages = {f"{package.relative_to(ROOT).as_posix()}/" for package in PACKAGES}
    assert packages - set(names) == set(), "run `python -m docs.tree`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_documents_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"\w+:|#", link):
            assert (page.parent / link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shown_python_and_yaml_read(page):
    for kind, text in re.findall(r"```(\w+)[^\n]*\n(.*?)```", page.read_text("utf-8"), flags=re.S):
        if kind == "python":
            ast.parse(text)
        elif kind == "yaml":
            yaml.safe_load(text)


def test_both_readmes_show_the_same_commands():
    def commands(page):
        blocks = re.findall(r"```(?:sh|python|yaml)\n(.*?)```", page.read_text("utf-8"), flags=re.S)
        return [line for block in blocks for line in block.splitlines() if not line.startswith("#")]

    english, chinese = map(commands, READMES)
    assert english == chinese


def test_the_readme_or_a_tutorial_shows_every_command():
    from journeyman.cli import app

    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    names += [group.name for group in app.registered_groups]
    others = ("tutorial.md", "faces.md", "versions.md")
    pages = [READMES[0], *(ROOT / "docs" / name for name in others)]
    text = "".join(page.read_text("utf-8") for page in pages)
    assert [name for name in names if f"journeyman {name}" not in text] == []


def test_the_picture_of_the_report_is_small():
    assert (ROOT / "docs/images/report.png").stat().st_size < 250_000
