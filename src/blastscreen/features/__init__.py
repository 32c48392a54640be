"""The features of a cell. `FEATURES` is the only list of them: each group is one function of a `Cell`.

A group returns its values by name, always under the same names; what a cell does not define is NaN. Its docstring says
what each value is: the reference page is made from it.
"""

from collections.abc import Callable

from blastscreen.features.cell import Cell
from blastscreen.features.edges import measure_edges
from blastscreen.features.intensity import measure_intensity
from blastscreen.features.shape import measure_shape
from blastscreen.features.texture import measure_texture

FEATURES: dict[str, Callable[[Cell], dict[str, float]]] = {
    "shape": measure_shape,
    "texture": measure_texture,
    "intensity": measure_intensity,
    "edges": measure_edges,
}
"""The groups that `features.groups` chooses from."""
