"""Parts of two runs at a time: one works while the other ends well and empties the folder."""

import subprocess
import sys

import pytest

from blastscreen.datasets import PartFolder

RECORDS = [{"image_id": "a", "area": 0.1}, {"image_id": "b", "area": float("inf")}]

WRITER = """
import sys
from blastscreen.datasets import PartFolder
files = PartFolder(filepath=sys.argv[1]).load()
records = [{"image_id": "a", "area": 0.1}, {"image_id": "b", "area": float("inf")}]
print("writing", flush=True)
for number in range(80):
    files.write(f"{number % 7}", records)
"""


def test_what_was_written_is_read(tmp_path):
    files = PartFolder(filepath=str(tmp_path / "parts")).load()
    assert files.read("key") is None
    files.write("key", RECORDS)
    assert files.read("key") == RECORDS
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["key.part"]


def test_emptying_the_folder_never_fails_the_run_that_writes_to_it(tmp_path):
    folder = PartFolder(filepath=str(tmp_path / "parts"))
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "parts")],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as writer:
        assert writer.stdout.readline() == "writing\n"
        emptied = 0
        while writer.poll() is None:
            folder.forget_unfinished()
            part = folder.load().read("3")
            assert part is None or part == RECORDS
            emptied += 1
        assert writer.returncode == 0, writer.stderr.read()
    assert emptied > 5


def test_what_cannot_be_written_is_an_error_all_the_same(tmp_path, full_disk):
    files = PartFolder(filepath=str(tmp_path / "parts")).load()
    with full_disk(), pytest.raises(OSError, match="File too large"):
        files.write("key", [number**3 for number in range(100_000)])
    assert files.read("key") is None
