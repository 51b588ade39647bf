"""Files of rows that a run reads, and whose traces are looked for."""

import csv


def write_table(path, rows):
    """The rows' id where they have one, text and label, as a CSV file."""
    names = [name for name in ("id", "text", "label") if name in rows[0]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
