"""What a file is, by its first bytes."""

import io

import numpy as np
import pytest
from PIL import Image, features

from blastscreen.imaging.decoding import identify_format
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
# formats without a signature of their own
ANONYMOUS = {"DIB", "PALM", "SPIDER", "TGA", "XBM"}
SUPPORTED = {"BMP": "bmp", "PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "TIFF": "tiff"}


def written_by_pillow() -> dict[str, bytes]:
    Image.init()
    files = {}
    for name in sorted(set(Image.SAVE) - ANONYMOUS):
        if name == "AVIF" and not features.check("avif"):
            continue
        buffer = io.BytesIO()
        for mode in ("RGB", "P", "1"):
            try:
                PICTURE.convert(mode).save(buffer, name)
            except (OSError, ValueError, KeyError):
                continue
            break
        if buffer.getvalue():
            files[name] = buffer.getvalue()
    return files


FILES = written_by_pillow()


@pytest.mark.parametrize("name", SUPPORTED)
def test_supported_formats_are_named(name: str) -> None:
    assert identify_format(FILES[name]) == SUPPORTED[name]


@pytest.mark.parametrize("name", sorted(set(FILES) - set(SUPPORTED)))
def test_other_pictures_that_pillow_writes_are_told_from_rubbish(name: str) -> None:
    with pytest.raises(ImageRejected) as rejected:
        identify_format(FILES[name])

    assert rejected.value.code == ReasonCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(
    "data", [b"x", b"B", b"\x89PN", b"II*", b"Patient_ID,labels\n", b"\0" * 200, b"RIFF\0\0\0\0WAVE"]
)
def test_what_is_no_picture_is_unreadable(data: bytes) -> None:
    with pytest.raises(ImageRejected) as rejected:
        identify_format(data)

    assert rejected.value.code == ReasonCode.UNREADABLE
