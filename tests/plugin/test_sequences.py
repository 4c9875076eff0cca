"""Images that a host lists, and folders of them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.images import SIZE, write_images
from v2a.errors import MediaError, NotFoundError
from v2a.media import VideoFile
from v2a_plugin.sequences import Images, chosen, facts, gaps, listed, make_film, sequences_in

RATE = Fraction(18)


def paths(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_a_list_of_images_is_shown_in_its_order(
    tmp_path: Path, frame_number: Callable[[npt.NDArray[np.uint8]], int]
) -> None:
    for folder, numbers in (("a", range(5)), ("b", range(20, 25))):
        write_images(tmp_path / folder, ".png", numbers, prefix=folder)
    images = listed([*reversed(paths(tmp_path / "b")), *paths(tmp_path / "a")])
    assert (facts(images, RATE).duration_s, images.n_frames) == (10 / RATE, 10)
    film, warning = make_film(images, 3, 8, RATE, tmp_path / "films")
    with VideoFile(film) as video:
        pictures = video.read([(index + Fraction(1, 2)) / RATE for index in range(5)], SIZE)
    assert [frame_number(picture) for picture in pictures] == [21, 20, 0, 1, 2]
    assert warning == ""
    assert make_film(images, 3, 8, RATE, tmp_path / "films") == (film, "")


def test_images_of_a_list_may_be_missing(tmp_path: Path) -> None:
    write_images(tmp_path / "a", ".png", range(10))
    found = paths(tmp_path / "a")
    found[4].unlink()
    assert "1 of 10 images are missing (4)" in gaps(listed(found), 0, 10)
    for path in found[5:]:
        path.unlink()
    with pytest.raises(MediaError, match="6 of 10 images are missing"):
        gaps(listed(found), 0, 10)
    for path in found[:4]:
        path.unlink()
    with pytest.raises(NotFoundError, match="moved or renamed"):
        listed(found)


def test_a_list_holds_images_only(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"a\.txt: images are read as dpx, tif, tiff, png"):
        listed([tmp_path / "a.txt"])


def test_a_folder_holds_sequences_and_one_is_chosen(tmp_path: Path) -> None:
    for prefix in ("left.", "right."):
        write_images(tmp_path, ".png", [3, 4, 6], prefix=prefix)
    assert [(found.prefix, found.first, found.n_frames) for found in sequences_in(tmp_path)] == [
        ("left.", 3, 4),
        ("right.", 3, 4),
    ]
    assert chosen(tmp_path, Images(str(tmp_path), "right.")).missing(0, 4) == [5]
    with pytest.raises(MediaError, match="holds 2 sequences"):
        chosen(tmp_path, Images(str(tmp_path)))
    with pytest.raises(MediaError, match="holds no images"):
        chosen(tmp_path, Images(str(tmp_path), "up."))
