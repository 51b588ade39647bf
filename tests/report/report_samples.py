"""A run on four domains with three classes, and one with 77 intents, as their steps would tell."""

from __future__ import annotations

import math
import random

from journeyman.report.header import ReportHeader
from journeyman.section import Chart, Example, Figure, Grid, Matrix, Section, Series

DOMAINS = ("tweets", "movie", "amazon", "nyt")
CLASSES = ("negative", "neutral", "positive")


def sentiment() -> tuple[ReportHeader, list[Section]]:
    return _header(), [_collect(), _finetune(), _explain()]


def _header() -> ReportHeader:
    scores = {
        "Majority class": (0.214, 0.209, 0.219),
        "TF-IDF + linear": (0.548, 0.523, 0.572),
        "VADER": (0.553, 0.530, 0.577),
        "One human rater": (0.744, 0.722, 0.764),
        "This model": (0.681, 0.6583, 0.7024),
    }
    names = tuple(sorted(scores, key=lambda name: -scores[name][0]))
    return ReportHeader(
        name="sentiment",
        task="text-classification",
        backbone="minilm-l6",
        summary="Tells negative, neutral and positive sentences apart in tweets, film reviews, "
        "product reviews and editorials. It beats the lexicon on every domain and stays "
        "below one human rater on three of four.",
        headline=(
            Figure(name="Macro-F1 on test", value=0.681, low=0.6583, high=0.7024, n=4184),
            Figure(name="Accuracy", value=0.7143, low=0.7003, high=0.7279, n=4184),
            Figure(
                name="Calibration error (ECE)",
                value=0.0183,
                low=0.0121,
                high=0.0312,
                note="0.091 before temperature scaling",
            ),
            Figure(name="Pearson r to the mean rating", value=0.8351, low=0.824, high=0.8452),
            Figure(name="Answers kept at 90 % accuracy", value=58.2, unit="%"),
        ),
        baselines=Chart(
            kind="bar",
            title="Compared with, on the same test rows",
            x_label="method",
            y_label="macro-F1, 95 % interval",
            series=(
                Series(
                    name="Macro-F1",
                    x=names,
                    y=tuple(scores[n][0] for n in names),
                    low=tuple(scores[n][1] for n in names),
                    high=tuple(scores[n][2] for n in names),
                ),
            ),
        ),
        findings=(
            "212 sentences stood in both train and test; they were moved to train.",
            "37 rows refused: 31 empty, 6 not text. They are in quarantine.jsonl.",
            "Editorials hold 8 % positive sentences; class weights were set.",
        ),
        cost=(
            Figure(name="Whole journey", value=412.6, unit="s"),
            Figure(name="Fine-tuning", value=287.1, unit="s"),
            Figure(name="Feature cache", value=214, unit="MB"),
        ),
        saved="The cache saved 391 s: frozen layers ran for 21,024 texts once instead of 9 times.",
        advice=(
            "Look at the 41 suspect labels listed under Collect before labelling more.",
            "Neutral editorials are the commonest error; 300 more would help most.",
            "Abstain below a score of 0.62 where a wrong answer is costly.",
        ),
        versions={"journeyman": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
        seed=7,
        threads=2,
        recipe="name: sentiment\ntask: text-classification\nbackbone: minilm-l6\n"
        "data: {train: snippets, text: text, label: label, group: document}\n"
        "finetune:\n  tuner: lora\n  cut: 2\n  head: ridge\n  epochs: 3\nexplain: {samples: 50}\n",
        steps=("collect", "finetune", "explain"),
    )


def _collect() -> Section:
    return Section(
        step="collect",
        title="The data, checked",
        prose=(
            "21,061 rows of four domains were read and 21,024 kept. Sentences of one review or "
            "article stay on one side of every split.",
        ),
        figures=(
            Figure(name="Rows read", value=21061, unit="rows"),
            Figure(name="Rows refused", value=37, unit="rows", note="see quarantine.jsonl"),
            Figure(name="Duplicates", value=148, unit="rows"),
            Figure(name="Longest text", value=1184, unit="characters"),
            Figure(name="Agreement of raters", value=None, note="only for rows with ratings"),
        ),
        charts=(
            Chart(
                kind="bar",
                title="Classes by domain",
                x_label="domain",
                y_label="share of rows",
                series=tuple(
                    Series(name=name, x=DOMAINS, y=shares)
                    for name, shares in zip(
                        CLASSES,
                        (
                            (0.24, 0.41, 0.32, 0.44),
                            (0.33, 0.18, 0.31, 0.48),
                            (0.43, 0.41, 0.37, 0.08),
                        ),
                        strict=True,
                    )
                ),
            ),
            Chart(
                kind="line",
                title="Length of texts",
                x_label="characters",
                y_label="share of rows at most this long",
                series=tuple(
                    Series(
                        name=domain,
                        x=tuple(range(0, 420, 20)),
                        y=tuple(1 - math.exp(-x / (40 + 25 * i)) for x in range(0, 420, 20)),
                    )
                    for i, domain in enumerate(DOMAINS)
                ),
            ),
        ),
        tables=(
            Grid(
                title="Findings",
                header=("Check", "Rows", "What was done", "First row numbers"),
                rows=(
                    ("empty text", 31, "refused", "18, 402, 1190, 1191"),
                    ("not text", 6, "refused", "77, 8120"),
                    ("in train and test", 212, "moved to train", "5, 12, 60, 61, 233"),
                    ("near duplicate", 148, "kept, counted", "9, 10, 455"),
                    ("unknown label", 0, None, None),
                ),
                caption="Near duplicates are looked for by MinHash up to 200,000 rows.",
            ),
        ),
    )


def _finetune() -> Section:
    epochs = tuple(float(e) for e in range(1, 9))
    domain_f1 = {
        "This model": ((0.757, 0.604, 0.731, 0.642), 0.025),
        "VADER": ((0.677, 0.436, 0.543, 0.557), 0.027),
        "One human rater": ((0.758, 0.680, 0.828, 0.708), 0.022),
    }
    return Section(
        step="finetune",
        title="What was learned",
        prose=(
            "LoRA of rank 8 bends the four upper layers; a ridge head is solved on the pooled "
            "features of layers 3 to 6. Tuner, cut and head were chosen on validation rows only.",
        ),
        figures=(
            Figure(name="Macro-F1", value=0.681, low=0.6583, high=0.7024, n=4184),
            Figure(name="F1 of negative", value=0.7412, low=0.7211, high=0.7603, n=1501),
            Figure(name="F1 of neutral", value=0.6127, low=0.5873, high=0.6370, n=1302),
            Figure(name="F1 of positive", value=0.6892, low=0.6650, high=0.7121, n=1381),
            Figure(name="Trained parameters", value=221184, note="0.97 % of the backbone"),
            Figure(name="Regulariser", value=0.00031623),
            Figure(name="Frozen pass", value=1184.2, unit="texts/s"),
        ),
        charts=(
            Chart(
                kind="bar",
                title="Macro-F1 by domain",
                x_label="domain",
                y_label="macro-F1, 95 % interval",
                series=tuple(
                    Series(
                        name=name,
                        x=DOMAINS,
                        y=values,
                        low=tuple(v - spread for v in values),
                        high=tuple(v + spread for v in values),
                    )
                    for name, (values, spread) in domain_f1.items()
                ),
            ),
            Matrix(
                title="Confusion on test",
                labels=CLASSES,
                counts=((1102, 310, 89), (214, 809, 279), (61, 242, 1078)),
            ),
            Chart(
                kind="line",
                title="Learning curve",
                x_label="training rows",
                y_label="macro-F1 on validation",
                series=(
                    Series(
                        name="this recipe",
                        x=(500, 1000, 2000, 4000, 8000, 12615),
                        y=(0.541, 0.587, 0.622, 0.651, 0.672, 0.684),
                        low=(0.51, 0.56, 0.6, 0.632, 0.655, 0.668),
                        high=(0.57, 0.612, 0.644, 0.67, 0.689, 0.7),
                    ),
                ),
                caption="The curve still climbs: more labels would help.",
            ),
            Chart(
                kind="line",
                title="Loss",
                x_label="epoch",
                y_label="cross-entropy",
                series=(
                    Series(
                        name="train",
                        x=epochs,
                        y=tuple(0.4 + 0.6 * math.exp(-e / 2) for e in epochs),
                    ),
                    Series(
                        name="validation",
                        x=epochs,
                        y=tuple(0.62 + 0.4 * math.exp(-e / 1.5) + 0.005 * e for e in epochs),
                    ),
                ),
            ),
            Chart(
                kind="line",
                title="Calibration",
                x_label="score",
                y_label="share right",
                diagonal=True,
                series=(
                    Series(
                        name="before",
                        x=(0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97),
                        y=(0.36, 0.42, 0.5, 0.58, 0.67, 0.79, 0.9),
                    ),
                    Series(
                        name="after temperature",
                        x=(0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97),
                        y=(0.41, 0.49, 0.59, 0.71, 0.79, 0.91, 0.96),
                    ),
                ),
            ),
            _scatter(),
        ),
    )


def _scatter() -> Chart:
    draw = random.Random(3)
    series = []
    for domain in DOMAINS[:2]:
        truth = [draw.gauss(0, 1.4) for _ in range(900)]
        guess = [0.8 * t + draw.gauss(0, 0.6) for t in truth]
        series.append(Series(name=domain, x=tuple(truth), y=tuple(guess)))
    return Chart(
        kind="scatter",
        title="Predicted and mean rating",
        x_label="mean of the human ratings",
        y_label="predicted rating",
        diagonal=True,
        series=tuple(series),
    )


def _example(group: str, given: str, predicted: str, score: float, marked: str) -> Example:
    """`marked` carries weights as word{0.4}."""
    text, spans = "", []
    for word in marked.split(" "):
        plain, _, weight = word.partition("{")
        text += " " if text else ""
        if weight:
            spans.append((len(text), len(text) + len(plain), float(weight[:-1])))
        text += plain
    return Example(
        text=text, given=given, predicted=predicted, score=score, spans=tuple(spans), group=group
    )


def _explain() -> Section:
    return Section(
        step="explain",
        title="Why it says so",
        prose=(
            "Integrated gradients from an empty text, summed to words. The weights of a text add "
            "up to the score's difference from the empty text, to within the gap.",
        ),
        figures=(
            Figure(name="Median convergence gap", value=0.0031, unit="logit"),
            Figure(name="Texts explained", value=50),
        ),
        examples=(
            _example(
                "Right: positive",
                "positive",
                "positive",
                0.962,
                "An absolutely{0.21} wonderful{0.84} film, moving{0.46} without ever{-0.05} "
                "being{0.01} sentimental,{-0.22} and beautifully{0.55} acted.",
            ),
            _example(
                "Right: negative",
                "negative",
                "negative",
                0.914,
                "The battery{0.12} died{0.71} after two{0.1} weeks and support{-0.15} never{0.48} "
                "answered.{0.2}",
            ),
            _example(
                "Right: neutral",
                "neutral",
                "neutral",
                0.71,
                "The committee{0.3} will meet{0.22} again{0.04} on Thursday{0.41} to vote.{0.16}",
            ),
            _example(
                "negative taken for positive",
                "negative",
                "positive",
                0.688,
                "Great,{0.77} another{-0.31} phone that works{0.42} perfectly{0.61} until you "
                "actually{-0.18} call{-0.09} someone.",
            ),
            _example(
                "negative taken for positive",
                "negative",
                "positive",
                0.541,
                "这家酒店的 服务{0.3} 很好,{0.8} 可惜{-0.6} 房间{0.05} 太吵。{-0.4}",
            ),
            _example(
                "neutral taken for negative",
                "neutral",
                "negative",
                0.577,
                "Critics{0.35} of the plan say{0.07} it costs{0.44} too{0.18} much; "
                "supporters{-0.38} disagree.{0.12}",
            ),
        ),
    )


def intents() -> tuple[ReportHeader, list[Section]]:
    """77 classes, some named in Chinese."""
    draw = random.Random(11)
    size = 77
    verbs = ("card", "transfer", "top_up", "pin", "refund", "exchange", "汇款", "verify")
    nouns = ("arrival", "declined", "fee", "not_recognised", "limit", "pending", "失败", "status")
    labels = [f"{v}_{n}" for v in verbs for n in nouns] + [f"other_topic_{i}" for i in range(13)]
    counts = [[0] * size for _ in range(size)]
    for row in range(size):
        for _ in range(40):
            near = draw.random() < 0.935
            column = (
                row if near else min(size - 1, max(0, row + draw.choice((-8, -1, 1, 2, 8, 30))))
            )
            counts[row][column] += 1
    right = sum(counts[i][i] for i in range(size))
    header = ReportHeader(
        name="银行意图 bank-intents",
        task="text-classification",
        backbone="minilm-l6",
        headline=(
            Figure(name="Accuracy on test", value=right / 3080, low=0.921, high=0.942, n=3080),
        ),
        saved="The cache saved 31 s.",
        seed=1,
        steps=("finetune",),
        recipe="name: 银行意图\n",
    )
    section = Section(
        step="finetune",
        title="77 intents",
        figures=(Figure(name="Accuracy", value=right / 3080, low=0.921, high=0.942, n=3080),),
        charts=(
            Matrix(
                title="Confusion on test",
                labels=tuple(labels),
                counts=tuple(tuple(row) for row in counts),
            ),
            Matrix(
                title="Eight of them",
                labels=tuple(labels[44:52]),
                counts=tuple(tuple(row[44:52]) for row in counts[44:52]),
            ),
            Chart(
                kind="bar",
                title="F1 of the weakest intents 最弱的意图",
                x_label="意图",
                y_label="F1 得分",
                series=(
                    Series(
                        name="F1",
                        x=tuple(labels[40:60]),
                        y=tuple(0.7 + 0.012 * i for i in range(20)),
                    ),
                ),
            ),
            Chart(
                kind="line",
                title="各领域准确率",
                x_label="领域",
                y_label="准确率",
                series=(
                    Series(
                        name="本模型", x=("微博", "酒店", "财经", "新闻"), y=(0.9, 0.91, 0.84, 0.8)
                    ),
                    Series(
                        name="基线", x=("微博", "酒店", "财经", "新闻"), y=(0.8, 0.9, None, 0.7)
                    ),
                ),
            ),
        ),
    )
    return header, [section]
