"""Plotly figures."""

from kedro_datasets._typing import PlotlyPreview
from kedro_datasets.plotly import JSONDataset

from blastscreen.datasets.atomic import AtomicSave
from blastscreen.datasets.previews import preview_chart


class AtomicPlotly(AtomicSave, JSONDataset):  # type: ignore[misc]
    """A plotly figure in a JSON file."""

    def preview(self) -> PlotlyPreview:
        """Show the figure, with fewer points where it has many."""
        return preview_chart(super().preview())
