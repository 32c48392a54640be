"""Cache keys: two pieces of work with the same key have the same result."""

import hashlib
import json
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("numba", "numpy", "opencv-python-headless", "pandas", "pillow", "scikit-image", "scipy")
_PACKAGE = Path(__file__).parents[1]


@cache
def hash_code() -> str:
    """Hash the code of this package, the Python version and those of the libraries that pixels pass through."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = {name: version(name) for name in _LIBRARIES}
    digest.update(json.dumps([sys.version_info[:2], versions]).encode())
    return digest.hexdigest()


def cache_key(*inputs: object) -> str:
    """Hash what a result depends on besides the code, in words that JSON can spell, together with the code.

    Returns:
        32 hexadecimal digits.
    """
    text = json.dumps([hash_code(), *inputs], ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
