"""One small set of boxes in each format: what is said, and folders and files that say it."""

import json

from picture_files import save

SIZE = (24, 20)
SAID = {
    "a": [("cat", (2, 3, 8, 6), False), ("dog", (10, 4, 6, 12), True)],
    "b": [("dog", (0, 0, 24, 20), False)],
    "c": [],
}
"""Stem of a picture to its boxes: label, box, difficult."""

NAMES = ("cat", "dog")


def cells(boxes=SAID["a"]):
    return [
        {"box": list(box), "label": label, **({"difficult": True} if hard else {})}
        for label, box, hard in boxes
    ]


def pictures(folder, said=SAID, start=0):
    for number, stem in enumerate(said):
        save(folder / f"{stem}.png", start + number)
    return folder


def coco(path, said=SAID, images=None, size=SIZE, **more):
    """The JSON file at `path`, its pictures in the folder `images`, beside it when absent."""
    pictures(images or path.parent, said)
    content = {
        "info": {"description": "small"},
        "images": [
            {"id": 7 + at, "file_name": f"{stem}.png", "width": size[0], "height": size[1]}
            for at, stem in enumerate(said)
        ],
        "annotations": [
            {"id": 100 * at + n, "image_id": 7 + at, "category_id": 1 + NAMES.index(label),
             "bbox": list(box), "iscrowd": int(hard), "area": 1}
            for at, boxes in enumerate(said.values()) for n, (label, box, hard) in enumerate(boxes)
        ],
        "categories": [{"id": 1 + at, "name": name} for at, name in enumerate(NAMES)],
        **more,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def voc_object(label, box, hard=False):
    x, y, wide, high = box
    corners = {"xmin": x, "ymin": y, "xmax": x + wide, "ymax": y + high}
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in corners.items())
    return (
        f"<object><name>{label}</name><difficult>{int(hard)}</difficult>"
        f"<bndbox>{inside}</bndbox></object>"
    )


def voc_xml(objects="", size=SIZE, name="x.png"):
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"<annotation><filename>{name}</filename>{sides}{objects}</annotation>"


def voc(folder, said=SAID, lists=None):
    """A folder as VOC lays it out; `lists` maps a name to stems."""
    pictures(folder / "JPEGImages", said)
    (folder / "Annotations").mkdir()
    for stem, boxes in said.items():
        objects = "".join(voc_object(*each) for each in boxes)
        (folder / "Annotations" / f"{stem}.xml").write_text(voc_xml(objects))
    for name, stems in (lists or {}).items():
        path = folder / "ImageSets" / "Main" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in stems))
    return folder


def yolo_line(label, box):
    (x, y, wide, high), (width, height) = box, SIZE
    shares = (x + wide / 2) / width, (y + high / 2) / height, wide / width, high / height
    return " ".join(map(str, (NAMES.index(label), *shares)))


def yolo(folder, said=SAID, part="", yaml="names: [cat, dog]\ntrain: images/train\n"):
    """A folder of images/ and labels/, or of a part below both; a picture without boxes has no
    label file."""
    pictures(folder / "images" / part, said)
    labels = folder / "labels" / part
    labels.mkdir(parents=True, exist_ok=True)
    for stem, boxes in said.items():
        lines = [yolo_line(label, box) for label, box, _ in boxes]
        if lines:
            (labels / f"{stem}.txt").write_text("\n".join(lines) + "\n")
    if yaml:
        (folder / "data.yaml").write_text(yaml)
    return folder


def rows_file(path, said=SAID, text=False):
    """JSON Lines with a list a row, or with its JSON text."""
    pictures(path.parent / "p", said)
    rows = [
        {"image": f"p/{stem}.png", "boxes": json.dumps(cells(boxes)) if text else cells(boxes)}
        for stem, boxes in said.items()
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path
