"""Tiny pictures that tell rows apart, and folders of them."""

import io

import numpy as np
from PIL import Image


def drawn(seed, width=24, height=20):
    """Coarse patches of colour: of its own for each seed, and alike when saved anew."""
    patches = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize((width, height), Image.Resampling.NEAREST)


def encoded(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def save(path, seed=0, form="PNG", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(drawn(seed), form, **options))
    return path


def folder_of_classes(folder, count=20, classes=("cat", "dog"), start=0):
    """`count` pictures of each class, all different."""
    for at, name in enumerate(classes):
        for number in range(count):
            save(folder / name / f"{number:03}.png", start + at * count + number)
    return folder


def list_of(path, rows, header="image,label"):
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
