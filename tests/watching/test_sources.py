"""Where a stream comes from: what has grown, what was replaced, and where to go on."""

import io
import json
import os
import threading

import pytest

from journeyman.errors import DataError
from journeyman.watching.sources import CHUNK, Files, StandardInput, source_of


def lines(*texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def read(source):
    return [row["text"] for chunk in source.chunks() for row in chunk]


def test_a_file_is_read_once_in_chunks_and_gone_on_with(tmp_path):
    file = tmp_path / "s.jsonl"
    file.write_text(lines(*map(str, range(1200))))
    source = Files(file)
    assert [len(chunk) for chunk in source.chunks()] == [CHUNK, CHUNK, 1200 - 2 * CHUNK]
    with file.open("a") as more:
        more.write(lines("new"))
    again = Files(file, json.loads(json.dumps(source.position)))
    assert read(again) == ["new"]
    assert read(Files(file, again.position)) == []


def test_the_position_is_behind_the_chunk_given_last(tmp_path):
    file = tmp_path / "s.jsonl"
    file.write_text(lines(*map(str, range(1200))))
    source = Files(file)
    next(source.chunks())
    assert read(Files(file, source.position))[0] == str(CHUNK)


def test_another_file_of_the_name_is_read_from_its_beginning(tmp_path):
    file = tmp_path / "s.jsonl"
    file.write_text(lines("one", "two"))
    source = Files(file)
    read(source)
    file.write_text(lines("a much longer one", "and another", "and more"))
    again = Files(file, source.position)
    assert read(again) == ["a much longer one", "and another", "and more"]
    assert again.begun_anew == ["s.jsonl"]
    file.write_text(lines("a"))
    assert read(Files(file, again.position)) == ["a"]


def test_a_line_that_is_still_written_waits_where_the_end_is_followed(tmp_path):
    file = tmp_path / "s.jsonl"
    file.write_text(lines("whole") + '{"text": "ha')
    source = Files(file, follows=True)
    chunks = source.chunks()
    assert next(chunks) == [{"text": "whole"}]
    assert next(chunks) == []
    with file.open("a") as more:
        more.write('lf"}\n')
    assert next(chunks) == [{"text": "half"}]
    assert [chunk[0].reason for chunk in Files(_cut(tmp_path)).chunks()] == [
        "Line 1 begins like JSON and is not."
    ]


def _cut(tmp_path):
    file = tmp_path / "cut.jsonl"
    file.write_text('{"text": "ha')
    return file


def test_a_folder_is_read_in_the_order_of_names_as_it_grows(tmp_path):
    (tmp_path / "b.jsonl").write_text(lines("b"))
    (tmp_path / "a.txt").write_text("a\n\nplain words\n")
    (tmp_path / "c.csv").write_text("text\nc\n")
    source = Files(tmp_path)
    found = [row for chunk in source.chunks() for row in chunk]
    assert found == ["a", "plain words", {"text": "b"}]
    (tmp_path / "c.jsonl").write_text(lines("c"))
    assert read(Files(tmp_path, source.position)) == ["c"]


def test_what_is_piped_in_is_looked_at_before_more_comes():
    into, out = os.pipe()
    source = StandardInput(os.fdopen(into, "rb"))
    writer = os.fdopen(out, "w")
    writer.write(lines("one") + '{"text": "tw')
    writer.flush()
    chunks = source.chunks()
    assert next(chunks) == [{"text": "one"}]
    assert next(chunks) == []
    writer.write('o"}\nlast')
    thread = threading.Thread(target=writer.close)
    thread.start()
    assert [row for chunk in chunks for row in chunk] == [{"text": "two"}, "last"]
    thread.join()
    assert source.position == {"lines": 3}
    source._stream.close()


def test_what_has_no_number_of_a_file_is_read_too():
    assert read(StandardInput(io.BytesIO(lines("one", "two").encode()))) == ["one", "two"]


@pytest.mark.parametrize("name", ["none.jsonl", "table.csv"])
def test_what_is_no_stream_is_one_error(tmp_path, name):
    (tmp_path / "table.csv").write_text("text\na\n")
    with pytest.raises(DataError, match="stream") as caught:
        source_of(str(tmp_path / name), {}, follows=False)
    assert "jsonl" in caught.value.expected
