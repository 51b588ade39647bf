"""The command line: one file and one command run the whole journey."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Never

import typer
from rich.console import Console
from rich.table import Table

from journeyman.errors import DataError, JourneymanError

if TYPE_CHECKING:
    from journeyman.data.options import DataOptions

DONE, OURS, YOURS, INTERRUPTED = 0, 1, 2, 130

_WRONG_USAGE: Any = next(k for k in typer.BadParameter.__mro__ if k.__name__ == "ClickException")
"""Click's base of usage errors, whether typer brings its own click or uses the library."""

app = typer.Typer(
    name="journeyman",
    help="Take a pretrained model past imitation: collect, pretrain, fine-tune, transfer, adapt, "
    "reason, explain.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a field of the recipe: --set finetune.epochs=3."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")]
ModelPath = Annotated[str, typer.Argument(metavar="MODEL", help="A model folder or a run folder.")]
Texts = Annotated[
    list[str] | None, typer.Option("--text", "-t", help="A text to ask about; may be repeated.")
]
File = Annotated[
    str | None,
    typer.Option(
        "--file", "-f", help="Rows to ask about: CSV, TSV, JSON Lines, Parquet or plain .txt lines."
    ),
]
Dash = Annotated[
    Literal["-"] | None,
    typer.Argument(metavar="[-]", help="Read from standard input: JSON lines, or a text a line."),
]


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="The recipe, a YAML file.")],
    sets: Sets = None,
    quiet: Quiet = False,
) -> None:
    """Run a recipe, or go on where an earlier run of it stopped."""
    from journeyman.journey import travel
    from journeyman.progress import Reporter
    from journeyman.recipe import load_recipe

    arrived = travel(load_recipe(recipe, sets or []), Reporter(quiet=quiet))
    if not arrived.fresh:
        typer.echo("Nothing to do: this very run is finished.", err=True)
    typer.echo(f"model:  {arrived.model}")
    typer.echo(f"report: {arrived.report}")


@app.command()
def init(
    data: Annotated[str, typer.Argument(help="A data file to look at.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write here; standard output if absent.")
    ] = None,
) -> None:
    """Look at a data file and write a commented recipe that runs."""
    from journeyman.files import write_text
    from journeyman.recipe_init import init_recipe

    text = init_recipe(data)
    if output is None:
        typer.echo(text, nl=False)
        return
    if Path(output).exists():
        raise JourneymanError(
            "The recipe would overwrite a file.",
            place=output,
            expected="a name that is free",
            found="a file of that name",
            remedy="choose another name, or remove the file first",
        )
    write_text(Path(output), text)
    typer.echo(f"recipe: {output}\nrun it: journeyman run {output}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for an editor to complete and check them."""
    from journeyman.recipe import schema as recipe_schema

    typer.echo(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))


@app.command()
def predict(model: ModelPath, dash: Dash = None, text: Texts = None, file: File = None) -> None:
    """Answer questions: one JSON object a line."""
    from journeyman.api import load

    _one_of(text, file, dash)
    loaded = load(model)
    for chunk in _chunks(_questions(text, file, loaded.columns), 512):
        _print_lines(answer.to_json() for answer in loaded.predict(chunk))


@app.command()
def explain(
    model: ModelPath,
    dash: Dash = None,
    text: Texts = None,
    file: File = None,
    method: Annotated[
        str, typer.Option(help="integrated-gradients or occlusion.")
    ] = "integrated-gradients",
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Steps of the method.")] = 50,
) -> None:
    """Say which words moved each answer: one JSON object a line."""
    from journeyman.api import load
    from journeyman.explainers.options import ExplainOptions

    _one_of(text, file, dash)
    loaded = load(model)
    options = ExplainOptions(method=method, steps=steps)
    for chunk in _chunks(_questions(text, file, loaded.columns), 16):
        _print_lines(why.to_json() for why in loaded.explain(chunk, options))


@app.command()
def evaluate(
    model: ModelPath,
    file: Annotated[str, typer.Option("--file", "-f", help="Rows with their targets.")],
) -> None:
    """Measure a model on rows with targets: one JSON document."""
    from journeyman.api import load
    from journeyman.data.questions import labelled_rows

    loaded = load(model)
    rows, refused = labelled_rows(file, loaded.columns, loaded.learner.task.name)
    typer.echo(json.dumps({**loaded.evaluate(rows).to_json(), "refused": len(refused)}))


backbones_app = typer.Typer(help="Backbones of the catalogue.", invoke_without_command=True)
datasets_app = typer.Typer(help="Datasets of the catalogue.", invoke_without_command=True)
app.add_typer(backbones_app, name="backbones")
app.add_typer(datasets_app, name="datasets")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@backbones_app.callback()
def backbones(context: typer.Context, as_json: AsJson = False) -> None:
    """List backbones: name, what it is, size, licence, source, whether it is on disk."""
    if context.invoked_subcommand is None:
        _list("backbones", as_json)


@backbones_app.command("fetch")
def fetch_backbone(name: Annotated[str, typer.Argument(help="Name, hub id or folder.")]) -> None:
    """Fetch a backbone and check it."""
    from journeyman.catalogue.backbones import resolve

    typer.echo(resolve(name).folder)


@datasets_app.callback()
def datasets(context: typer.Context, as_json: AsJson = False) -> None:
    """List datasets: name, what it is, size, licence, source, whether it is on disk."""
    if context.invoked_subcommand is None:
        _list("datasets", as_json)


@datasets_app.command("fetch")
def fetch_dataset(name: Annotated[str, typer.Argument(help="Name of a dataset.")]) -> None:
    """Fetch a dataset, check it and convert it."""
    from journeyman.catalogue.datasets import resolve_dataset

    for split, path in resolve_dataset(name).files.items():
        typer.echo(f"{split}: {path}")


def main() -> Never:
    """Run the command line; exit with 0 done, 2 the user's mistake, 1 ours, 130 interrupted."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.exit(_guarded())


def _guarded() -> int:
    try:
        app(standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("Interrupted. Run the same command again to go on.", err=True)
        return INTERRUPTED
    except _WRONG_USAGE as mistake:
        mistake.show()
        return YOURS
    except JourneymanError as mistake:
        typer.echo(f"error: {mistake}", err=True)
        return YOURS
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nothing reads what is left
        return DONE
    except MemoryError:
        typer.echo("error: The machine has no memory left for this.", err=True)
        return YOURS
    except Exception:
        traceback.print_exc()
        typer.echo("This is a mistake of ours. Please report it with the lines above.", err=True)
        return OURS
    return DONE


def _one_of(texts: list[str] | None, file: str | None, dash: str | None) -> None:
    given = [bool(texts), file is not None, dash is not None]
    if sum(given) != 1:
        raise DataError(
            "It is not clear what to ask." if any(given) else "There is nothing to ask.",
            place="the command's arguments",
            expected="one of --text TEXT, --file FILE or - (standard input)",
            found=f"{sum(given)} of them",
            remedy="give exactly one",
        )


def _questions(texts: list[str] | None, file: str | None, columns: DataOptions) -> Iterator[Any]:
    from journeyman.data.questions import questions_in, questions_of_stream

    if texts:
        return iter(texts)
    if file is not None:
        return questions_in(file, columns)
    return questions_of_stream(sys.stdin.buffer)


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _print_lines(values: Iterable[dict[str, Any]]) -> None:
    for value in values:
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _list(kind: Literal["backbones", "datasets"], as_json: bool) -> None:
    from journeyman.catalogue.listing import listing

    rows = listing(kind)
    if as_json:
        _print_lines(vars(row) for row in rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("name", "what it is", "size", "licence", "source", "on disk"):
        table.add_column(title, overflow="fold")
    for row in rows:
        on_disk = f"{row.bytes_on_disk / 1e6:.0f} MB" if row.on_disk else "no"
        table.add_row(
            row.name, row.what, f"{row.size / 1e6:.1f} MB", row.licence, row.source, on_disk
        )
    Console().print(table)
