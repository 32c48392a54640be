"""What results follow from: two runs with the same fingerprints compute the same."""

import hashlib
import json
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("numba", "numpy", "opencv-python-headless", "pandas", "pillow", "scikit-image", "scipy")
_PACKAGE = Path(__file__).parent


@cache
def code_fingerprint() -> str:
    """Hash the code of this package and the versions of the libraries that pixels and features pass through.

    Returns:
        The same on every machine with the same code, Python and libraries.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = {name: version(name) for name in _LIBRARIES}
    digest.update(json.dumps([sys.version_info[:2], versions]).encode())
    return digest.hexdigest()


def fingerprint(parts: Iterable[object]) -> str:
    """Hash a description, together with the code.

    Args:
        parts: Anything that JSON can spell.

    Returns:
        32 hexadecimal digits.
    """
    text = json.dumps([code_fingerprint(), *parts], ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
