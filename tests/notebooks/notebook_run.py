"""Runs a notebook with other values in its cell of parameters: in this process, or in a kernel."""

import asyncio
import contextlib
import io
import os
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"


def read(name, parameters):
    """The notebook, its cell of parameters followed by other values."""
    import nbformat

    notebook = nbformat.read(FOLDER / name, as_version=4)
    (cell,) = [each for each in notebook.cells if "parameters" in each.metadata.get("tags", [])]
    told = {line.partition(" = ")[0] for line in cell.source.splitlines()}
    assert set(parameters) <= told
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    return notebook


def run_here(name, parameters):
    """What the cells print, run one after the other in this process."""
    printed, names = io.StringIO(), {"__name__": "notebook"}
    with contextlib.redirect_stdout(printed):
        for at, cell in enumerate(read(name, parameters).cells):
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{name}, cell {at}", "exec"), names)
    return printed.getvalue()


def run_in_kernel(name, parameters, home, seconds=900):
    """What the cells print, run by a kernel as a reader's would be; a cell that fails raises."""
    from nbclient import NotebookClient

    notebook = read(name, parameters)
    environment = {**os.environ, "JOURNEYMAN_HOME": str(home)}
    place = {"metadata": {"path": str(FOLDER)}}
    client = NotebookClient(notebook, timeout=seconds, kernel_name="python3", resources=place)
    asyncio.run(client.async_execute(env=environment))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if "text" in output)
