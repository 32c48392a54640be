"""The incoming images by position: batches of them, what these follow from, and their standardised pictures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from blastscreen.compute.cache_key import fingerprint
from blastscreen.compute.parallel import map_batches
from blastscreen.imaging.cell_stack import CellStack, Pixels, Range, Result
from blastscreen.imaging.inspection import Source, standardise_cells
from blastscreen.parameters import ComputeParameters, PreprocessingParameters

RawCells = Mapping[str, Callable[[], object]]


class RawSources:
    """Some of the incoming images, in an order of their own.

    Attributes:
        image_ids: Names of the images.
    """

    def __init__(self, raw_cells: RawCells, image_ids: Iterable[str]) -> None:
        """Name the images; nothing is read.

        Args:
            raw_cells: Image ids, and what gives their pixels. If it has a method `fingerprint(image_ids)` that tells
                whether files have changed, and does not say None, interrupted work on them can go on.
            image_ids: Those wanted.
        """
        self.image_ids = tuple(image_ids)
        self._raw_cells = raw_cells

    def batch(self, start: int, stop: int) -> list[Source]:
        """Give the images at positions start <= i < stop, not yet read."""
        return [(image_id, self._raw_cells[image_id]) for image_id in self.image_ids[start:stop]]

    def identify(self, start: int, stop: int, *, settings: PreprocessingParameters) -> list[object] | None:
        """Say what the index and the standardised cells of a range follow from; None if the files do not tell."""
        identify_files = getattr(self._raw_cells, "fingerprint", None)
        files = None if identify_files is None else identify_files(self.image_ids[start:stop])
        return None if files is None else [settings.model_dump(mode="json"), files]


def name_sources(sources: Sequence[Source]) -> list[str]:
    """Name the images of a batch."""
    return [image_id for image_id, _ in sources]


def describe_stack(sources: RawSources, *, settings: PreprocessingParameters, compute: ComputeParameters) -> CellStack:
    """Describe the standardised cells; they are computed when they are read.

    Args:
        sources: Accepted images.
        settings: Mask and canvas.
        compute: Where ranges of cells are computed.

    Returns:
        As many cells as sources, in their order.
    """
    standardise = partial(standardise_cells, settings=settings)

    def read(start: int, stop: int) -> Pixels:
        return standardise(sources.batch(start, stop))

    def map_many(function: Callable[[Pixels], Result], ranges: Sequence[Range]) -> Iterator[Result]:
        batches = (sources.batch(start, stop) for start, stop in ranges)
        return map_batches(
            partial(_standardise_for, function, standardise),
            batches,
            total=len(ranges),
            settings=compute,
            description="Standardising cells",
            names=name_sources,
        )

    identity = sources.identify(0, len(sources.image_ids), settings=settings)
    return CellStack(
        image_ids=sources.image_ids,
        side=settings.canvas,
        read=read,
        map_many=map_many,
        origin=None if identity is None else fingerprint(identity),
    )


def _standardise_for(
    function: Callable[[Pixels], Result], standardise: Callable[[Sequence[Source]], Pixels], sources: Sequence[Source]
) -> Result:
    return function(standardise(sources))
