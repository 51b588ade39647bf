"""The wheel holds all that the program needs, and runs where nothing else is."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel as `python -m build` makes it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, timeout=300)
    return next(out.glob("*.whl"))


def test_the_wheel_runs_from_its_own_files_alone(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "unpacked")
    assert not [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/"))]
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'unpacked')!r})\n"
        "import journeyman, journeyman.recipe, journeyman.report.page\n"
        f"assert journeyman.__file__.startswith({str(tmp_path)!r}), journeyman.__file__\n"
        "from journeyman.catalogue.listing import listing\n"
        "assert {'minilm-l6'} <= {row.name for row in listing('backbones')}\n"
        "assert 'finetune' in journeyman.recipe.schema()['properties']\n"
    )
    subprocess.run([sys.executable, "-P", "-c", script], check=True, cwd=tmp_path, timeout=120)


@pytest.mark.long
def test_the_wheel_installs_and_runs_in_an_empty_environment(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run(
        [python, "-m", "pip", "install", "-q", *constraints, str(wheel)], check=True, timeout=1500
    )
    command = tmp_path / "env" / "bin" / "journeyman"
    told = subprocess.run([command, "schema"], check=True, capture_output=True, cwd=tmp_path)
    assert b"finetune" in told.stdout
    rows = "\n".join(f"{'good' if i % 2 else 'bad'} film number {i},{i % 2}" for i in range(80))
    (tmp_path / "films.csv").write_text(f"text,label\n{rows}\n")
    (tmp_path / "films.yaml").write_text("data: {train: films.csv}\nbackbone: tiny\n")
    from tiny import tiny_folder

    tiny_folder(tmp_path / "tiny")
    subprocess.run([command, "run", "films.yaml"], check=True, cwd=tmp_path, timeout=600)
    assert (tmp_path / "runs" / "films" / "report.html").is_file()
