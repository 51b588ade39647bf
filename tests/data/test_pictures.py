"""One picture file: every mode becomes RGB, and what cannot be read is told completely."""

import threading
import warnings

import numpy as np
import pytest
from picture_files import drawn, encoded, save
from PIL import Image

from journeyman.data.pictures import (
    PictureError,
    looks_like_picture,
    picture_digest,
    picture_facts,
    read_picture,
)
from journeyman.errors import DataError


def ramp(top, dtype):
    return Image.fromarray((np.arange(16).reshape(4, 4) * (top / 15)).astype(dtype))


def with_alpha(mode):
    picture = drawn(1).convert(mode)
    picture.putalpha(0)
    return picture


def palette():
    picture = Image.new("P", (6, 4), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    return picture


def animated():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


MODES = {
    "colour": (encoded(drawn(1)), None),
    "JPEG": (encoded(Image.new("RGB", (9, 9), "white"), "JPEG"), (255, 255, 255)),
    "WebP": (encoded(Image.new("RGB", (9, 9), "white"), "WEBP"), (255, 255, 255)),
    "BMP": (encoded(Image.new("RGB", (9, 9), "red"), "BMP"), (255, 0, 0)),
    "PGM": (encoded(Image.new("L", (9, 9), 7), "PPM"), (7, 7, 7)),
    "grey": (encoded(Image.new("L", (9, 9), 100)), (100, 100, 100)),
    "one bit": (encoded(Image.new("1", (9, 9), 1)), (255, 255, 255)),
    "palette": (encoded(palette()), (0, 0, 255)),
    "palette, transparent": (encoded(palette(), transparency=1), (255, 255, 255)),
    "palette, transparent by bytes": (encoded(palette(), transparency=b"\x80\x00"), (255,) * 3),
    "alpha": (encoded(with_alpha("RGBA")), (255, 255, 255)),
    "grey and alpha": (encoded(with_alpha("LA")), (255, 255, 255)),
    "colour, one transparent": (
        encoded(Image.new("RGB", (9, 9), "red"), transparency=(255, 0, 0)), (255, 255, 255),
    ),
    "CMYK": (encoded(Image.new("CMYK", (9, 9), (0, 0, 0, 0)), "TIFF"), (255, 255, 255)),
    "CMYK JPEG": (encoded(Image.new("CMYK", (9, 9), (0, 0, 0, 0)), "JPEG"), (255, 255, 255)),
    "animation": (animated(), (255, 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("case", MODES)
def test_every_mode_becomes_rgb(tmp_path, case):
    content, colour = MODES[case]
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    read = read_picture(path)
    assert read.mode == "RGB"
    if colour is None:
        assert np.array_equal(np.asarray(read), np.asarray(drawn(1)))
    else:
        assert {tuple(pixel) for pixel in np.asarray(read).reshape(-1, 3).tolist()} == {colour}
    assert picture_facts(path).width == read.width


@pytest.mark.parametrize(
    ("top", "dtype", "form"),
    [
        (65535, np.uint16, "PNG"),
        (65535, np.uint16, "TIFF"),
        (65535, np.uint16, "PPM"),
        (65535, np.int32, "TIFF"),
        (10_000_000, np.int32, "TIFF"),
        (1, np.float32, "TIFF"),
        (5000, np.float32, "TIFF"),
    ],
)
def test_deep_grey_is_scaled_and_not_clipped(tmp_path, top, dtype, form):
    path = tmp_path / "deep"
    path.write_bytes(encoded(ramp(top, dtype), form))
    values = np.asarray(read_picture(path))[..., 0].ravel()
    assert (values[0], values[-1]) == (0, 255)
    assert np.abs(values - np.linspace(0, 255, 16)).max() <= 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("tag", range(1, 10))
def test_exif_turns_the_picture(tmp_path, tag, form):
    upright = Image.new("RGB", (40, 24), "black")
    upright.paste("white", (0, 0, 20, 12))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(undo[tag]) if tag in undo else upright
    exif = Image.Exif()
    exif[0x0112] = tag
    path = tmp_path / "turned"
    path.write_bytes(encoded(stored, form, exif=exif))
    read, facts = read_picture(path), picture_facts(path)
    assert read.size == (facts.width, facts.height) == (40, 24)
    assert read.getpixel((4, 4))[0] > 200
    assert read.getpixel((36, 20))[0] < 50
    upright.save(tmp_path / "upright.png")
    there = picture_facts(tmp_path / "upright.png").difference_hash
    assert (facts.difference_hash ^ there).bit_count() <= 4


def test_broken_exif_spoils_no_picture(tmp_path):
    path = save(tmp_path / "a.jpg", 1, "JPEG", exif=b"Exif\0\0XX*\0rubbish")
    assert read_picture(path).size == (24, 20)


WHOLE = encoded(drawn(3, 80, 60))
JPEG = encoded(drawn(3, 80, 60), "JPEG")
BAD = {
    "missing": (None, "no_picture", "no such file"),
    "empty": (b"", "bad_picture", "an empty file"),
    "text": (b"just some text, no picture", "bad_picture", "no picture of a known format"),
    "PNG cut off": (WHOLE[: len(WHOLE) // 2], "bad_picture", "truncated"),
    "PNG of a header alone": (WHOLE[:30], "bad_picture", ""),
    "PNG damaged": (WHOLE[:60] + b"\0" * 20 + WHOLE[80:], "bad_picture", ""),
    "JPEG cut off": (JPEG[: len(JPEG) // 2], "bad_picture", "truncated"),
    "GIF cut off": (encoded(drawn(3), "GIF")[:-60], "bad_picture", ""),
    "TIFF cut off": (encoded(drawn(3), "TIFF")[:-60], "bad_picture", ""),
    "WebP cut off": (encoded(drawn(3), "WEBP")[:-60], "bad_picture", ""),
    "a PostScript file": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "bad_picture", ""),
    "too many pixels": (encoded(Image.new("1", (1100, 1000))), "huge_picture", "1,100 x 1,000"),
    "a bomb": (encoded(Image.new("1", (30_000, 10_000))), "huge_picture", ""),
}  # fmt: skip


@pytest.mark.parametrize("read", [read_picture, picture_facts])
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_told(tmp_path, case, read):
    content, name, found = BAD[case]
    path = tmp_path / "bad one.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path, max_pixels=1_000_000)
    told = caught.value
    assert isinstance(told, PictureError)
    assert told.name == name
    assert told.place == str(path)
    assert all([told.problem, told.expected, told.found, told.remedy])
    assert found in told.found


@pytest.mark.parametrize("name", ["a folder", "no\0name", "x" * 5000])
def test_what_is_no_file(tmp_path, name):
    (tmp_path / "a folder").mkdir()
    with pytest.raises(PictureError) as caught:
        read_picture(f"{tmp_path}/{name}")
    assert caught.value.name == "no_picture"


def test_a_picture_between_the_limits_warns_nobody(tmp_path, recwarn):
    """Pillow would warn of more than 89 million pixels; the limit here is a little above."""
    path = tmp_path / "large.png"
    path.write_bytes(encoded(Image.new("1", (10_000, 8_990))))
    assert picture_facts(path).width == 10_000
    assert list(recwarn) == []


def test_warnings_are_heard_again_once_every_thread_is_done(tmp_path):
    path = save(tmp_path / "a.png", 1)
    before = list(warnings.filters)
    threads = [threading.Thread(target=picture_facts, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_facts(tmp_path):
    first, again = save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 1)
    saved_anew = save(tmp_path / "c.jpg", 1, "JPEG", quality=60)
    scaled = tmp_path / "d.png"
    scaled.write_bytes(encoded(drawn(1).resize((96, 80), Image.Resampling.BICUBIC)))
    facts = [picture_facts(path) for path in (first, again, saved_anew, scaled)]
    assert (facts[0].width, facts[0].height) == (24, 20)
    assert facts[0] == facts[1]
    assert facts[0].digest == picture_digest(first)
    assert len({each.digest for each in facts}) == 3
    apart = [(facts[0].difference_hash ^ each.difference_hash).bit_count() for each in facts]
    assert max(apart) <= 4
    others = [
        picture_facts(save(tmp_path / "o.png", seed)).difference_hash for seed in range(2, 40)
    ]
    assert min((facts[0].difference_hash ^ other).bit_count() for other in others) > 8


def test_names_of_pictures():
    assert all(map(looks_like_picture, ["a.jpg", "B.JPEG", "电影.png", "x/y.WebP", "s1/1.pgm"]))
    assert not any(map(looks_like_picture, ["a.txt", "png", "a.jpg.csv", ".DS_Store"]))
