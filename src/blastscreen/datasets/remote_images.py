"""Cell images in an object store or on a server, listed once and read lazily."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from fsspec import AbstractFileSystem
from numpy.typing import NDArray

from blastscreen.cohort.names import CellName
from blastscreen.datasets.file_names import escape_text, unescape_text
from blastscreen.datasets.local_images import require_size, size_limit
from blastscreen.datasets.remote_listing import ListedObject
from blastscreen.imaging.decoding import DecodedImage, decode_image
from blastscreen.imaging.rejection import ImageRejected, StorageError
from blastscreen.redaction import redact_path
from blastscreen.vocabulary import GENERATED_SAMPLE, ReasonCode


@dataclass(frozen=True)
class RemoteImage:
    """One listed file, not yet opened; small when it is sent to where it is to be read.

    Attributes:
        fs: the storage.
        root: path of the folder in it.
        key: the file's escaped name, relative to the folder.
        kind: what the listing called it.
        size: bytes, as listed; None if unknown.
        max_pixels: largest frame that is decoded.
    """

    fs: AbstractFileSystem
    root: str
    key: str
    kind: str
    size: int | None
    max_pixels: int

    def __call__(self) -> NDArray[np.uint8]:
        """Read the pixels (height, width, 3), RGB; raises `ImageRejected`."""
        return self.decode().pixels

    def decode(self) -> DecodedImage:
        """Read and decode the file.

        Returns:
            The pixels and the review codes of the file.

        Raises:
            ImageRejected: NOT_A_FILE (a link, for example), UNREADABLE (vanished or changed since it was listed),
                TOO_MANY_PIXELS (a file larger than any frame of `max_pixels` needs), or what `decode_image` finds.
            StorageError: The storage does not answer, or no longer lets us in.
        """
        if self.kind != "file":
            raise ImageRejected(ReasonCode.NOT_A_FILE, f"the storage calls it a {self.kind}")
        require_size(self.size or 0, max_pixels=self.max_pixels)
        data = self._read(size_limit(self.max_pixels) if self.size is None else self.size)
        require_size(len(data), max_pixels=self.max_pixels)
        if self.size not in (None, len(data)):
            raise ImageRejected(ReasonCode.UNREADABLE, "changed since it was listed")
        return decode_image(data, suffix=PurePosixPath(self.key).suffix, max_pixels=self.max_pixels)

    def _read(self, size: int) -> bytes:
        if not size:
            return b""  # stores refuse to give a range of nothing
        path = f"{self.root}/{unescape_text(self.key)}"
        try:
            data: bytes = self.fs.cat_file(path, start=0, end=size + 1)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ImageRejected(ReasonCode.UNREADABLE, "vanished since it was listed") from error
        except Exception as error:  # every storage has its own
            raise StorageError(
                f"{self.fs.unstrip_protocol(path)} can't be read ({type(error).__name__}: {error}). That may be no "
                "fault of the file, so it was not rejected. Check network and credentials, then run again"
            ) from error
        return data


class RemoteImages(Mapping[str, RemoteImage]):
    """The files of a remote folder by their escaped names, sorted; a file is opened when its value is called.

    Attributes:
        data_source: as of the local `CellImages`.
        cell_names: as of those.
    """

    def __init__(
        self,
        fs: AbstractFileSystem,
        root: str,
        objects: Mapping[str, ListedObject],
        *,
        is_drawn: bool,
        max_pixels: int,
        cell_names: Mapping[str, CellName],
    ) -> None:
        self.data_source = GENERATED_SAMPLE if is_drawn else escape_text(redact_path(root))
        self.cell_names = cell_names
        self._fs, self._root, self._max_pixels = fs, root, max_pixels
        self._objects = dict(sorted(objects.items()))

    def fingerprint(self, image_ids: Iterable[str]) -> str | None:
        """Hash names, sizes and stamps of some files, as they were listed; None if the storage gives no stamps."""
        facts = [(image_id, self._objects[image_id]) for image_id in image_ids]
        if any(listed.stamp is None for _, listed in facts):
            return None
        return hashlib.blake2b(repr([(key, *listed) for key, listed in facts]).encode(), digest_size=16).hexdigest()

    def __getitem__(self, key: str) -> RemoteImage:
        listed = self._objects[key]
        return RemoteImage(self._fs, self._root, key, listed.kind, listed.size, self._max_pixels)

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)
