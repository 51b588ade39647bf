"""The command line: one file and one command run the whole journey."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, Literal, Never

import typer
from rich.console import Console
from rich.padding import Padding

from journeyman.commands.audit import audit
from journeyman.commands.evaluation import evaluate
from journeyman.commands.labelling import label
from journeyman.commands.people import enrol, people, remove_person, verify
from journeyman.commands.teaching import learn, unlearn
from journeyman.commands.usage import (
    HeatMapFolder,
    ModelPath,
    MostBoxes,
    asked_of,
    by_label,
    check_asked,
    check_free,
    check_written,
    out_of_memory,
    print_lines,
    usage_mistake,
)
from journeyman.commands.versions import diff, history, promote, publish, rollback
from journeyman.commands.watch import watch
from journeyman.errors import JourneymanError

DONE, OURS, YOURS, INTERRUPTED = 0, 1, 2, 130

_WRONG_USAGE: Any = next(k for k in typer.BadParameter.__mro__ if k.__name__ == "ClickException")
"""Click's base of usage errors, whether typer brings its own click or uses the library."""

app = typer.Typer(
    name="journeyman",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_VERSIONS = (watch, learn, unlearn, history, diff, promote, rollback, publish)
for command in (*_VERSIONS, evaluate, audit, label, enrol, remove_person, people, verify):
    app.command(command.__name__.replace("_", "-"))(command)

Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Override a field of the recipe: --set finetune.epochs=3.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")]
Texts = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        "--image",
        "-t",
        metavar="TEXT",
        help="A text to ask about, or the path of a picture; may be repeated.",
    ),
]
File = Annotated[
    str | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Rows to ask about: CSV, TSV, JSON Lines, Parquet, .txt lines, a picture folder.",
    ),
]
Dash = Annotated[
    str | None,
    typer.Argument(metavar="-", help="Read from standard input: JSON lines, or a text a line."),
]


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"journeyman {version('journeyman')}")
        raise typer.Exit


@app.callback()
def journeyman(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take a pretrained model past imitation: collect, pretrain, fine-tune and explain."""


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")],
    sets: Sets = None,
    quiet: Quiet = False,
) -> None:
    """Run a recipe, or go on where an earlier run of it stopped."""
    from journeyman.run_folder.stamp import stamp, stamped_folder

    folder = None if sets else stamped_folder(Path(recipe))
    if folder is None:
        from journeyman.journey import input_files, reads_files_alone, travel
        from journeyman.progress import Reporter
        from journeyman.recipe.loading import load_recipe

        chosen = load_recipe(recipe, sets or [])
        arrived = travel(chosen, Reporter(quiet=quiet))
        folder = arrived.folder
        if not sets and reads_files_alone(chosen):
            stamp(Path(recipe), folder, input_files(chosen))
        fresh = arrived.fresh
    else:
        fresh = False
    if not fresh:
        typer.echo("Nothing to do: this very run is finished.", err=True)
    typer.echo(f"model:  {folder / 'model'}")
    typer.echo(f"report: {folder / 'report.html'}")


@app.command()
def init(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A data file to look at.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here; standard output if absent."
        ),
    ] = None,
) -> None:
    """Look at a data file and write a commented recipe that runs."""
    from journeyman.files import write_text
    from journeyman.recipe.init import init_recipe

    text = init_recipe(data)
    if output is None:
        typer.echo(text, nl=False)
        return
    check_free(output, "recipe")
    write_text(Path(output), text)
    typer.echo(f"recipe: {output}\nrun it: journeyman run {output}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for an editor to complete and check them."""
    from journeyman.recipe.loading import schema as recipe_schema

    typer.echo(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))


@app.command("zero-shot")
def make_zero_shot(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The model folder to write.")],
    label: Annotated[
        list[str],
        typer.Option(
            "--label",
            "-l",
            metavar="NAME[=DESCRIPTION]",
            help="A label and what it means; give it for each label.",
        ),
    ],
    backbone: Annotated[
        str, typer.Option("--backbone", "-b", help="Name, hub id or folder.")
    ] = "minilm-l6",
    template: Annotated[
        str, typer.Option(help="How a description is put; {} is where it stands.")
    ] = "{}",
    quiet: Quiet = False,
) -> None:
    """Make a model of descriptions of its labels alone, without a row to learn from."""
    from journeyman.descriptions import label_pairs, zero_shot
    from journeyman.progress import Reporter

    check_free(out, "model")
    said = label_pairs(label)
    name = Path(out).absolute().name
    reporter = Reporter(quiet=quiet)
    model = zero_shot(said, backbone=backbone, template=template, name=name, reporter=reporter)
    typer.echo(f"model:  {model.save(out).folder}")


@app.command("ensemble")
def make_ensemble(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The folder to write.")],
    models: Annotated[list[str], typer.Argument(metavar="MODEL", hidden=True)],
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="Rows with targets, new to every member, to calibrate on.",
        ),
    ] = None,
    router: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A classifier whose label names who answers a row."),
    ] = None,
) -> None:
    """Have two or more MODELs answer together, by the mean of what each holds probable.

    A MODEL is a model folder or a run folder; all have the same task and labels. With --router it
    is LABEL=MODEL, and each row is answered by the MODEL of the label that the router gives it.
    """
    from journeyman.data.questions import labelled_rows
    from journeyman.ensembles.ensemble import ensemble

    check_free(out, "ensemble")
    named = models if router is None else by_label(models)
    made = ensemble(named, name=Path(out).absolute().name, router=router)
    if file is not None:
        rows, refused = labelled_rows(file, made.columns, made.learner.task.kind)
        made = made.calibrate(rows)
        left = f"; {len(refused)} cannot be used, row {refused[0].row} first" if refused else ""
        typer.echo(f"calibrated on {len(rows)} rows{left}")
    typer.echo(f"model:  {made.save(out).folder}")


@app.command()
def predict(
    model: ModelPath,
    dash: Dash = None,
    text: Texts = None,
    file: File = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Of a model that finds boxes: write coco, yolo or pictures; JSON lines if absent.",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="PLACE", help="Where --format writes.")
    ] = None,
) -> None:
    """Answer questions: one JSON object a line, or boxes in another format."""
    check_asked(text, file, dash)
    check_written(form, output)
    from journeyman.api import load

    loaded = load(model)
    asked = asked_of(text, file, loaded.columns)
    if form is not None and output is not None:
        from journeyman.exported import export_answers

        done = export_answers(loaded, asked, form, output)
        print_lines((failed.to_json() for failed in done.failed), err=True)
        typer.echo(f"{form}: {output} ({done.pictures} pictures)")
        return
    print_lines(answer.to_json() for answer in loaded.stream(asked))


@app.command()
def explain(
    model: ModelPath,
    dash: Dash = None,
    text: Texts = None,
    file: File = None,
    method: Annotated[
        str | None,
        typer.Option(help="integrated-gradients (the usual of texts) or occlusion (of pictures)."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Steps of the method.")] = 50,
    output: HeatMapFolder = None,
    boxes: MostBoxes = 1,
) -> None:
    """Say which words, or parts of a picture, moved each answer: one JSON object a line."""
    check_asked(text, file, dash)
    from journeyman.api import load
    from journeyman.explainers.options import ExplainOptions

    loaded = load(model)
    options = ExplainOptions(method=method, steps=steps)
    asked = asked_of(text, file, loaded.columns)
    whys = loaded.stream_explanations(asked, options, output=output, boxes=boxes)
    print_lines(why.to_json() for why in whys)


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
def fetch_backbone(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name, hub id or folder.")],
) -> None:
    """Fetch a backbone and check it."""
    from journeyman.catalogue.backbones import resolve

    typer.echo(resolve(name).folder)


@datasets_app.callback()
def datasets(context: typer.Context, as_json: AsJson = False) -> None:
    """List datasets: name, what it is, size, licence, source, whether it is on disk."""
    if context.invoked_subcommand is None:
        _list("datasets", as_json)


@datasets_app.command("fetch")
def fetch_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a dataset.")],
) -> None:
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
        code: int | None = app(prog_name="journeyman", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt) as stopped:
        # The library takes the end of any file for an interrupt.
        if isinstance(stopped.__cause__, EOFError):
            return _ours(stopped.__cause__)
        code = INTERRUPTED
    except _WRONG_USAGE as mistake:
        if len(sys.argv) > 1:
            return _refused(usage_mistake(mistake, sys.argv[1:]))
        mistake.show()
        return YOURS
    except JourneymanError as mistake:
        return _refused(mistake)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nothing reads what is left
        return DONE
    except MemoryError:
        return _refused(out_of_memory())
    except Exception as mistake:
        return _ours(mistake)
    if code == INTERRUPTED:
        typer.echo("Interrupted. Run the same command again to go on.", err=True)
    return code or DONE


def _ours(mistake: BaseException) -> int:
    traceback.print_exception(mistake)
    typer.echo("This is a mistake of ours. Please report it with the lines above.", err=True)
    return OURS


def _refused(mistake: JourneymanError) -> int:
    typer.echo(f"error: {mistake}", err=True)
    return YOURS


def _list(kind: Literal["backbones", "datasets"], as_json: bool) -> None:
    from journeyman.catalogue.listing import listing

    rows = listing(kind)
    if as_json:
        print_lines(vars(row) for row in rows)
        return
    wide = max(len(row.name) for row in rows)
    console = Console(highlight=False, emoji=False, markup=False)
    for row in rows:
        lies = f"on disk, {row.bytes_on_disk / 1e6:.0f} MB" if row.on_disk else "to fetch"
        reads = f"{row.modality:<5}  " if row.modality else ""
        head = f"{row.name:<{wide}}  {row.size / 1e6:>6.1f} MB  {lies:<15}  {reads}{row.licence}"
        console.print(head, style="bold", soft_wrap=True)
        for line in (row.what, row.source):
            shown = Padding(line, (0, 0, 0, 2)) if console.is_terminal else f"  {line}"
            console.print(shown, soft_wrap=not console.is_terminal)
