"""Kill saves of one kind of dataset at random moments, and check what the next run finds after each.

A script of its own: it forks, so it must have no threads, and zarr, pyarrow and scikit-learn start some on first use.
Whatever uses them therefore runs in a child. Prints as JSON how many kills landed before, during and after the save,
and how many left something behind.

Usage: kill_saves.py KIND FOLDER KILLS
"""

import io
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
from kedro.io.core import DatasetError, Version

rng = np.random.default_rng(0)


class Parquet:
    def __init__(self):
        import pandas as pd
        import pyarrow.parquet  # noqa: F401  # pandas would import it within every save

        from blastscreen.datasets import AtomicParquet

        self.dataset_class = AtomicParquet
        self.contents = [pd.DataFrame(rng.normal(size=(20_000, 8)), columns=list("abcdefgh")) for _ in range(3)]

    def holds(self, dataset, content):
        return dataset.load().equals(content)


class Json:
    def __init__(self):
        from blastscreen.datasets import AtomicJSON

        self.dataset_class = AtomicJSON
        self.contents = [{"values": rng.normal(size=10_000).tolist()} for _ in range(3)]

    def holds(self, dataset, content):
        return dataset.load() == content


class Figure:
    def __init__(self):
        import matplotlib.figure as mpl_figure

        from blastscreen.datasets import AtomicFigure

        self.dataset_class = AtomicFigure
        self.contents = []
        for _ in range(3):
            figure = mpl_figure.Figure(figsize=(4, 4))
            figure.figimage(rng.random((400, 400)))
            self.contents.append(figure)
        self.expected = {id(figure): self.render(figure) for figure in self.contents}

    def render(self, figure):
        buffer = io.BytesIO()
        figure.savefig(buffer)
        return buffer.getvalue()

    def holds(self, dataset, content):
        return Path(dataset._get_load_path()).read_bytes() == self.expected[id(content)]


class Cells:
    def __init__(self):
        from blastscreen.datasets import ArrayStack
        from blastscreen.imaging.cell_stack import CellStack

        self.dataset_class = ArrayStack
        self.contents = []
        for _ in range(3):
            pixels = rng.integers(0, 256, (128, 64, 64, 3), dtype=np.uint8)
            names = [f"{pixels[0, 0, 0, 0]}_{number}" for number in range(len(pixels))]
            self.contents.append(CellStack(image_ids=names, side=64, read=lambda i, j, pixels=pixels: pixels[i:j]))

    def holds(self, dataset, content):
        found = dataset.load()
        return found.image_ids == content.image_ids and np.array_equal(found.read(0, 128), content.read(0, 128))


class Model:
    def __init__(self):
        from sklearn.ensemble import RandomForestClassifier

        from blastscreen.datasets import SkopsModel

        self.dataset_class = SkopsModel
        self.x = rng.normal(size=(200, 15))
        labels = rng.integers(0, 2, 200)
        self.contents = [RandomForestClassifier(5, random_state=seed).fit(self.x, labels) for seed in range(3)]

    def holds(self, dataset, content):
        return np.array_equal(dataset.load().predict_proba(self.x), content.predict_proba(self.x))


class Network:
    def __init__(self):
        # TensorFlow starts threads when it first computes, so that networks are made in the children, from a seed
        import keras  # noqa: F401  # every child would import it

        from blastscreen.datasets import KerasModel

        self.dataset_class = KerasModel
        self.suffix = ".keras"
        self.contents = [0, 1, 2]

    def build(self, seed):
        import keras

        values = keras.Input((300,))
        kernel = keras.initializers.GlorotUniform(seed=seed)
        return keras.Model(values, keras.layers.Dense(300, kernel_initializer=kernel)(values))

    def prepare(self, seed):
        return self.build(seed)

    def holds(self, dataset, seed):
        pairs = zip(dataset.load().get_weights(), self.build(seed).get_weights(), strict=True)
        return all(np.array_equal(found, expected) for found, expected in pairs)


class Store:
    """A store that is saved to and killed over and over; its version v holds content v modulo 3."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.path = folder / f"store{getattr(kind, 'suffix', '')}"
        self.newest = None

    def open(self, save=None):
        return self.kind.dataset_class(filepath=str(self.path), version=Version(None, save))

    def content(self, version):
        return self.kind.contents[int(version) % 3]

    def prepare(self, version):
        """Give what is saved, where it is not the content itself but made from it."""
        content = self.content(version)
        return self.kind.prepare(content) if hasattr(self.kind, "prepare") else content

    def next_version(self, after=None):
        after = after or self.newest
        return f"{int(after) + 1 if after else 0:04d}"

    def start_save(self, version):
        """Fork a child that saves, and tells through a pipe when it starts (s) and when it has ended (e)."""
        receive, send = os.pipe()
        child = os.fork()
        if child == 0:
            end_child_after(lambda: self.save_and_tell(version, send))
        os.close(send)
        return child, receive

    def save_and_tell(self, version, send):
        dataset, content = self.open(save=version), self.prepare(version)
        os.write(send, b"s")
        dataset.save(content)
        os.write(send, b"e")

    def save_undisturbed(self):
        """Seconds that it takes."""
        version = self.next_version()
        child, receive = self.start_save(version)
        assert os.read(receive, 1) == b"s"
        started = time.perf_counter()
        assert os.read(receive, 1) == b"e"
        duration = time.perf_counter() - started
        require_success(child)
        os.close(receive)
        self.newest = version
        return duration

    def kill_save(self, *, delay, started):
        """Kill a save some time after it has started, or after its process has.

        Returns where that landed, and whether it left something behind.
        """
        version = self.next_version()
        child, receive = self.start_save(version)
        heard = os.read(receive, 1) if started else b""
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        landed = {b"": "before", b"s": "during", b"se": "after"}[heard + os.read(receive, 2)]
        os.close(receive)
        remains = bool(list(self.path.rglob(".*")))
        allowed = {"before": [self.newest], "during": [self.newest, version], "after": [version]}[landed]
        child = os.fork()
        if child == 0:
            end_child_after(lambda: self.check(killed=version, allowed=allowed))
        require_success(child)
        self.newest = self.next_version(version)
        return landed, remains

    def check(self, *, killed, allowed):
        """Load what is there after a kill, then save, and look for remains."""
        dataset = self.open()
        try:
            found = dataset.resolve_load_version()
        except DatasetError as error:
            if "Did not find any versions" not in str(error):
                raise
            found = None
        assert found in allowed, f"found {found}, not one of {allowed}"
        assert dataset.exists() == (found is not None)
        assert found is None or self.kind.holds(dataset, self.content(found)), f"{found} is not whole"
        following = self.next_version(killed)
        dataset = self.open(save=following)
        dataset.save(self.prepare(following))
        assert self.kind.holds(dataset, self.content(following))
        assert not list(self.path.rglob(".*")), "what the kill left was not swept"
        whole = {Path(path).parent.name for path in self.open().list_versions()}
        assert {path.name for path in self.path.iterdir()} == whole, "an empty version is left"
        for version in whole - {following}:
            shutil.rmtree(self.path / version)


def end_child_after(function):
    """Run in a forked child and end it, without the parent's clean-up."""
    code = 1
    try:
        function()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def require_success(child):
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        raise SystemExit(f"a child ended with {code}")


def main(kind_name, folder, kills):
    random.seed(0)
    kind = {"parquet": Parquet, "json": Json, "figure": Figure, "cells": Cells, "model": Model, "network": Network}[
        kind_name
    ]()
    threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    assert len(threads) == 1, f"forking needs a process without threads, not {threads}"
    store = Store(kind, folder)
    duration = min(store.save_undisturbed() for _ in range(3))
    milliseconds = round(1000 * duration, 1)
    counts = Counter(before=0, during=0, after=0, remains=0)
    for number in range(kills):
        # now and then nothing has ever been saved, or the process dies before it comes to save
        target = Store(kind, folder / f"fresh_{number}") if number % 8 == 0 else store
        started = number % 12 != 5
        delay = random.uniform(0, 1.1 * duration) if started else 0
        landed, remains = target.kill_save(delay=delay, started=started)
        counts.update({landed: 1, "remains": int(remains)})
        if started:
            # follows the duration of a save while the load of the machine changes: about two in three land during it
            duration *= 0.8 if landed == "after" else 1.12
    sys.stdout.write(json.dumps(counts | {"milliseconds": milliseconds}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
