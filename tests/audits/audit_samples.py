"""Rows of which every fifth has a wrong label, as files."""

import json

from contract_samples import made_rows

LABELS = ("bad", "good", "plain")


def moved(label):
    """Another label than this."""
    return LABELS[(LABELS.index(label) + 1) % len(LABELS)]


def wrong_rows(count=150, every=5):
    """Rows with a unique number in the text; of every fifth the label is another's."""
    rows = []
    for at, row in enumerate(made_rows(count)):
        wrong = at % every == 0
        label = moved(row["label"]) if wrong else row["label"]
        rows.append({"id": f"r{at}", "text": row["text"], "label": label, "true": row["label"]})
    return rows


def write_rows(path, rows, names=("id", "text", "label")):
    """The rows as JSON Lines with these columns."""
    lines = [json.dumps({name: row[name] for name in names}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
