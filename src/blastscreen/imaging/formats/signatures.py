"""What kind of file it is, by its first bytes; the name of a file proves nothing."""

from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

SUPPORTED = {b"BM": "bmp", b"\x89PNG": "png", b"\xff\xd8": "jpeg", b"II*\x00": "tiff", b"MM\x00*": "tiff"}

# (position, bytes there, name): pictures that a microscope, a camera or a desktop leaves, and that are not read here
_OTHER_PICTURES = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphei", "HEIF"),
    (4, b"ftyphev", "HEIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
    (128, b"DICM", "DICOM"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\x8aMNG", "MNG"),
    (0, b"\x00\x00\x01\x00", "icon"),
    (0, b"\x00\x00\x02\x00", "cursor"),
    (0, b"icns", "icon"),
    (0, b"DDS ", "DDS"),
    (0, b"qoif", "QOI"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x01\xda", "SGI"),
    (0, b"Y\xa6j\x95", "Sun raster"),
    (0, b"\n\x05\x01", "PCX"),
    (0, b"DanM", "MSP"),
    (0, b"LinS", "MSP"),
    (0, b"BLP", "BLP"),
    (0, b"%!PS", "PostScript"),
    (0, b"%PDF", "PDF"),
    (0, b"/* XPM */", "XPM"),
    (0, b"Image type: ", "IM"),
    *(
        (0, b"P" + kind + space, "portable anymap")
        for kind in (b"1", b"2", b"3", b"4", b"5", b"6")
        for space in (b"\n", b" ")
    ),
    (0, b"P7\n", "portable anymap"),
    (0, b"Pf", "portable float map"),
    (0, b"PF", "portable float map"),
)


def identify_format(data: bytes) -> str:
    """Name the format of an image file.

    Args:
        data: the file, not empty.

    Returns:
        "bmp", "png", "jpeg" or "tiff".

    Raises:
        ImageRejected: UNSUPPORTED_FORMAT for another kind of picture, UNREADABLE for what is none.
    """
    for signature, name in SUPPORTED.items():
        if data.startswith(signature):
            return name
    for position, signature, name in _OTHER_PICTURES:
        if data.startswith(signature, position):
            raise ImageRejected(
                ReasonCode.UNSUPPORTED_FORMAT, f"{name}; save it as 24-bit BMP, 8-bit RGB PNG or 8-bit RGB TIFF"
            )
    raise ImageRejected(ReasonCode.UNREADABLE, "not an image")
