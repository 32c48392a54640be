import hashlib
import json
import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest
import zarr
from kedro.io.core import DatasetError, Version

from blastscreen.datasets import ArrayStack
from blastscreen.datasets.stack_format import CellFiles, find_checksum
from blastscreen.imaging.cell_stack import CellStack

SIDE = 12
PIXELS = np.random.default_rng(0).integers(0, 256, (40, SIDE, SIDE, 3), dtype=np.uint8)
NAMES = [f"fold_0/all/Zelle ß_{number}\\xff.bmp" for number in range(len(PIXELS))]
OLD, NEW, NEWEST = "2024-01-01T00.00.00.000Z", "2025-01-01T00.00.00.000Z", "2026-01-01T00.00.00.000Z"


def make_stack(pixels=PIXELS):
    return CellStack(image_ids=NAMES[: len(pixels)], side=pixels.shape[1], read=lambda i, j: pixels[i:j])


def make_dataset(folder, *, load=None, save=None, **settings):
    return ArrayStack(filepath=str(folder / "cells.zarr"), version=Version(load, save), **settings)


def read_all(stack, size=7):
    return np.concatenate([pixels for _, pixels in stack.batches(size)])


@pytest.fixture
def saved(tmp_path):
    """An unversioned store with one chunk of 16 cells after the other, and its folder."""
    dataset = ArrayStack(filepath=str(tmp_path / "cells.zarr"))
    dataset.save(make_stack())
    return dataset, tmp_path / "cells.zarr"


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
@pytest.mark.parametrize("count", [0, 1, 16, 40])
def test_round_trip(tmp_path, count, version):
    path = str(tmp_path / "deep" / "cells.zarr")
    dataset = ArrayStack(filepath=path, version=version)
    assert not dataset.exists()
    dataset.save(make_stack(PIXELS[:count]))
    assert dataset.exists()
    loaded = ArrayStack(filepath=path, version=version).load()
    assert loaded.image_ids == tuple(NAMES[:count])
    assert loaded.side == SIDE
    np.testing.assert_array_equal(loaded.read(0, count), PIXELS[:count])


@pytest.mark.parametrize("chunk", [1, 5, 40, 100])
def test_any_chunk_and_any_range(tmp_path, chunk):
    make_dataset(tmp_path, chunk=chunk).save(make_stack())
    loaded = make_dataset(tmp_path).load()
    for start, stop in [(0, 40), (3, 4), (4, 11), (39, 40), (20, 20)]:
        np.testing.assert_array_equal(loaded.read(start, stop), PIXELS[start:stop])
    np.testing.assert_array_equal(loaded.cell(NAMES[17]), PIXELS[17])
    np.testing.assert_array_equal(read_all(loaded), PIXELS)
    np.testing.assert_array_equal(read_all(loaded, size=16), PIXELS)


def test_zarr_reads_the_store_and_writes_the_same_files(saved, tmp_path):
    folder = saved[1]
    array = zarr.open_array(store=str(folder), mode="r")
    np.testing.assert_array_equal(array[:], PIXELS)
    layout = {"chunks": array.chunks, "compressors": array.compressors}
    again = zarr.create_array(
        store=str(tmp_path / "again.zarr"),
        shape=array.shape,
        dtype=array.dtype,
        chunk_key_encoding={"name": "default", "separator": "."},
        **layout,
    )
    again[:] = PIXELS
    files = [path.name for path in folder.glob("c.*")]
    assert len(files) == 3
    for name in files:
        assert (folder / name).read_bytes() == (tmp_path / "again.zarr" / name).read_bytes()


def test_a_file_from_a_store_of_another_layout_is_reported(saved, tmp_path):
    ArrayStack(filepath=str(tmp_path / "other" / "cells.zarr"), chunk=8).save(make_stack())
    smaller = tmp_path / "other" / "cells.zarr" / "c.2.0.0.0"
    (saved[1] / "c.1.0.0.0").write_bytes(smaller.read_bytes())
    with pytest.raises(DatasetError, match=r"Cells 16 to 32 .* are damaged \(not the files that were saved"):
        saved[0].load().read(16, 32)


def test_one_cell_does_not_keep_its_neighbours_in_memory(saved):
    assert saved[0].load().cell(NAMES[3]).base.nbytes == PIXELS[0].nbytes


@pytest.mark.parametrize(("names", "origin"), [(NAMES, "b"), (NAMES[::-1], "a")])
def test_what_is_kept_of_other_cells_is_not_taken_over(tmp_path, names, origin):
    store = ArrayStack(filepath=str(tmp_path / "cells.zarr"))
    for pixels, of, why in ((PIXELS, NAMES, "a"), (255 - PIXELS, names, origin)):
        store.save(CellStack(image_ids=of, side=SIDE, read=lambda i, j, pixels=pixels: pixels[i:j], origin=why))
    np.testing.assert_array_equal(store.load().read(0, len(NAMES)), 255 - PIXELS)


def test_an_interrupted_save_goes_on_where_it_was(tmp_path):
    asked = []

    def stack(last):
        def read(start, stop):
            asked.append(start)
            if start > last:
                raise KeyboardInterrupt
            return PIXELS[start:stop]

        return CellStack(image_ids=NAMES, side=SIDE, read=read, origin="a")

    with pytest.raises(KeyboardInterrupt):
        make_dataset(tmp_path, save=OLD).save(stack(last=16))
    dataset = make_dataset(tmp_path, save=NEW)
    dataset.save(stack(last=32))
    assert asked == [0, 16, 32, 32]
    np.testing.assert_array_equal(read_all(dataset.load()), PIXELS)
    dataset.forget_unfinished()
    assert [path.name for path in (tmp_path / "cells.zarr").iterdir()] == [NEW]


def test_a_save_that_takes_over_files_never_writes_to_those_of_a_version(tmp_path):
    for version in (OLD, NEW):
        stack = CellStack(image_ids=NAMES, side=SIDE, read=lambda i, j: PIXELS[i:j], origin="a")
        make_dataset(tmp_path, save=version).save(stack)
        if version == OLD:
            folder = tmp_path / "cells.zarr" / OLD / "cells.zarr"
            written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    assert (folder / "c.0.0.0.0").samefile(tmp_path / "cells.zarr" / NEW / "cells.zarr" / "c.0.0.0.0")


def test_files_are_the_same_each_time_they_are_made():
    noise = np.random.default_rng(0).integers(0, 256, (16, 300, 300, 3), dtype=np.uint8)
    assert len({CellFiles(300, 16).encode(noise) for _ in range(5)}) == 1


def test_black_cells_are_stored_not_assumed(tmp_path):
    make_dataset(tmp_path, save=OLD).save(make_stack(np.zeros_like(PIXELS)))
    chunks = sorted(path.name for path in (tmp_path / "cells.zarr" / OLD / "cells.zarr").glob("c.*"))
    assert chunks == ["c.0.0.0.0", "c.1.0.0.0", "c.2.0.0.0"]
    assert not make_dataset(tmp_path).load().read(0, 40).any()


def test_a_loaded_stack_can_be_pickled_and_saved(saved, tmp_path):
    stack = pickle.loads(pickle.dumps(saved[0].load()))
    np.testing.assert_array_equal(read_all(stack), PIXELS)
    make_dataset(tmp_path / "copy").save(stack)
    np.testing.assert_array_equal(read_all(make_dataset(tmp_path / "copy").load()), PIXELS)


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
def test_missing_store(tmp_path, version):
    dataset = ArrayStack(filepath=str(tmp_path / "cells.zarr"), version=version)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="cannot be opened" if version is None else "Did not find any versions"):
        dataset.load()


def test_versions(tmp_path):
    for number, version in enumerate((OLD, NEWEST, NEW)):
        make_dataset(tmp_path, save=version).save(make_stack(PIXELS[: number + 1]))
    assert len(make_dataset(tmp_path).load()) == 2
    assert len(make_dataset(tmp_path, load=NEW).load()) == 3
    with pytest.raises(DatasetError, match="must not exist"):
        make_dataset(tmp_path, save=NEW).save(make_stack())


def test_writers_at_the_same_time_keep_apart_and_load_what_they_saved(tmp_path):
    run, other_run = make_dataset(tmp_path, save=NEW), make_dataset(tmp_path, save=NEWEST)

    def read(start, stop):
        if start == 16:
            other_run.save(make_stack(PIXELS[:3]))
        return PIXELS[start:stop]

    run.save(CellStack(image_ids=NAMES, side=SIDE, read=read))
    run.release()
    np.testing.assert_array_equal(read_all(run.load()), PIXELS)
    np.testing.assert_array_equal(read_all(other_run.load()), PIXELS[:3])
    assert len(make_dataset(tmp_path).load()) == 3


def test_the_same_version_is_never_replaced(tmp_path):
    run, other_run = make_dataset(tmp_path, save=NEW), make_dataset(tmp_path, save=NEW)

    def read(start, stop):
        if start == 0:
            other_run.save(make_stack(PIXELS[:3]))
        return PIXELS[start:stop]

    with pytest.raises(DatasetError, match="Another run saved"):
        run.save(CellStack(image_ids=NAMES, side=SIDE, read=read))
    assert len(make_dataset(tmp_path).load()) == 3


def test_saving_again_replaces_an_unversioned_store(saved, tmp_path):
    dataset, folder = saved
    dataset.save(make_stack(PIXELS[:2]))
    np.testing.assert_array_equal(read_all(dataset.load()), PIXELS[:2])
    assert sorted(path.name for path in folder.iterdir()) == ["c.0.0.0.0", "checksums.json", "zarr.json"]
    assert list(tmp_path.iterdir()) == [folder]


def test_versions_are_not_replaced_by_an_unversioned_save(tmp_path):
    make_dataset(tmp_path, save=OLD).save(make_stack())
    with pytest.raises(DatasetError, match="versions saved while"):
        ArrayStack(filepath=str(tmp_path / "cells.zarr")).save(make_stack(PIXELS[:1]))
    np.testing.assert_array_equal(read_all(make_dataset(tmp_path).load()), PIXELS)


def test_cells_that_fail_to_be_made_leave_nothing(tmp_path):
    def read(start, stop):
        if start:
            raise FileNotFoundError(2, "No such file or directory", "cell_16.bmp")
        return PIXELS[start:stop]

    with pytest.raises(DatasetError, match=r"No such file or directory: 'cell_16\.bmp'"):
        make_dataset(tmp_path).save(CellStack(image_ids=NAMES, side=SIDE, read=read))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_and_the_next_save_works(tmp_path, full_disk):
    noise = make_stack(np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8))
    dataset = make_dataset(tmp_path, save=OLD)
    with full_disk(), pytest.raises(DatasetError, match="File too large"):
        dataset.save(noise)
    assert list(tmp_path.iterdir()) == []
    dataset.save(noise)
    np.testing.assert_array_equal(read_all(dataset.load()), noise.read(0, 40))


def test_a_file_missing_at_load_is_reported(saved):
    dataset, folder = saved
    (folder / "c.1.0.0.0").unlink()
    with pytest.raises(DatasetError, match=r"lacks 1 files of cells, such as c\.1\.0\.0\.0"):
        dataset.load()


def test_a_file_that_vanishes_after_load_is_reported(saved):
    dataset, folder = saved
    stack = dataset.load()
    (folder / "c.1.0.0.0").unlink()
    np.testing.assert_array_equal(stack.read(0, 16), PIXELS[:16])
    np.testing.assert_array_equal(stack.read(32, 40), PIXELS[32:])
    for start, stop in [(15, 17), (31, 32), (0, 40)]:
        with pytest.raises(DatasetError, match="lacks 1 files"):
            stack.read(start, stop)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "zeros", "neighbour"])
def test_a_damaged_file_is_reported(saved, damage):
    dataset, folder = saved
    chunk = folder / "c.1.0.0.0"
    whole = chunk.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 20, replace=False):
        flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        zeros, neighbour = b"\0" * len(whole), (folder / "c.0.0.0.0").read_bytes()
        damaged = {"flip": flipped, "cut": whole[:place], "empty": b"", "zeros": zeros, "neighbour": neighbour}
        chunk.write_bytes(damaged[damage])
        with pytest.raises(DatasetError, match=r"Cells 16 to 32 .* are damaged"):
            dataset.load().read(16, 32)


def describe_anew(folder, description):
    """Put another description into a store, as somebody could who knows how damage is told."""
    checksums = [find_checksum(path.read_bytes()) for path in sorted(folder.glob("c.*"))]
    (folder / "zarr.json").write_bytes(description)
    listed = {"zarr.json": hashlib.sha256(description).hexdigest(), "files": checksums}
    (folder / "checksums.json").write_text(json.dumps(listed))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"image_ids": NAMES[:39]}, "names 39 cells and holds \\(40,"),
        ({"image_ids": [*NAMES[:39], NAMES[0]]}, "occur more than once"),
        ({"blastscreen_format": 2}, "not a store of cells in format 1"),
        ({"image_ids": None}, "not a store of cells in format 1"),
    ],
)
def test_a_store_that_contradicts_itself_is_reported(saved, attributes, message):
    dataset, folder = saved
    description = json.loads((folder / "zarr.json").read_text())
    description["attributes"] |= attributes
    describe_anew(folder, json.dumps(description).encode())
    with pytest.raises(DatasetError, match=message):
        dataset.load()


@pytest.mark.parametrize("what", ["cut", "nothing", "file", "foreign"])
def test_what_is_no_store_is_reported(saved, what):
    dataset, folder = saved
    if what == "cut":
        describe_anew(folder, (folder / "zarr.json").read_bytes()[:100])
    elif what == "foreign":
        zarr.create_array(store=str(folder), shape=(3,), dtype=float, overwrite=True)
        describe_anew(folder, (folder / "zarr.json").read_bytes())
    else:
        for path in folder.iterdir():
            path.unlink()
        if what == "file":
            folder.rmdir()
            folder.write_text("not a folder")
    with pytest.raises(DatasetError, match="not a store of cells" if what == "foreign" else "cannot be opened"):
        dataset.load()


def test_impossible_settings_are_refused():
    with pytest.raises(DatasetError, match="at least 1 cell"):
        ArrayStack(filepath="cells.zarr", chunk=0)
    with pytest.raises(DatasetError, match="nowhere:// can't be reached: Protocol not known"):
        ArrayStack(filepath="nowhere://bucket/cells.zarr")


MEMORY = """
import resource, sys
import numpy as np
from blastscreen.datasets import ArrayStack
from blastscreen.datasets.stack_format import CellFiles
from blastscreen.imaging.cell_stack import CellStack

cell = np.random.default_rng(0).integers(0, 256, (1, 200, 200, 3), dtype=np.uint8)

def save_and_read(count):
    dataset = ArrayStack(filepath=sys.argv[1])
    read = lambda start, stop: cell.repeat(stop - start, axis=0)
    dataset.save(CellStack(image_ids=map(str, range(count)), side=200, read=read))
    for image_ids, pixels in dataset.load().batches(16):
        assert (pixels == cell).all()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

few = save_and_read(160)
print(save_and_read(1200) - few)
"""


def test_memory_stays_flat(tmp_path):
    """1200 cells are 137 MiB; the peak may grow by a tenth of that over the peak for 160 cells."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "cells.zarr")], text=True, stdout=subprocess.PIPE, check=True
    )
    assert float(done.stdout) < 14


def test_real_cells_take_a_sixth_of_their_size(tmp_path, cnmc):
    files = sorted((cnmc / "C-NMC_training_data").rglob("*.bmp"))
    pixels = np.stack([cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in files])
    dataset = ArrayStack(filepath=str(tmp_path / "cells.zarr"))
    names = [path.name for path in files]
    dataset.save(CellStack(image_ids=names, side=pixels.shape[1], read=lambda i, j: pixels[i:j]))
    np.testing.assert_array_equal(read_all(dataset.load(), size=16), pixels)
    stored = sum(path.stat().st_size for path in (tmp_path / "cells.zarr").iterdir())
    assert stored < pixels.nbytes / 5.5
