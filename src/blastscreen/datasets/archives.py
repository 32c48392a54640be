"""Limits of zip archives: a small file must not unpack to what fills the memory."""

from zipfile import ZipFile

# Of the archives saved here, forests pack best: to a fifth, their description to a twentieth.
_LARGEST_RATIO = 100


def require_modest(archive: ZipFile, *, size: int) -> None:
    """Refuse an archive before anything is unpacked.

    Args:
        archive: Opened.
        size: Of its file, bytes.

    Raises:
        ValueError: It would unpack to more than a hundred times its size.
    """
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _LARGEST_RATIO * size:
        raise ValueError(f"{size} bytes would unpack to {unpacked}")
