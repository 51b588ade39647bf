"""Write the tree of the repository into README.md, from docstrings: `python -m docs.tree`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- tree: begin -->\n", "<!-- tree: end -->\n"

OTHERS = {
    "recipes/": "recipes that run as they are",
    "tests/": "one folder a room; `contracts/` goes through the registries",
    "benchmarks/": "the measurements behind the figures",
    "docs/": "these documents, and the scripts that write parts of them",
    "Makefile": "one command a habit",
    "pyproject.toml": "what is needed, and how lint, types and tests are held",
    "constraints.txt": "the exact versions `make setup` installs",
}


def main() -> None:
    """Put the tree between its markers."""
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}{tree()}{END}{after}", encoding="utf-8")


def tree() -> str:
    """The rooms, and folded away below them every file, each with its first docstring line."""
    everything = list(_package(ROOT / "journeyman", 0))
    rooms = [line for line in everything if line[0].endswith("/")]
    others = [(name, what) for name, what in OTHERS.items() if (ROOT / name).exists()]
    return (
        f"{_block(rooms + others)}\n<details>\n<summary>Every file of the package</summary>\n\n"
        f"{_block(everything)}\n</details>\n"
    )


def _block(lines: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in lines) + 2
    shown = "\n".join(f"{name:{width}}{what}".rstrip() for name, what in lines)
    return f"```text\n{shown}\n```\n"


def _package(folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    indent = "  " * depth
    yield f"{indent}{folder.name}/", about(folder / "__init__.py")
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield f"{indent}  {path.name}", about(path)
    for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from _package(inner, depth + 1)


def about(path: Path) -> str:
    """The first sentence of a module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ").removesuffix(".")


if __name__ == "__main__":
    main()
