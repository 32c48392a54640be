"""A folder of images: every entry a row, nothing opened before it is read, nothing read outside."""

import os
import pickle
import shutil
import struct
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kedro.io import AbstractDataset, DatasetError
from PIL import Image

from blastscreen.datasets.cell_image_folder import CellImageFolder, LabelsRefused
from blastscreen.datasets.storage import escape_name, unescape_name
from blastscreen.imaging.decoding import ImageRejected, decode_partition
from blastscreen.vocabulary import ReasonCode

RGB = np.random.default_rng(0).integers(0, 256, (9, 10, 3), dtype=np.uint8)


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RGB).save(path)


def code_of(folder: Path, key: str, **options: int) -> ReasonCode:
    image = CellImageFolder(path=str(folder), **options).load()[key]
    with pytest.raises(ImageRejected) as rejected:
        image()
    return rejected.value.code


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Permissions don't bind the superuser, whom tests in containers often run as."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Return a folder below others that every user may enter."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_links_out_of_the_folder_are_told_from_the_files_that_they_lead_to(tmp_path: Path):
    write_image(tmp_path / "files" / "a.png")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.png").symlink_to(tmp_path / "files" / "a.png")
    files, links = (CellImageFolder(path=str(tmp_path / name)).load() for name in ("files", "links"))
    assert files.fingerprint(["a.png"]) == files.fingerprint(["a.png"]) != links.fingerprint(["a.png"])


def test_keys_are_sorted_relative_paths_and_values_give_pixels(tmp_path: Path) -> None:
    keys = ["fold_1/hem/UID_H1_1_1_hem.bmp", "fold_0/all/UID_1_1_2_all.bmp", "fold_0/all/UID_1_1_10_all.bmp", "b.bmp"]
    for key in keys:
        write_image(tmp_path / key)

    images = CellImageFolder(path=str(tmp_path)).load()

    assert list(images) == sorted(keys)
    assert len(images) == 4
    assert "fold_0/all/UID_1_1_2_all.bmp" in images
    assert "fold_0" not in images
    for load in images.values():
        np.testing.assert_array_equal(load(), RGB)
        assert decode_partition(load).image_format == "bmp"


def test_review_codes_come_with_the_pixels(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "cell.bmp", "JPEG")

    decoded = decode_partition(CellImageFolder(path=str(tmp_path)).load()["cell.bmp"])

    assert decoded.reasons == (ReasonCode.EXTENSION_MISMATCH, ReasonCode.LOSSY_SOURCE)


def test_an_unknown_key_is_a_key_error(tmp_path: Path) -> None:
    write_image(tmp_path / "a.bmp")
    images = CellImageFolder(path=str(tmp_path)).load()

    with pytest.raises(KeyError, match=r"b\.bmp"):
        images["b.bmp"]


def test_values_survive_pickling_for_other_processes(tmp_path: Path) -> None:
    write_image(tmp_path / "a.bmp")
    image = CellImageFolder(path=str(tmp_path)).load()["a.bmp"]

    np.testing.assert_array_equal(pickle.loads(pickle.dumps(image))(), RGB)


def test_listing_costs_little_more_than_the_names(tmp_path: Path) -> None:
    for number in range(4_000):
        (tmp_path / f"UID_11_12_{number}_all.bmp").touch()
    dataset = CellImageFolder(path=str(tmp_path))

    tracemalloc.start()
    images = dataset.load()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(images) == 4_000
    assert kept / len(images) < 200


@given(name=st.binary(max_size=12), other=st.binary(max_size=12))
@example(name=b"\x80", other="\x80".encode())
@example(name=b"\\x80", other=b"\x80")
@example(name="\u202egnp.bmp".encode(), other=b"\xe2\x80")
@settings(max_examples=500, deadline=None)
def test_escaped_names_are_printable_unique_and_reversible(name: bytes, other: bytes) -> None:
    assert escape_name(name).isprintable()
    assert unescape_name(escape_name(name)) == name
    assert (escape_name(name) == escape_name(other)) == (name == other)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("with space é 空.bmp".encode(), "with space é 空.bmp"),
        (b"latin1 \xe9.bmp", r"latin1 \xe9.bmp"),
        (b"line\nbreak.bmp", r"line\x0abreak.bmp"),
        (b"back\\slash.bmp", r"back\\slash.bmp"),
        ("\u00a0.bmp".encode(), r"\xc2\xa0.bmp"),
    ],
)
def test_odd_names_are_readable_by_their_escaped_key(tmp_path: Path, name: bytes, key: str) -> None:
    write_image(tmp_path / "plain.bmp")
    (tmp_path / "plain.bmp").rename(tmp_path / os.fsdecode(name))

    images = CellImageFolder(path=str(tmp_path)).load()

    assert list(images) == [key]
    np.testing.assert_array_equal(images[key](), RGB)


def test_folders_named_like_images_are_rows_and_not_searched(tmp_path: Path) -> None:
    write_image(tmp_path / "folder.BMP" / "hidden.bmp")
    write_image(tmp_path / "version.2" / ".hidden.bmp")
    (tmp_path / "nothing").mkdir()

    assert list(CellImageFolder(path=str(tmp_path)).load()) == ["folder.BMP", "version.2/.hidden.bmp"]
    assert code_of(tmp_path, "folder.BMP") == ReasonCode.NOT_A_FILE


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write_image(tmp_path / "real" / "a.bmp")
    (tmp_path / "real" / "b.bmp").symlink_to(tmp_path / "real" / "a.bmp")
    (tmp_path / "link").symlink_to("real")

    images = CellImageFolder(path=str(tmp_path / "link")).load()

    assert list(images) == ["a.bmp", "b.bmp"]
    np.testing.assert_array_equal(images["b.bmp"](), RGB)


def test_a_neighbour_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    write_image(tmp_path / "cells-private" / "a.bmp")
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "a.bmp").symlink_to("../cells-private/a.bmp")

    assert code_of(tmp_path / "cells", "a.bmp") == ReasonCode.OUTSIDE_ROOT


def test_a_file_swapped_for_a_link_out_is_not_followed(tmp_path: Path) -> None:
    write_image(tmp_path / "secret.bmp")
    write_image(tmp_path / "cells" / "sub" / "a.bmp")
    image = CellImageFolder(path=str(tmp_path / "cells")).load()["sub/a.bmp"]

    shutil.rmtree(tmp_path / "cells" / "sub")
    (tmp_path / "outside").mkdir()
    write_image(tmp_path / "outside" / "a.bmp")
    (tmp_path / "cells" / "sub").symlink_to(tmp_path / "outside")

    with pytest.raises(ImageRejected) as rejected:
        image()
    assert rejected.value.code == ReasonCode.OUTSIDE_ROOT


def test_a_file_that_vanished_is_unreadable(tmp_path: Path) -> None:
    write_image(tmp_path / "a.bmp")
    image = CellImageFolder(path=str(tmp_path)).load()["a.bmp"]
    (tmp_path / "a.bmp").unlink()

    with pytest.raises(ImageRejected) as rejected:
        image()

    assert rejected.value.code == ReasonCode.UNREADABLE
    assert rejected.value.detail == "No such file or directory"


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.bmp")
    writer_woke = threading.Event()

    def write() -> None:
        with (tmp_path / "pipe.bmp").open("wb"):
            writer_woke.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert code_of(tmp_path, "pipe.bmp") == ReasonCode.NOT_A_FILE
    assert not writer_woke.wait(0.2)

    with (tmp_path / "pipe.bmp").open("rb"):
        writer.join(5)
    assert writer_woke.is_set()


def test_files_without_permission_are_unreadable(public_folder: Path) -> None:
    write_image(public_folder / "open.bmp")
    write_image(public_folder / "closed.bmp")
    write_image(public_folder / "closed" / "a.bmp")
    (public_folder / "open.bmp").chmod(0o644)
    for name in ("closed.bmp", "closed"):
        (public_folder / name).chmod(0)

    with as_ordinary_user():
        images = CellImageFolder(path=str(public_folder)).load()
        codes = {key: code_of(public_folder, key) for key in images if key != "open.bmp"}
        pixels = images["open.bmp"]()

    (public_folder / "closed").chmod(0o755)
    assert codes == {"closed": ReasonCode.UNREADABLE, "closed.bmp": ReasonCode.UNREADABLE}
    np.testing.assert_array_equal(pixels, RGB)


def test_a_closed_folder_says_so(public_folder: Path) -> None:
    (public_folder / "closed").mkdir(mode=0)

    with as_ordinary_user(), pytest.raises(DatasetError, match="can't be listed: Permission denied"):
        CellImageFolder(path=str(public_folder / "closed")).load()


def test_huge_files_are_rejected_unread(tmp_path: Path) -> None:
    write_image(tmp_path / "a.bmp")
    allowed = 8 * 1_000 + 16 * 2**20
    os.truncate(tmp_path / "a.bmp", allowed)
    np.testing.assert_array_equal(CellImageFolder(path=str(tmp_path), max_pixels=1_000).load()["a.bmp"](), RGB)

    os.truncate(tmp_path / "a.bmp", allowed + 1)

    assert code_of(tmp_path, "a.bmp", max_pixels=1_000) == ReasonCode.TOO_MANY_PIXELS


def test_the_pixel_cap_reaches_the_decoder(tmp_path: Path) -> None:
    write_image(tmp_path / "a.bmp")

    assert code_of(tmp_path, "a.bmp", max_pixels=89) == ReasonCode.TOO_MANY_PIXELS
    assert CellImageFolder(path=str(tmp_path), max_pixels=90).load()["a.bmp"]().shape == (9, 10, 3)


def test_the_default_cap_is_9_megapixels(tmp_path: Path) -> None:
    for width, name in ((3_000, "allowed"), (3_001, "over")):
        header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, width, 3_000, 1, 24, 0, 0, 0, 0, 0, 0)
        (tmp_path / f"{name}.bmp").write_bytes(header)

    assert code_of(tmp_path, "allowed.bmp") == ReasonCode.TRUNCATED
    assert code_of(tmp_path, "over.bmp") == ReasonCode.TOO_MANY_PIXELS


def test_a_missing_folder_says_where_to_get_the_images(tmp_path: Path) -> None:
    dataset = CellImageFolder(path=str(tmp_path / "absent"))

    assert not dataset.exists()
    with pytest.raises(DatasetError) as error:
        dataset.load()

    message = str(error.value)
    assert f"There is no folder '{tmp_path / 'absent'}'" in message
    assert "The Cancer Imaging Archive (doi:10.7937/tcia.2019.dc64i46r, CC BY)" in message
    assert "kedro run --env=cnmc --pipeline=rf --params=images=/path/to/C-NMC_training_data" in message


def test_a_file_instead_of_a_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "cells.zip").touch()
    dataset = CellImageFolder(path=str(tmp_path / "cells.zip"))

    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"is not a folder\..*Download and unpack"):
        dataset.load()


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "fold_0" / "all").mkdir(parents=True)

    with pytest.raises(DatasetError, match=r"holds no files\. Name one"):
        CellImageFolder(path=str(tmp_path)).load()


def test_it_never_writes(tmp_path: Path) -> None:
    dataset = CellImageFolder(path=str(tmp_path))

    with pytest.raises(DatasetError, match="read only"):
        dataset.save({"a.bmp": RGB})
    assert list(tmp_path.iterdir()) == []


def test_it_is_made_from_a_catalog_entry(tmp_path: Path) -> None:
    write_image(tmp_path / "a.bmp")
    entry = {
        "type": "blastscreen.datasets.cell_image_folder.CellImageFolder",
        "path": str(tmp_path),
        "metadata": {"kedro-viz": {"layer": "raw"}},
    }

    dataset = AbstractDataset.from_config("raw_cells", entry)

    assert dataset.exists()
    assert list(dataset.load()) == ["a.bmp"]
    assert str(tmp_path) in repr(dataset)
    assert dataset.metadata == {"kedro-viz": {"layer": "raw"}}


def test_a_cap_without_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="max_pixels must be at least 1, not 0"):
        CellImageFolder(path=str(tmp_path), max_pixels=0)


def test_real_cells_are_all_read(cnmc: Path) -> None:
    images = CellImageFolder(path=str(cnmc)).load()
    cells = [key for key in images if key.startswith("C-NMC_training_data/")]

    assert len(cells) == 52
    assert all(images[key]().shape == (450, 450, 3) for key in cells)


SHEET = "Patient_ID,new_names,labels\nUID_57_29_1_all.bmp,1.bmp,1\nUID_H40_2_1_hem.bmp,2.bmp,0\n"


def test_a_sheet_of_labels_in_the_folder_gives_names_and_is_no_image(tmp_path: Path) -> None:
    for name in ("1.bmp", "2.bmp"):
        write_image(tmp_path / name)
    # as spreadsheets save it: with a byte order mark
    (tmp_path / "labels.csv").write_text(SHEET, encoding="utf-8-sig")

    images = CellImageFolder(path=str(tmp_path), labels=str(tmp_path / "labels.csv")).load()

    assert list(images) == ["1.bmp", "2.bmp"]
    assert {key: name.subject_id for key, name in images.cell_names.items()} == {"1.bmp": "57", "2.bmp": "H40"}
    assert list(CellImageFolder(path=str(tmp_path)).load()) == ["1.bmp", "2.bmp", "labels.csv"]


def test_other_files_need_no_row_and_stay_rows_of_the_index(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "1.bmp")
    write_image(tmp_path / "images" / "2.bmp")
    (tmp_path / "images" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "labels.csv").write_text(SHEET)

    images = CellImageFolder(path=str(tmp_path / "images"), labels=str(tmp_path / "labels.csv")).load()

    assert list(images) == ["1.bmp", "2.bmp", "Thumbs.db"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("", "no column"),
        (SHEET.replace("2.bmp", "3.bmp"), "without a row: 2.bmp"),
    ],
)
def test_a_sheet_that_does_not_serve_is_named_with_what_is_wrong(
    tmp_path: Path, content: str | None, said: str
) -> None:
    write_image(tmp_path / "1.bmp")
    write_image(tmp_path / "2.bmp")
    sheet = tmp_path / "labels.csv"
    if content is not None:
        sheet.write_text(content)
    with pytest.raises(LabelsRefused, match=rf"labels\.csv' can't be used: (?s:.*){said}"):
        CellImageFolder(path=str(tmp_path), labels=str(sheet)).load()
