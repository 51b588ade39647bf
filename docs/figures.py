"""Writes the tables of figures from benchmarks/results into both READMEs and docs/figures.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGES = {"README.md": "en", "README.zh-CN.md": "zh", "docs/figures.md": "en"}
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
DOMAINS = ("tweets", "movie", "amazon", "nyt")
HEADS = {
    "en": ("what", "figure", "beside it", "command"),
    "zh": ("内容", "数值", "对照", "命令"),
}


def rows() -> list[tuple[str, str, str, str]]:
    """One row a benchmark whose result is there."""
    found = []
    for name, tell in (
        ("sentiment", _sentiment),
        ("intents", _intents),
        ("entities", _entities),
        ("frozen_pass", _frozen_pass),
    ):
        path = RESULTS / f"{name}.json"
        if path.is_file():
            figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
            what, figure, beside = tell(figures)
            found.append((what, figure, beside, f"`python -m benchmarks {name}`"))
    return found


def table(language: str) -> str:
    """The rows as a Markdown table."""
    lines = [HEADS[language], ("---",) * 4, *rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write() -> None:
    """Put the tables between the markers of each page."""
    for page, language in PAGES.items():
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        path.write_text(f"{head}{BEGIN}\n{table(language)}\n{END}{tail}", encoding="utf-8")


def _sentiment(figures: dict[str, Any]) -> tuple[str, str, str]:
    runs = figures["runs"]
    means = ", ".join(f"{figures['mean macro_f1'][domain]:.3f}" for domain in DOMAINS)
    path = RESULTS / "rivals.json"
    beside = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    rivals = "; ".join(
        f"{name} {', '.join(f'{values[domain]:.3f}' for domain in DOMAINS)}"
        for name, values in beside.get("mean macro_f1", {}).items()
    )
    seconds = ", ".join(f"{run['whole run seconds']:.0f}" for run in runs)
    what = f"`snippets`, macro-F1 on tweets, movie, amazon, nyt; mean of {len(runs)} seeds"
    return what, f"{means}; whole runs {seconds} s", rivals


def _intents(figures: dict[str, Any]) -> tuple[str, str, str]:
    runs = figures["runs"]
    first, later = runs[0], runs[1:]
    rival = sum(run["tfidf_linear"]["value"] for run in runs) / len(runs)
    what = f"`banking77`, test accuracy, `tuner: none`, `head: ridge`; mean of {len(runs)} seeds"
    figure = f"{100 * figures['mean accuracy']:.1f} % after {first['learning seconds']:.0f} s"
    if later:
        warm = sum(run["learning seconds"] for run in later) / len(later)
        figure += f", {warm:.0f} s with the cache filled"
    return what, figure, f"TF-IDF + linear {100 * rival:.1f} %"


def _entities(figures: dict[str, Any]) -> tuple[str, str, str]:
    runs = figures["runs"]
    ours = sum(run["span_f1"]["value"] for run in runs) / len(runs)
    crf = [run["baselines"]["crf"]["value"] for run in runs if "crf" in run["baselines"]]
    what = f"`broad_twitter_ner`, span F1 on test; {len(runs)} seed"
    beside = f"conditional random field {sum(crf) / len(crf):.3f}" if crf else ""
    return what, f"{ours:.3f} after {runs[0]['whole run seconds']:.0f} s", beside


def _frozen_pass(figures: dict[str, Any]) -> tuple[str, str, str]:
    ratio, name = figures["fastest peer"]
    what = f"frozen pass of MiniLM on {figures['texts']:,} snippets, float32"
    return what, f"{figures['seconds']['journeyman']:.1f} s", f"{name}: {ratio:.2f} times that"


if __name__ == "__main__":
    write()
