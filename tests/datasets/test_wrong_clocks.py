"""A version is never taken for the newest because a clock was wrong."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from kedro.io.core import VERSION_FORMAT, DatasetError, Version

from blastscreen.datasets import ArrayStack, AtomicJSON
from blastscreen.datasets.atomic import TOLERANCE, FutureVersion

OLD = "2024-01-01T00.00.00.000Z"
FUTURE = "2999-01-01T00.00.00.000Z"


def open_json(folder, *, load=None, save=None):
    return AtomicJSON(filepath=str(folder / "metrics.json"), version=Version(load, save))


def version_after(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime(VERSION_FORMAT)


def test_a_newest_version_from_the_future_is_refused_and_named(tmp_path):
    for version in (OLD, FUTURE):
        open_json(tmp_path, save=version).save({"of": version})
    for use in ("load", "exists", "resolve_load_version"):
        with pytest.raises((DatasetError, FutureVersion), match=FUTURE) as refused:
            getattr(open_json(tmp_path), use)()
        error = refused.value if use == "resolve_load_version" else refused.value.__cause__
        assert isinstance(error, FutureVersion)
        assert f"--load-versions=metrics:{FUTURE}" in str(error)
        assert f"rm -r {tmp_path / 'metrics.json' / FUTURE}" in str(error)
    for version in (OLD, FUTURE):
        assert open_json(tmp_path, load=version).load() == {"of": version}
    assert open_json(tmp_path).list_versions(full_path=False) == [FUTURE, OLD]


def test_stacks_of_cells_are_judged_alike(tmp_path):
    (tmp_path / "cells.zarr" / FUTURE / "cells.zarr").mkdir(parents=True)
    with pytest.raises(DatasetError, match="in the future"):
        ArrayStack(filepath=str(tmp_path / "cells.zarr"), version=Version(None, None)).load()


@pytest.mark.parametrize(
    ("ahead", "refused"), [(-1, False), (TOLERANCE.seconds - 60, False), (TOLERANCE.seconds + 60, True)]
)
def test_clocks_may_differ_a_little(tmp_path, ahead, refused):
    open_json(tmp_path, save=version_after(ahead)).save({})
    if refused:
        with pytest.raises(DatasetError, match="A clock is wrong"):
            open_json(tmp_path).load()
    else:
        assert open_json(tmp_path).load() == {}


def test_names_that_are_no_times_are_not_judged(tmp_path):
    open_json(tmp_path, save="reviewed").save({"by": "hand"})
    assert open_json(tmp_path).load() == {"by": "hand"}


def test_a_run_whose_version_is_not_the_newest_is_told_once_and_reads_its_own(tmp_path, caplog):
    open_json(tmp_path, save=FUTURE).save({"run": "of a clock ahead"})
    with caplog.at_level(logging.WARNING, "blastscreen"):
        for name in ("a", "b"):
            run = open_json(tmp_path, save=version_after(0)[:-4] + name)
            run.save({"run": "right"})
            run.release()
            assert run.load() == {"run": "right"}
            AtomicJSON(filepath=str(tmp_path / "other.json"), version=run._version).save({})
    told = [record.getMessage() for record in caplog.records if FUTURE in record.getMessage()]
    assert len(told) == 2
    assert "the clock was set back" in told[0]
