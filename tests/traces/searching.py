"""A search for what is left of rows that shares nothing with the program's own."""

import base64
import gzip
import html
import io
import json
import sqlite3
import zipfile
from hashlib import blake2b


def hashed(content):
    """The 64 bits over what a row reads, as hexadecimal digits."""
    return blake2b(content.encode(), digest_size=8).hexdigest()


def spellings(word):
    """A word as files may spell it."""
    plain = {word, json.dumps(word)[1:-1], html.escape(word)}
    found = {f"{name}": part.encode() for name, part in zip("abc", sorted(plain), strict=False)}
    found["utf-16-le"] = word.encode("utf-16-le")
    found["utf-16-be"] = word.encode("utf-16-be")
    return set(found.values())


def needles(*, words=(), ids=(), hashes=(), raw=()):
    """What each trace looks like in bytes; a hash in digits and as 8 bytes, either end first."""
    found = {}
    for word in (*words, *ids, *hashes):
        found[word] = spellings(word)
    for digits in hashes:
        number = int(digits, 16)
        found[digits] |= {number.to_bytes(8, order) for order in ("big", "little")}
    for at, content in enumerate(raw):
        found[f"raw {at}"] = {content, base64.b64encode(content)[4:-8]}
    return found


def unpacked(path):
    """The bytes of a file, and of what is packed in it."""
    content = path.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    if path.suffix in (".sqlite", ".db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as opened:
            yield "\n".join(map(str, opened.iterdump())).encode()


def found_in(folders, wanted):
    """{trace: files that hold it, by their path from the folder}; traces nowhere are not in it."""
    found = {}
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            for content in unpacked(path):
                for name, forms in wanted.items():
                    if any(form in content for form in forms):
                        found.setdefault(name, set()).add(path.relative_to(folder).as_posix())
    return found
