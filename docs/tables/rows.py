"""One row a benchmark: what was measured, the figure, and what stands beside it."""

from __future__ import annotations

import statistics
from typing import Any

from docs.tables import backbones, drift, transfer
from docs.tables.results import DOMAINS, figures_of, lined

COMMANDS = {
    "peers": "benchmarks.peers",
    "pictures_worse_label": "benchmarks.pictures worse_label",
    "audit": "benchmarks.audit banking77",
    "out_of_scope": "benchmarks.out_of_scope banking77",
    "drift": "benchmarks.drift",
    "ensemble_intents": "benchmarks.ensembles intents 5 collect.fractions.exam=0",
    "transfer": "benchmarks.transfer",
}
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
        ("paired_intents", _paired_intents),
        ("ensemble_intents", backbones.row),
        ("journey", _journey),
        ("peers", _peers),
        ("few_labels", _few_labels),
        ("transfer", transfer.row),
        ("pictures", _pictures),
        ("pictures_worse_label", _wrong_labels),
        ("picture_race", _picture_race),
        ("detection", _detection),
        ("faces", _faces),
        ("audit", _audit),
        ("out_of_scope", _out_of_scope),
        ("drift", drift.row),
        ("active_learning", _active_learning),
    ):
        figures = figures_of(name)
        if figures:
            what, figure, beside = tell(figures)
            command = COMMANDS.get(name, f"benchmarks {name}")
            found.append((what, figure, beside, f"`python -m {command}`"))
    return found


def table(language: str) -> str:
    """The rows as a Markdown table."""
    return lined(HEADS[language], rows())


def _sentiment(figures: dict[str, Any]) -> tuple[str, str, str]:
    runs = figures["runs"]
    means = ", ".join(f"{figures['mean macro_f1'][domain]:.3f}" for domain in DOMAINS)
    rivals = "; ".join(
        f"{name} {', '.join(f'{values[domain]:.3f}' for domain in DOMAINS)}"
        for name, values in figures_of("rivals").get("mean macro_f1", {}).items()
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
    what = f"frozen pass of MiniLM on {figures['texts']:,} snippets, float32"
    told, beside = [], []
    for mine, how in (("journeyman", ""), ("journeyman, bfloat16", "in bfloat16 ")):
        if mine in figures["seconds"]:
            ratio, name = figures[f"fastest peer of {mine}"]
            told.append(f"{how}{figures['seconds'][mine]:.1f} s")
            beside.append(f"{name}: {ratio:.2f} times that")
    return what, ", ".join(told), "; ".join(beside)


def _paired_intents(figures: dict[str, Any]) -> tuple[str, str, str]:
    told = figures["summary"]
    apart = told["difference"]
    value, low, high = (100 * apart[name] for name in ("value", "low", "high"))
    what = f"`banking77`, solved head less our full fine-tuning, paired; {told['seeds']} seeds"
    figure = f"{value:+.2f} points ({low:+.2f} to {high:+.2f})"
    beside = (
        f"{100 * told['solved']['value']:.1f} % after {told['solved learning seconds']:.0f} s, "
        f"{100 * told['full']['value']:.1f} % after {told['full processor seconds']:.0f} "
        "processor seconds"
    )
    return what, figure, beside


def _journey(figures: dict[str, Any]) -> tuple[str, str, str]:
    ours, peer = figures["ours"], figures["trainer with LoRA"]
    what = f"`banking77`, out-of-fold answers, {ours['trials']} trials, training, report"
    figure = f"{ours['seconds']:.0f} s, {100 * ours['test accuracy']['value']:.1f} %"
    beside = f"one Trainer + LoRA run {peer['seconds']:.0f} s, {100 * peer['accuracy']:.1f} %"
    return what, figure, beside


def _peers(figures: dict[str, Any]) -> tuple[str, str, str]:
    standings = figures["standings"]

    def told(entry: dict[str, Any]) -> str:
        return f"{100 * entry['accuracy']['value']:.1f} % after {entry['seconds']:.0f} s"

    own = next(entry for entry in standings if "reference less it" not in entry)
    others = [f"{e['contestant']} {told(e)}" for e in standings if not e["ours"]]
    threads = figures["threads"]
    what = f"`{figures['dataset']}`, test accuracy on {threads} thread{'s' * (threads > 1)}"
    what += f", {own['contestant']}; mean of {own['seeds']} seeds"
    return what, told(own), "; ".join(others)


def _few_labels(figures: dict[str, Any]) -> tuple[str, str, str]:
    """Of the draws that all four have."""
    names = "contrast, ridge, names", "ridge, names", "setfit, 5 pairs a row", "sentence_logistic"
    runs = {name: figures["runs"].get(name, {}) for name in names}
    draws = sorted(set.intersection(*(set(run) for run in runs.values())))

    def told(name: str) -> str:
        accuracy, seconds = (statistics.mean(runs[name][d][at] for d in draws) for at in (0, 1))
        return f"{name} {100 * accuracy:.1f} % after {seconds:.0f} s"

    threads = figures["threads"]
    what = f"`banking77`, {figures['shots']} labelled rows a class, test accuracy on {threads} "
    what += f"thread{'s' * (threads > 1)}; mean of {len(draws)} draws"
    first, second, *others = map(told, names)
    return what, f"{first}; {second}", "; ".join(others)


def _pictures(figures: Any) -> tuple[str, str, str]:
    runs = figures["runs"]
    seconds = statistics.mean(run["processor seconds"] for run in runs)
    pixels = statistics.mean(run["pixels_linear"] for run in runs)
    what = "`cifar10n`, 2,500 pictures, test accuracy of a whole run; "
    what += f"mean of {len(runs)} seed{'s' * (len(runs) > 1)}"
    figure = f"{figures['mean accuracy']:.1%} after {seconds:.0f} processor seconds"
    figure = figure.replace("%", " %")
    return what, figure, f"linear on pixels {pixels:.1%}".replace("%", " %")


def _wrong_labels(figures: Any) -> tuple[str, str, str]:
    runs = figures["runs"]
    what = "`cifar10n`, learned from 2,500 labels of which 42 % are wrong, test accuracy; "
    what += f"mean of {len(runs)} seed{'s' * (len(runs) > 1)}"
    given = f"labels as given {figures['mean accuracy as given']:.1%}"
    return what, f"{figures['mean accuracy']:.1%}".replace("%", " %"), given.replace("%", " %")


def _picture_race(figures: Any) -> tuple[str, str, str]:
    """Of the quick way and of the recipe; the other's epochs until it is as right."""
    plain, told = figures["end to end"], []
    for name, one in figures["ours"].items():
        met = next((each for each in plain if each["accuracy"] >= one["accuracy"]), None)
        other = f"{met['seconds']:.0f} s" if met else f"not in {plain[-1]['seconds']:.0f} s"
        ours = f"{name} {100 * one['accuracy']:.1f} % after {one['seconds']:.0f} s"
        told.append((ours, f"as right as {name}: {other}"))
    what = "`cifar10n`, processor seconds of a whole run to a test accuracy; one seed"
    beside = "; ".join(each for _, each in told)
    return what, "; ".join(each for each, _ in told), f"plain PyTorch, all layers, {beside}"


def _detection(figures: Any) -> tuple[str, str, str]:
    runs, means = figures["runs"], figures["mean map_50"]
    seconds = {who: statistics.mean(run[who]["training seconds"] for run in runs) for who in means}
    what = "`bccd`, 72 test pictures, mAP at an IoU of .5"
    what += f"; mean of {len(runs)} seed{'s' * (len(runs) > 1)}"

    def told(who: str) -> str:
        return f"{means[who]:.3f} after {seconds[who]:.0f} s of training"

    return what, told("ours"), f"trained end to end {told('end to end')}"


def _faces(figures: Any) -> tuple[str, str, str]:
    def told(method: str, name: str) -> str:
        return f"{100 * figures['mean'][method][name]['value']:.1f} %"

    ours = figures["mean"]["ours"]["equal_error_rate"]
    span = f"{100 * ours['low']:.1f} to {100 * ours['high']:.1f}"
    what = "`orl_faces`, equal error rate among 20 people who were not learned from, and their "
    what += (
        f"identification from 5 pictures; mean of {figures['splits']} splits (of as many others)"
    )
    again = figures["other"]["mean"]["ours"]
    rate, known = (100 * again[name]["value"] for name in ("equal_error_rate", "identified"))
    figure = f"{told('ours', 'equal_error_rate')} ({span}); {told('ours', 'identified')} "
    figure += f"({rate:.1f} %; {known:.1f} %)"
    beside = (
        f"{name} {told(method, 'equal_error_rate')}; {told(method, 'rank_1')}"
        for method, name in (("frozen", "frozen vectors"), ("eigenfaces", "eigenfaces"))
    )
    return what, figure, ", ".join(beside)


def _audit(figures: Any) -> tuple[str, str, str]:
    """Of banking77: flips found, and how many of what is suspect were flipped."""
    told = []
    for name in ("toward", "uniform"):
        mean = figures["banking77"]["mean"][f"{name} 20%"]
        told.append([(100 * mean[how]["recall"], 100 * mean[how]["precision"])
                     for how in ("audit", "confident learning")])  # fmt: skip
    seeds = min(len(runs) for case, runs in figures["banking77"]["runs"].items() if "20%" in case)
    what = "`banking77`, 20 % of 10,003 labels flipped to the most confusable class, or to any: "
    what += f"flips among `journeyman audit`'s suspects, and suspects that were flipped; {seeds} "
    what += f"seed{'s' * (seeds > 1)}"
    ours, other = (
        " or ".join(f"{kind[at][0]:.0f} and {kind[at][1]:.0f} %" for kind in told) for at in (0, 1)
    )
    return what, ours, f"confident learning {other}"


def _out_of_scope(figures: Any) -> tuple[str, str, str]:
    """Of banking77: how well rows of 20 classes that were held out are told from the others."""
    part = figures["banking77"]

    def told(name: str) -> str:
        mean = part["mean"][name]
        area = f"{mean['scope_auroc']['mean']:.3f}"
        if name == "chosen":
            area += f" ({mean['scope_auroc']['low']:.3f} to {mean['scope_auroc']['high']:.3f})"
        found, kept = (100 * mean[f"{which}_recall"]["mean"] for which in ("unknown", "known"))
        return f"{area}; {found:.0f} % found out with {kept:.1f} % of known rows kept"

    runs = len(part["runs"])
    what = (
        "`banking77`, 20 of 77 classes held out, `finetune.scope`: area under the curve, and test "
    )
    what += f"rows of those classes found out at a recall of 95 % asked for; {runs} draws"
    return what, told("chosen"), f"maximum softmax {told('maximum softmax')}"


def _active_learning(figures: Any) -> tuple[str, str, str]:
    """Of banking77: how many labels the default strategy needs for where random ends."""
    plan, default = figures["banking77"], figures["default"]
    ours = plan["strategies"][default]
    area = ours["area less random's"]
    value, low, high = (100 * area[name] for name in ("value", "low", "high"))
    end = plan["strategies"]["random"]["curve"][-1]
    what = f"`banking77`, labels chosen by `journeyman label` ({default}), {plan['batch']} a batch "
    what += f"to {plan['budget']:,}: area under the learning curve less random's; "
    what += f"{figures['seeds']} seeds"
    needed = ours["labels to random's end"]
    figure = f"{value:+.1f} points ({low:+.1f} to {high:+.1f}); {100 * end:.1f} % after "
    figure += f"{needed:,} labels"
    return what, figure, f"random {100 * end:.1f} % after {plan['budget']:,} labels"
