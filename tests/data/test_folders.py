"""Image folders: order, labels, pixels, and every refusal with the file it is about."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codesign.data import digest, folder, folders, load
from tests.data.told import told

LAYOUT = "put images into train/CLASS/ and test/CLASS/"


def draw(path: Path, value: int = 0, size: tuple[int, int] = (3, 2), mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    home = tmp_path / "photos"
    for k in range(4):
        draw(home / f"train/cat/{k}.png", k)
    for k in range(2):
        draw(home / f"train/ant/{k}.bmp", 10 + k)
    draw(home / "test/cat/a.pgm", 20)
    return home


def test_labels_are_sorted_classes_and_order_shows_them_by_turns(photos: Path) -> None:
    data = load("photos", photos.parent)
    assert (data.name, data.classes, data.shape) == ("photos", 2, (1, 2, 3))
    assert data.y_train.tolist() == [1, 0, 1, 1, 0, 1]  # ant 0, cat 1
    assert data.x_train[:, 0].tolist() == [0, 10, 1, 2, 11, 3]
    assert data.x_train.shape == (6, 6) and (data.x_train == data.x_train[:, :1]).all()
    assert (data.y_test.tolist(), data.x_test.tolist()) == ([1], [[20] * 6])
    assert folder(photos).digest == data.digest
    assert data.split(3).y_test.tolist() == [1, 0, 1]


def test_colour_comes_channel_by_channel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 3), np.uint8)
    for where in ("train/a", "train/b", "test/b"):
        (tmp_path / where).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / where / "X.PNG")
    data = folder(tmp_path)
    assert data.shape == (3, 2, 3)
    assert data.x_train.tolist() == [np.moveaxis(pixels, -1, 0).ravel().tolist()] * 2


def test_jpegs_are_read(tmp_path: Path) -> None:
    for where, value in (("train/a/1.jpg", 7), ("train/b/1.jpeg", 200), ("test/b/1.JPG", 100)):
        draw(tmp_path / where, value, (16, 16))
    data = folder(tmp_path)
    assert (data.x_train[:, 0].tolist(), data.x_test[:, 0].tolist()) == ([7, 200], [100])


def test_hidden_names_and_files_beside_classes_are_passed_over(photos: Path) -> None:
    before = folder(photos).digest
    (photos / "train/README.txt").write_text("hello")
    (photos / "train/.cache").mkdir()
    (photos / "train/cat/.DS_Store").write_bytes(b"x")
    (photos / "notes").mkdir()
    assert folder(photos).digest == before


def test_what_is_not_laid_out_as_required(photos: Path, tmp_path: Path) -> None:
    assert told(folder, tmp_path / "none") == f"{tmp_path}/none: no such folder; {LAYOUT}"
    assert told(load, "none/", tmp_path) == f"{tmp_path}/none: no such folder; {LAYOUT}"
    assert told(load, "a" * 5000 + "/", tmp_path) == f"{tmp_path}/{'a' * 5000}: no such folder; {LAYOUT}"
    (tmp_path / "bare").mkdir()
    assert told(folder, tmp_path / "bare") == f"{tmp_path}/bare: has no train/ and no test/; {LAYOUT}"
    (tmp_path / "bare/train").mkdir()
    assert told(folder, tmp_path / "bare") == f"{tmp_path}/bare: has no test/; {LAYOUT}"
    (tmp_path / "bare/test").mkdir()
    assert told(folder, tmp_path / "bare") == (
        f"{tmp_path}/bare/train: needs at least 2 class folders, has 0; {LAYOUT}"
    )
    draw(tmp_path / "bare/train/a/1.png")
    assert told(folder, tmp_path / "bare") == (
        f"{tmp_path}/bare/train: needs at least 2 class folders, has 1; {LAYOUT}"
    )
    draw(tmp_path / "bare/train/b/1.png")
    assert told(folder, tmp_path / "bare") == f"{tmp_path}/bare/test: needs at least 1 class folder, has 0; {LAYOUT}"


def test_classes_need_images_and_a_place_in_training(photos: Path) -> None:
    (photos / "train/cow").mkdir()
    (photos / "train/cow/.hidden.png").write_bytes(b"")
    assert told(folder, photos) == f"{photos}/train/cow: holds no images; add some, or remove the folder"
    (photos / "train/cow").rename(photos / "train/.cow")
    draw(photos / "test/dog/1.png")
    assert told(folder, photos) == (
        f"{photos}/test/dog: is not a class of train/; add it there, or remove it from test/"
    )


@pytest.mark.parametrize("name", ["x.txt", "x.webp", "x", "x.png"])
def test_other_files_among_images_are_refused(name: str, photos: Path) -> None:
    place = photos / "train/cat" / name
    if name == "x.png":
        place.mkdir()
    else:
        place.write_bytes(b"x")
    assert told(folder, photos) == f"{place}: is not a png, jpg, jpeg, bmp or pgm file; convert it, or remove it"


@pytest.mark.parametrize("name", [b"a\n.png", b"a\x1b[31m.png", b"a\xff.png"])
def test_names_no_message_could_show_are_refused(name: bytes, photos: Path) -> None:
    place = photos / "train/cat"
    (place / os.fsdecode(name)).write_bytes(b"x")
    assert told(folder, photos) == (
        f"{place}: contains the name {os.fsdecode(name)!r}; rename it without control characters"
    )


def test_pipes_are_not_opened(photos: Path) -> None:
    os.mkfifo(photos / "train/cat/x.png")
    assert told(folder, photos) == (
        f"{photos}/train/cat/x.png: is not a png, jpg, jpeg, bmp or pgm file; convert it, or remove it"
    )


def test_images_that_differ_or_cannot_be_read_are_named(photos: Path) -> None:
    file = draw(photos / "train/cat/9.png", size=(2, 3))
    assert told(folder, photos) == (
        f"{file}: is 2 x 3 grey, must be 3 x 2 grey like train/ant/0.bmp; convert or remove it"
    )
    draw(file, mode="RGB")
    assert told(folder, photos) == (
        f"{file}: is 3 x 2 RGB, must be 3 x 2 grey like train/ant/0.bmp; convert or remove it"
    )
    draw(file, mode="P")
    assert told(folder, photos) == (
        f"{file}: has mode P, must be grey or RGB with 8 bits per channel; convert or remove it"
    )
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert told(folder, photos) == f"{file}: is not a readable PNG, JPEG, BMP, PPM picture; convert or remove it"
    file.unlink()
    file = draw(photos / "test/cat/b.png", size=(4, 2))
    assert told(folder, photos) == (
        f"{file}: is 4 x 2 grey, must be 3 x 2 grey like train/ant/0.bmp; convert or remove it"
    )
    draw(photos / "train/ant/0.bmp", size=(2048, 1024))
    assert told(folder, photos) == (
        f"{photos}/train/ant/0.bmp: has 2048 x 1024 pixels, more than the limit of 1024 x 1024; convert or remove it"
    )


def test_total_size_is_limited(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "LIMIT", 42)
    assert folder(photos).features == 6
    monkeypatch.setattr(folders, "LIMIT", 41)
    assert told(folder, photos) == (
        f"{photos}: its 7 images take 42 bytes, more than the limit of 41; make them smaller or use fewer"
    )


@pytest.mark.parametrize("link", ["train/cat/x.png", "train/dog", "test"])
def test_links_stay_inside(link: str, photos: Path, tmp_path: Path) -> None:
    outside = draw(tmp_path / "elsewhere/cat/x.png")
    target = outside if link.endswith(".png") else outside.parent.parent
    if link == "test":
        (photos / link).rename(photos / "old")
    (photos / link).symlink_to(target)
    assert told(folder, photos) == (f"{photos / link}: is a link to {target}, outside {photos}; copy the files instead")


def test_links_within_are_followed(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(photos)
    (photos / "train/dog").symlink_to("cat")
    (photos / "train/ant/2.png").symlink_to("../cat/3.png")
    data = folder(tmp_path / "current")
    assert (data.classes, np.bincount(data.y_train).tolist()) == (3, [3, 4, 4])


@pytest.mark.parametrize("to", ["x.png", "none.png"])
def test_links_to_nothing_are_refused(to: str, photos: Path) -> None:
    (photos / "train/cat/x.png").symlink_to(to)
    assert told(folder, photos) == (
        f"{photos}/train/cat/x.png: is not a png, jpg, jpeg, bmp or pgm file; convert it, or remove it"
    )


def test_unreadable_folders(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    assert told(folder, photos) == (f"{photos}/train: cannot be read ([Errno 13] Permission denied); make it readable")


def test_the_files_digest_follows_contents_places_and_nothing_else(photos: Path, tmp_path: Path) -> None:
    before = digest("photos", tmp_path)
    for changed in (photos / "train/README.txt", photos / "train/cat/.DS_Store"):
        changed.write_text("x")
    os.utime(photos / "train/cat/0.png", (1, 1))
    photos.rename(tmp_path / "moved")
    assert digest("moved", tmp_path) == before
    one = tmp_path / "moved/train/cat/1.png"
    size, stamp = one.stat().st_size, one.stat().st_mtime_ns
    pixels = one.read_bytes()
    one.write_bytes(bytes(size))
    os.utime(one, ns=(stamp, stamp))
    found = [before, digest("moved", tmp_path)]
    one.write_bytes(pixels)
    one.rename(tmp_path / "moved/train/ant/z.png")
    found.append(digest("moved", tmp_path))
    assert len(set(found)) == 3


def test_a_pipe_among_the_data_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.npz")
    assert told(digest, "mine.npz", tmp_path) == (
        f"{tmp_path}/mine.npz: cannot be read (not a regular file); data set mine.npz needs it"
    )
