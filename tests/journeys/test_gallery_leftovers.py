"""What a killed process left of a gallery does not outlive the next change of it."""

import numpy as np

from journeyman.people.gallery import GALLERY, Gallery, changing


def test_half_a_gallery_is_gone_once_it_is_changed_again(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    left = folder / f".{GALLERY}.0123abcd.part"
    left.write_bytes(b"half of someone")
    other = folder / ".head.safetensors.0123abcd.part"
    other.write_bytes(b"not ours")
    held = Gallery("v").with_person("ann", {"a": np.ones(3, dtype=np.float32)})
    with changing(folder):
        held.write(folder)
    assert not left.exists()
    assert other.exists()
    assert list(Gallery.read(folder, "v").people) == ["ann"]
