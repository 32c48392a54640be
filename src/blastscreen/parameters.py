"""One frozen model per parameter block: a typo or an impossible value stops a run before its first node.

The values live in `conf/*/parameters/`; nothing has a default here, so what a run used is what its files say.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from blastscreen.vocabulary import Calibration, OperatingRule, ReferenceCohort, Region, SplitStrategy

Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
GreyLevel = Annotated[int, Field(ge=0, le=255)]


class Parameters(BaseModel):
    """Base of every block: immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ComputeParameters(Parameters):
    """How `blastscreen.compute.parallel` spreads work over the machine, or over a cluster."""

    backend: Literal["threading", "loky", "dask"] = Field(description="threads, processes (loky), or a Dask cluster")
    n_jobs: Literal[-1] | Count = Field(description="workers; -1 for one per core; a cluster uses all of its own")
    scheduler: str = Field(description="address of the cluster's scheduler, tcp://<host>:8786 (backend dask)")
    batch_size: Count = Field(description="cells per unit of work")

    @model_validator(mode="after")
    def _name_scheduler(self) -> "ComputeParameters":
        if (self.backend == "dask") != bool(self.scheduler):
            raise ValueError("backend dask and scheduler go together: name both, or neither")
        return self


class PreprocessingParameters(Parameters):
    """Masks, canvas and quality checks."""

    canvas: Count = Field(description="side of the standardised square image, pixels")
    expected_sizes: tuple[Count, ...] = Field(description="frame sides that are not flagged, pixels")
    lossy_threshold: GreyLevel = Field(description="background of lossy sources: grey at or below this")
    max_specks: Count = Field(description="more separate objects than this means a lossy background")
    min_cell_area: Count = Field(description="smaller objects are not a cell, pixels")
    second_object_fraction: Fraction = Field(description="another object this large, relative to the cell, is flagged")
    max_cell_fraction: Fraction = Field(description="a mask at the border, over more of the frame: no cell")
    count_duplicates_once: bool = Field(description="identical pictures are one cell; the others are set aside")
    reference_cohort: ReferenceCohort = Field(description="published counts that the integrity report compares with")


class SplitParameters(Parameters):
    """Which cells train, validate and test."""

    strategy: SplitStrategy = Field(description="what is never divided: subject groups, C-NMC's folds or images")
    validation_fraction: Fraction = Field(description="share of each class to validate on (subject, image)")
    test_fraction: Fraction = Field(description="share of each class to test on (subject, image)")
    validation_fold: str = Field(description="C-NMC fold used by strategy source_fold")
    test_fold: str = Field(description="C-NMC fold used by strategy source_fold")
    seed: Seed = Field(description="of the random split (subject, image)")

    @model_validator(mode="after")
    def _leave_cells_to_train(self) -> "SplitParameters":
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction + test_fraction must leave something to train on (below 1)")
        if self.validation_fold == self.test_fold:
            raise ValueError("validation_fold and test_fold must differ")
        return self


class FeatureParameters(Parameters):
    """Which features are measured, what they see, and their constants."""

    groups: tuple[str, ...] = Field(min_length=1, description="groups of features, in the order of their columns")
    region: Region = Field(description="what texture, intensity and edges see: the cell's own pixels or the frame")
    gaussian_blur: bool = Field(description="3x3 Gaussian on the grey image before measuring")
    canny_low: float = Field(gt=0, description="gradient above which a pixel may continue an edge")
    canny_high: float = Field(gt=0, description="gradient above which a pixel starts an edge")
    rim_width: Count = Field(description="pixels eroded from the mask before edges are measured (region cell)")

    @field_validator("groups")
    @classmethod
    def _know_groups(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        from blastscreen.features import FEATURES

        if unknown := [name for name in groups if name not in FEATURES]:
            raise ValueError(f"no group of features is called {', '.join(unknown)}. Known: {', '.join(FEATURES)}")
        if len(set(groups)) < len(groups):
            raise ValueError("a group of features is listed twice")
        return groups

    @model_validator(mode="after")
    def _order_thresholds(self) -> "FeatureParameters":
        if self.canny_low > self.canny_high:
            raise ValueError("canny_low must not be above canny_high: OpenCV would swap them without a word")
        return self


class CnnParameters(Parameters):
    """The network on the standardised cells: its shape, its training, its input."""

    input_side: int = Field(ge=16, description="cells are resized to this side, pixels")
    head: Literal["flatten", "global_average"] = Field(description="what joins the last feature maps to the classifier")
    normalisation: Literal["batch", "group"] = Field(description="after every convolution")
    batch_norm_momentum: Fraction = Field(description="0.99 (Keras' own) needs thousands of steps to be right")
    optical_density: bool = Field(description="see -log of the light let through, not its brightness")
    loss: Literal["binary_crossentropy", "focal"] = Field(description="focal: cells that are easy count less")
    focal_gamma: float = Field(ge=0, description="how much less (loss focal)")
    class_weight: Literal["balanced", "none"] = Field(description="balanced: a class weighs the same however rare")
    learning_rate: float = Field(gt=0, description="of Adam")
    epochs: Count = Field(description="passes over the training cells, at most")
    batch_size: Count = Field(description="cells per step")
    patience: Count = Field(description="epochs without a lower validation loss after which training stops")
    rotation_degrees: float = Field(ge=0, le=180, description="turned by up to this either way; 180: any angle")
    shift_fraction: float = Field(ge=0, lt=1, description="shifted by up to this share of the side, both ways")
    horizontal_flip: bool = Field(description="half of the cells are mirrored, left to right")
    vertical_flip: bool = Field(description="half of the cells are mirrored, top to bottom")
    test_time_views: Literal[1, 8] = Field(description="8: average over four quarter turns, each also mirrored")
    n_networks: Count = Field(description="networks trained from seed, seed + 1, ... and averaged")
    memory_budget_mib: Count = Field(description="cells that fit are held in memory; more are streamed, MiB")
    mixed_precision: bool = Field(description="16-bit arithmetic: faster on GPUs that have it, slower on CPUs")
    n_threads: int = Field(ge=0, description="threads of TensorFlow, which move the last bits; 0: one per core")
    resume: bool = Field(description="go on from the last whole epoch of an interrupted run")
    seed: Seed = Field(description="of weights, order, augmentation and dropout")


class HybridParameters(Parameters):
    """The mean of forest and network."""

    forest_weight: float = Field(ge=0, le=1, description="share of the forest in the mean; the network has the rest")


class EvaluationParameters(Parameters):
    """How probabilities become calls, which of them go to an expert, and how sure the rates are."""

    operating_rule: OperatingRule = Field(description="how the threshold is chosen on the validation cells")
    threshold: Fraction = Field(description="blast_probability at or above this is called a blast (rule fixed)")
    min_sensitivity: Fraction = Field(description="share of the blasts to be found (rule sensitivity)")
    missed_blast_cost: float = Field(gt=0, description="false alarms that weigh as much as a missed blast (rule cost)")
    calibration: Calibration = Field(description="how scores become probabilities, where that helps")
    max_residual_error: Fraction = Field(description="share of wrong calls among the cells decided alone, at most")
    confidence_level: Fraction = Field(description="of all intervals and promises")


class AuditParameters(Parameters):
    """How much the choices of a protocol flatter, and what balancing the classes does."""

    n_seeds: int = Field(ge=2, description="divisions into folds per protocol, from splits.seed upwards")
    networks: bool = Field(description="audit the network too: four trainings per kind of split and seed")
    balancing_seeds: Count = Field(description="divisions into folds per way to balance, from splits.seed upwards")


class ReportingParameters(Parameters):
    """What figures and the report show."""

    sheet_cells: Count = Field(description="cells of each group on the contact sheet")
    sheet_columns: Count = Field(description="cells per line of the contact sheet")
    error_cells: Count = Field(description="wrongly called cells of each kind in the report")


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested parameters to the dotted names that `--params` has for them."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def spell(value: object) -> str:
    """Spell a value as `--params` reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
