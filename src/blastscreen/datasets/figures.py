"""Matplotlib figures: apart from other stock datasets, as `MatplotlibDataset` takes half a second to import pyplot."""

from kedro_datasets._typing import ImagePreview
from kedro_datasets.matplotlib import MatplotlibDataset

from blastscreen.datasets.atomic import AtomicSave
from blastscreen.datasets.viz import preview_picture


class AtomicFigure(AtomicSave, MatplotlibDataset):  # type: ignore[misc]
    """A matplotlib figure in an image file, PNG unless `save_args` say otherwise."""

    def preview(self) -> ImagePreview:
        """Show the figure smaller."""
        from PIL import Image

        with self._fs.open(str(self._get_load_path()), mode="rb") as file, Image.open(file) as picture:
            return preview_picture(picture)
