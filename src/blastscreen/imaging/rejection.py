"""The exceptions that say why a picture is kept out, or can't be had."""

from blastscreen.vocabulary import ReasonCode


class ImageRejected(Exception):
    """A picture that must not be measured; its row stays in the index.

    Attributes:
        code: Why, in the project's vocabulary.
        detail: What was found, one line for people, without folders or absolute paths.
    """

    def __init__(self, code: ReasonCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class StorageError(RuntimeError):
    """Where the file lies can't be reached: no fault of the file, so no reason to reject it."""
