"""Runs a notebook in a kernel of its own, with other values in its cell of parameters."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"


def run_notebook(name: str, parameters: dict[str, object], home: Path, seconds: int = 300) -> str:
    """What the cells printed or gave; a cell that fails raises.

    The kernel's own environment is one thread, `home`, and no network.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(FOLDER / name, as_version=4)
    (cell,) = [each for each in notebook.cells if "parameters" in each.metadata.get("tags", [])]
    told = [line.partition(" = ")[0] for line in cell.source.splitlines()]
    assert set(parameters) <= set(told), told
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    environment = {**os.environ, "JOURNEYMAN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )
    asyncio.run(client.async_execute(env=environment))
    return "\n".join(text_of(output) for each in notebook.cells for output in outputs_of(each))


def outputs_of(cell):
    return cell.get("outputs", [])


def text_of(output):
    return output["text"] if "text" in output else output.get("data", {}).get("text/plain", "")
