"""File names of any bytes, spelled in printable characters and back."""

import re


def escape_name(name: bytes) -> str:
    r"""Spell a file name in printable characters, each name differently.

    Args:
        name: as the file system stores it; any bytes.

    Returns:
        The name itself where it is printable UTF-8 without a backslash; else a backslash becomes `\\`, and each byte
        of anything unprintable or not UTF-8 becomes `\x` with two hexadecimal digits.
    """
    text = name.decode("utf-8", errors="surrogateescape")
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escape_character(character) for character in text)


def unescape_name(key: str) -> bytes:
    """Return the file name that `escape_name` spelled as `key`."""
    return re.sub(
        rb"\\(?:x([0-9a-f]{2})|\\)",
        lambda match: bytes.fromhex(match[1].decode()) if match[1] else b"\\",
        key.encode("utf-8"),
    )


def escape_text(name: str) -> str:
    """Spell a name that storage gives as text in the way of `escape_name`."""
    return escape_name(name.encode("utf-8", errors="surrogateescape"))


def unescape_text(key: str) -> str:
    """Return the name that `escape_text` spelled as `key`."""
    return unescape_name(key).decode("utf-8", errors="surrogateescape")


def _escape_character(character: str) -> str:
    if character == "\\":
        return r"\\"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", errors="surrogateescape"))
