"""Images and stacks of cells under memory://, an object store within this process, and over HTTP on loopback."""

import pickle
import threading
import uuid
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import fsspec
import numpy as np
import pandas as pd
import pytest
from kedro.io.core import DatasetError, Version
from PIL import Image

from blastscreen.datasets import ArrayStack, AtomicParquet, CellImageFolder
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.decoding import ImageRejected, StorageError, decode_partition
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, ReasonCode

RGB = np.random.default_rng(0).integers(0, 256, (9, 10, 3), dtype=np.uint8)
PIXELS = np.random.default_rng(1).integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
NAMES = [f"fold_0/all/Zelle ß_{number}\\xff.bmp" for number in range(len(PIXELS))]
OLD, NEW, NEWEST = "2024-01-01T00.00.00.000Z", "2025-01-01T00.00.00.000Z", "2026-01-01T00.00.00.000Z"
HOSTILE_NAMES = [
    "fold_0/all/plain.bmp",
    "fold_0/.hidden.bmp",
    "with space é 空.bmp",
    "line\nbreak.bmp",
    "back\\slash.bmp",
    "\u202egnp.bmp",
    "star*[ab]?{c}.bmp",
    "::memory:::a.bmp",
    "%2e%2e%2fetc?versionId=1#top.bmp",
    "$HOME ~ ;rm.bmp",
    "Thumbs.db",
]


def encode(pixels=RGB):
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="BMP")
    return file.getvalue()


@pytest.fixture
def storage():
    """A file system in memory, and a folder in it that is this test's own."""
    fs, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    yield fs, folder
    if fs.exists(folder):
        fs.rm(folder, recursive=True)


@pytest.fixture
def images(storage):
    """Put files into a folder of images; give what lists them."""
    fs, folder = storage

    def put(files, **settings):
        for name, content in files.items():
            fs.pipe_file(f"{folder}/cells/{name}", content)
        return CellImageFolder(path=f"memory:/{folder}/cells", **settings)

    return put


@pytest.fixture
def stacks(storage):
    """Make datasets of one catalog entry for cells."""
    _, folder = storage

    def make(*, load=None, save=None, versioned=True, **settings):
        version = Version(load, save) if versioned else None
        return ArrayStack(filepath=f"memory:/{folder}/cells.zarr", version=version, **settings)

    return make


def make_stack(pixels=PIXELS):
    return CellStack(image_ids=NAMES[: len(pixels)], side=12, read=lambda i, j: pixels[i:j])


def code_of(image):
    with pytest.raises(ImageRejected) as rejected:
        image()
    return rejected.value.code


def test_names_and_pixels_are_those_of_a_local_folder(images, tmp_path):
    dataset = images(dict.fromkeys(HOSTILE_NAMES, encode()))
    for name in HOSTILE_NAMES:
        (tmp_path / "cells" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cells" / name).write_bytes(encode())
    local = CellImageFolder(path=f"file://{tmp_path}/cells").load()
    remote = dataset.load()
    assert dataset.exists()
    assert list(remote) == list(local)
    assert remote.data_source == local.data_source == "cells"
    for key, image in remote.items():
        assert len(pickle.dumps(image)) < 500
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(image))(), RGB)
        assert image.decode().reasons == local[key].decode().reasons


def test_nothing_but_what_was_listed_can_be_asked_for(images, storage):
    loaded = images({"a.bmp": encode()}).load()
    storage[0].pipe_file(f"{storage[1]}/secret.bmp", encode())
    for name in ("../secret.bmp", "b.bmp", ""):
        with pytest.raises(KeyError):
            loaded[name]


def test_a_written_file_changes_its_fingerprint_and_no_other(images):
    before = images({"a.bmp": encode(), "b.bmp": encode()}).load()
    assert images({}).load().fingerprint(["a.bmp", "b.bmp"]) == before.fingerprint(["a.bmp", "b.bmp"])
    after = images({"a.bmp": encode()}).load()
    assert after.fingerprint(["a.bmp"]) != before.fingerprint(["a.bmp"])
    assert after.fingerprint(["b.bmp"]) == before.fingerprint(["b.bmp"])
    assert before.fingerprint(["a.bmp"]) != before.fingerprint(["b.bmp"])


def test_what_is_no_image_or_changed_meanwhile_is_rejected(images, storage):
    fs, folder = storage
    files = {"empty.bmp": b"", "text.bmp": b"no picture at all"} | dict.fromkeys(("gone.bmp", "grown.bmp"), encode())
    loaded = images(files).load()
    fs.rm_file(f"{folder}/cells/gone.bmp")
    fs.pipe_file(f"{folder}/cells/grown.bmp", encode() + b"more")
    codes = {key: code_of(image) for key, image in loaded.items()}
    assert codes.pop("empty.bmp") == ReasonCode.EMPTY_FILE
    assert set(codes.values()) == {ReasonCode.UNREADABLE}
    assert images({}).load()["grown.bmp"].listed.size == len(encode()) + 4


def test_huge_files_are_rejected_unread(images, storage):
    allowed = 8 * 1_000 + 16 * 2**20
    loaded = images({"over.bmp": bytes(allowed + 1)}, max_pixels=1_000).load()
    storage[0].rm_file(f"{storage[1]}/cells/over.bmp")
    assert code_of(loaded["over.bmp"]) == ReasonCode.TOO_MANY_PIXELS


def test_marker_and_sheet_of_labels_are_no_rows(images, storage):
    sheet = b"Patient_ID,new_names,labels\nUID_57_29_1_all.bmp,1.bmp,1\nUID_H40_2_1_hem.bmp,2.bmp,0\n"
    files = {"1.bmp": encode(), "2.bmp": encode(), GENERATED_MARKER: b"drawn", "labels.csv": sheet}
    loaded = images(files, labels=f"memory:/{storage[1]}/cells/labels.csv").load()
    assert list(loaded) == ["1.bmp", "2.bmp"]
    assert {key: name.subject_id for key, name in loaded.cell_names.items()} == {"1.bmp": "57", "2.bmp": "H40"}
    assert loaded.data_source == GENERATED_SAMPLE
    with pytest.raises(DatasetError, match=r"can't be used: (?s:.*)without a row: 3\.bmp"):
        images({"3.bmp": encode()}, labels=f"memory:/{storage[1]}/cells/labels.csv").load()


def test_a_folder_that_is_not_there_and_a_protocol_that_is_not_known_say_so(storage):
    missing = CellImageFolder(path=f"memory:/{storage[1]}/absent")
    assert not missing.exists()
    with pytest.raises(DatasetError, match=r"There is no folder 'memory://.*Download and unpack"):
        missing.load()
    with pytest.raises(DatasetError, match="nowhere:// can't be reached: Protocol not known"):
        CellImageFolder(path="nowhere://cells").load()


class Server(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Keep quiet."""

    def list_directory(self, path):
        return self.send_error(404) if path.rstrip("/").endswith("closed") else super().list_directory(path)


@pytest.fixture
def website(tmp_path):
    """A folder on a server on loopback, and what stops the server."""
    pytest.importorskip("aiohttp", reason="needs the extra: pip install 'blastscreen[s3]'")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def stop():
        server.shutdown()
        server.server_close()
        thread.join()

    yield CellImageFolder(path=f"http://127.0.0.1:{server.server_port}/"), stop
    if thread.is_alive():
        stop()


def test_a_server_that_falls_silent_ends_the_run_and_rejects_nothing(website, tmp_path):
    dataset, stop = website
    (tmp_path / "a.bmp").write_bytes(encode())
    loaded = dataset.load()
    np.testing.assert_array_equal(loaded["a.bmp"](), RGB)
    stop()
    with pytest.raises(StorageError, match=r"http://127.*/a\.bmp can't be read"):
        decode_partition(loaded["a.bmp"])
    # plain HTTP does not tell when files change: nothing is kept for another run
    assert loaded.fingerprint(["a.bmp"]) is None


def test_a_folder_that_cannot_be_listed_is_not_passed_over(website, tmp_path):
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.bmp").write_bytes(encode())
    with pytest.raises(DatasetError, match=r"or not all of it: .*closed"):
        website[0].load()


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_stacks_come_back_as_they_were_saved(stacks, count, versioned):
    stored = stacks(versioned=versioned)
    assert not stored.exists()
    stored.save(make_stack(PIXELS[:count]))
    assert stored.exists()
    loaded = stacks(versioned=versioned).load()
    assert loaded.image_ids == tuple(NAMES[:count])
    np.testing.assert_array_equal(loaded.read(0, count), PIXELS[:count])
    for start, stop in [(0, count), (count // 3, count // 2), (count, count)]:
        np.testing.assert_array_equal(loaded.read(start, stop), PIXELS[start:stop])


def test_files_are_those_of_a_local_store(stacks, storage, tmp_path):
    stacks(versioned=False, chunk=7).save(make_stack())
    ArrayStack(filepath=f"file://{tmp_path}/cells.zarr", chunk=7).save(make_stack())
    local = {path.name: path.read_bytes() for path in (tmp_path / "cells.zarr").iterdir()}
    fs, folder = storage
    assert {path.rpartition("/")[2]: fs.cat_file(path) for path in fs.find(f"{folder}/cells.zarr")} == local


def test_a_batch_sent_elsewhere_is_small(stacks):
    stacks().save(make_stack())
    batch = pickle.dumps(stacks().load().batch(3, 20))
    assert len(batch) < 2_500
    np.testing.assert_array_equal(pickle.loads(batch).read(), PIXELS[3:20])


def test_versions(stacks):
    for number, version in enumerate((OLD, NEWEST, NEW)):
        stacks(save=version).save(make_stack(PIXELS[: number + 1]))
    assert len(stacks().load()) == 2
    assert len(stacks(load=NEW).load()) == 3
    assert stacks().list_versions(full_path=False) == [NEWEST, NEW, OLD]
    with pytest.raises(DatasetError, match="must not exist"):
        stacks(save=NEW).save(make_stack())


def test_a_version_that_was_never_finished_does_not_count(stacks, storage):
    fs, folder = storage
    for version in (OLD, NEW):
        stacks(save=version).save(make_stack())
    fs.rm_file(f"{folder}/cells.zarr/{NEW}/cells.zarr/zarr.json")
    assert stacks().resolve_load_version() == OLD
    assert stacks().list_versions(full_path=False) == [OLD]
    assert not stacks(load=NEW).exists()
    with pytest.raises(DatasetError, match="never finished"):
        stacks(load=NEW).load()
    stacks(save=NEW).save(make_stack(PIXELS[:3]))
    assert len(stacks().load()) == 3


def test_the_description_is_written_last(stacks, storage):
    fs, folder = storage
    seen = []

    def read(start, stop):
        seen.append(sorted(path.rpartition("/")[2] for path in fs.find(folder)))
        return PIXELS[start:stop]

    stacks().save(CellStack(image_ids=NAMES, side=12, read=read))
    assert seen == [[], ["c.0.0.0.0"], ["c.0.0.0.0", "c.1.0.0.0"]]


def test_a_save_that_fails_leaves_nothing(stacks, storage):
    def read(start, stop):
        if start:
            raise ValueError("cell_16.bmp")
        return PIXELS[start:stop]

    with pytest.raises(DatasetError, match="cell_16"):
        stacks().save(CellStack(image_ids=NAMES, side=12, read=read))
    assert storage[0].find(storage[1]) == []


def test_saving_again_replaces_an_unversioned_store_and_no_versions(stacks, storage):
    fs, folder = storage
    stacks(versioned=False).save(make_stack())
    stacks(versioned=False).save(make_stack(PIXELS[:2]))
    np.testing.assert_array_equal(stacks(versioned=False).load().read(0, 2), PIXELS[:2])
    assert [path.rpartition("/")[2] for path in fs.find(folder)] == ["c.0.0.0.0", "checksums.json", "zarr.json"]
    fs.rm(folder, recursive=True)
    stacks().save(make_stack())
    with pytest.raises(DatasetError, match="versions saved while"):
        stacks(versioned=False).save(make_stack())
    assert len(stacks().load()) == 40


@pytest.mark.parametrize("damage", ["missing", "flipped", "cut", "empty"])
def test_lost_and_damaged_files_are_never_black_cells(stacks, storage, damage):
    fs, folder = storage
    stacks(versioned=False).save(make_stack(np.zeros_like(PIXELS)))
    loaded = stacks(versioned=False).load()
    chunk = f"{folder}/cells.zarr/c.1.0.0.0"
    whole = fs.cat_file(chunk)
    fs.rm_file(chunk)
    if damage != "missing":
        fs.pipe_file(chunk, {"flipped": bytes([whole[0] ^ 1]) + whole[1:], "cut": whole[:9], "empty": b""}[damage])
    assert not loaded.read(0, 16).any()
    with pytest.raises(DatasetError, match="lacks 1 files" if damage == "missing" else "Cells 15 to 17 .* damaged"):
        loaded.read(15, 17)
    if damage == "missing":
        with pytest.raises(DatasetError, match=r"lacks 1 files of cells, such as c\.1\.0\.0\.0"):
            stacks(versioned=False).load()


def test_what_is_no_store_is_reported(stacks, storage):
    fs, folder = storage
    with pytest.raises(DatasetError, match="Did not find any versions"):
        stacks().load()
    fs.pipe_file(f"{folder}/cells.zarr/zarr.json", b'{"zarr_format": 3')
    with pytest.raises(DatasetError, match=r"no whole checksums\.json"):
        stacks(versioned=False).load()


def test_tables_lie_beside_them_in_versions(storage):
    def table(save=None):
        return AtomicParquet(filepath=f"memory:/{storage[1]}/table.parquet", version=Version(None, save))

    for number, version in enumerate((OLD, NEWEST, NEW)):
        table(version).save(pd.DataFrame({"number": [number]}))
    loaded = table().load()
    assert loaded["number"].tolist() == [1]
    assert loaded.attrs == {"version": NEWEST}
