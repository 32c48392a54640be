"""A publication's own numbers, recomputed from one another: what agrees, what does not, and what would agree."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blastscreen.evaluation.confusion import Confusion, describe_calls, rates_of

Facts = Mapping[str, Any]
"""What is printed, in the form of `src/blastscreen/report/published_numbers.yml`, or an entry of it."""

_RULES: dict[str, Callable[[Sequence[float]], float]] = {
    **dict.fromkeys(("sum", "length", "cohort", "implication"), sum),
    **{"lowest": min, "highest": max},
    "quotient": lambda values: values[0] / values[1],
}
# cells of the matrix that a rate is a share of
_WHOLES = {"accuracy": [0, 1, 2, 3], "sensitivity": [2, 3], "specificity": [0, 1], "false_positive_rate": [0, 1]}


class Statement(NamedTuple):
    """A printed number: its value (a percentage as a share) and how far rounding may have moved it."""

    key: str
    printed: str
    where: Sequence[str]
    value: float
    tolerance: float

    def agrees(self, values: ArrayLike | None) -> NDArray[np.bool_]:
        """Check which values round to it: either way on the border; what is undefined never does."""
        return np.asarray(np.abs(np.asarray(values, dtype=np.float64) - self.value) <= self.tolerance + 1e-9)

    def spell(self, value: float) -> str:
        """Write another value with its unit and decimals."""
        unit = self.printed.lstrip("0123456789.,")
        decimals = len(self.printed.removesuffix(unit).partition(".")[2])
        return f"{value:.{decimals}%}" if unit == "%" else f"{value:,.{decimals}f}{unit}"


class Check(NamedTuple):
    """What is printed against what follows from other printed numbers, or from the data."""

    id: str
    kind: str
    agrees: bool
    where: Sequence[str]
    printed: str
    recomputed: str
    text: str


def check_published(facts: Facts) -> dict[str, Any]:
    """Recompute what a publication prints, and list what agrees and what does not.

    A number agrees when the exact value rounds to its printed digits. Rates are recomputed from the tables; one that
    disagrees with the text is corrected to the counts with which most of what is printed agrees.

    Returns:
        citation; n_checked; contradictions and agreements, each a `Check` with follows_from (contradictions without
        which it would not be); rates per model, split and metric, recomputed and printed; tables with printed and
        consistent counts.
    """
    tables = [table | _solve(facts, table) for table in facts["tables"]]
    checks = [*_check_tables(facts, tables), *_check_gaps(facts, tables), *_check_relations(facts)]
    found = list(_merge([*checks, *_check_lists(facts), *_check_repetitions(facts)]))
    wrong = [entry["id"] for entry in found if not entry["agrees"]]
    for entry in found:
        behind = f".{entry['id'].removeprefix('gap.')}."
        entry["follows_from"] = [other for other in wrong if entry["kind"] == "gap" and behind in other]
    return {
        "citation": facts["citation"],
        "n_checked": len(found),
        "contradictions": [entry for entry in found if not entry["agrees"]],
        "agreements": [entry for entry in found if entry["agrees"]],
        "rates": _describe_rates(facts, tables),
        "tables": [table | {"consistent": table["consistent"]._asdict()} for table in tables],
    }


def read_number(printed: str, key: str = "", where: Sequence[str] = ()) -> Statement:
    """Read a number as it stands in print; whole numbers without a unit are counts, and exact."""
    found = re.fullmatch(r"(\d[\d,]*(?:\.(\d+))?)(%|:1)?", printed)
    if found is None:
        raise ValueError(f"{printed!r} can't be read as a number; write it as printed, such as '1,600' or '35.76%'")
    scale = 0.01 if found[3] == "%" else 1.0
    tolerance = 0.5 * 10.0 ** -len(found[2] or "") * scale if found[2] or found[3] else 0.0
    return Statement(key, printed, where, float(found[1].replace(",", "")) * scale, tolerance)


def _stated(facts: Facts, key: str) -> list[Statement]:
    """List what is stated under a key, the most precise first; under that of a list, its length."""
    if key in facts["lists"]:
        return [read_number(f"{len(facts['lists'][key]['items'])}", key, facts["lists"][key]["where"])]
    found = [read_number(printed, key, where) for printed, where in facts["statements"].get(key, {}).items()]
    return sorted(found, key=lambda statement: statement.tolerance)


def _one(facts: Facts, name: str) -> Statement:
    return (_stated(facts, name) or [read_number(name)])[0]


def _imply(table: Facts, counts: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Compute what matrices of shape (..., 4) imply, by the keys of statements."""
    cells = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    sizes = {"": cells.sum(axis=0), ".hem": cells[:2].sum(axis=0), ".all": cells[2:].sum(axis=0)}
    measured = rates_of(counts) | dict(zip(Confusion._fields, cells, strict=True))
    implied = {f"{table['split']}.n_cells{label}": size for label, size in sizes.items()}
    return implied | {f"{table['model']}.{table['split']}.{name}": values for name, values in measured.items()}


def _solve(facts: Facts, table: Facts) -> dict[str, Any]:
    """Find the counts that agree with most of what is printed; of several the nearest to print."""
    totals = [_stated(facts, f"{table['split']}.n_cells.{label}") for label in ("hem", "all")]
    if not all(totals):
        return {"consistent": Confusion(*table["printed"]), "n_solutions": 1}
    n_hem, n_all = (int(stated[0].value) for stated in totals)
    negatives, hits = np.mgrid[: n_hem + 1, : n_all + 1]
    tried = np.stack([negatives, n_hem - negatives, n_all - hits, hits], axis=-1)
    n_kept = (tried == table["printed"]).sum(axis=-1)
    for key, values in _imply(table, tried).items():
        n_kept += sum(statement.agrees(values).astype(int) for statement in _stated(facts, key))
    best = tried[n_kept == n_kept.max()]
    nearest = best[np.abs(best - table["printed"]).sum(axis=-1).argmin()]
    return {"consistent": Confusion(*nearest.tolist()), "n_solutions": len(best)}


def _merge(checks: Iterable[Check]) -> Iterator[dict[str, Any]]:
    """Join checks of one name; parts that agree are passed over where another does not."""
    by_name: dict[str, list[Check]] = {}
    for check in checks:
        by_name.setdefault(check.id, []).append(check)
    for parts in by_name.values():
        told = [part for part in parts if not part.agrees] or parts
        joined: dict[str, Any] = {name: [getattr(part, name) for part in told] for name in ("printed", "recomputed")}
        joined["where"] = list(dict.fromkeys(place for part in told for place in part.where))
        text = "; ".join(dict.fromkeys(part.text for part in told))
        yield told[0]._asdict() | joined | {"text": f"{text[:1].upper()}{text[1:]}."}


def _compare(
    facts: Facts, statement: Statement, value: float, because: str, *, name: str, kind: str, where: Sequence[str]
) -> Check:
    what = ", ".join(facts["models"].get(part, part) for part in statement.key.split("."))
    printed, recomputed = statement.printed, statement.spell(value)
    text = _words(re.sub(r"\bn_", "number_of_", what)) + f": {printed} in print, {recomputed} {because}"
    return Check(name, kind, bool(statement.agrees(value)), where, printed, recomputed, text)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _check_tables(facts: Facts, tables: Iterable[Facts]) -> Iterator[Check]:
    """Check what the text says of each table, and the table against the counts that agree with most of it."""
    for table in tables:
        where, printed, counts = table["where"], Confusion(*table["printed"]), table["consistent"]
        source, in_print = f"by {where}" + " as corrected" * (counts != printed), _imply(table, printed)
        for key, implied in _imply(table, counts).items():
            for statement in _stated(facts, key):
                value, places = float(implied), [*statement.where, where]
                kind, note = _explain(statement, value, counts)
                name = f"{key}.{statement.printed.strip('%').replace(',', '')}"
                yield _compare(facts, statement, value, source + note, name=name, kind=kind, where=places)
                if statement.agrees(value):
                    value = float(in_print[key])
                    yield _compare(facts, statement, value, f"by {where}", name=where, kind="table", where=places)
        cells = zip(Confusion._fields, counts, printed, strict=True)
        told = [f"{_words(name)} {one:,}" + f" for {other:,}" * (one != other) for name, one, other in cells]
        text = f"most of what is printed agrees with {', '.join(told)}{table.get('remark', '')}"
        of_print, of_counts = (", ".join(f"{count:,}" for count in matrix) for matrix in (printed, counts))
        yield Check(where, "table", counts == printed, [where], of_print, of_counts, text)


def _explain(statement: Statement, value: float, counts: Confusion) -> tuple[str, str]:
    """Return the kind of a statement on calls, and where it is wrong which counts it would take."""
    quantity, note = statement.key.split(".")[-1], ""
    kind = "rate" if quantity in rates_of(counts) else "count"
    if statement.agrees(value):
        return kind, note
    if quantity in _WHOLES:
        whole = sum(counts[cell] for cell in _WHOLES[quantity])
        takes = np.flatnonzero(statement.agrees(np.arange(whole + 1) / whole))
        span = " to ".join(dict.fromkeys(f"{count:,}" for count in takes[[0, -1]])) if takes.size else "no count"
        note = f"; {statement.printed} takes {span} of {whole:,} instead of {round(value * whole):,}"
    rounded = re.sub(r"\.0+(?=%?$)", "", statement.printed)
    if read_number(rounded).agrees(value):
        return "digits", f"{note}; rounded to {rounded} it agrees"
    return kind, note


def _check_gaps(facts: Facts, tables: Iterable[Facts]) -> Iterator[Check]:
    implied = {key: value for table in tables for key, value in _imply(table, table["consistent"]).items()}
    for keys in facts["comparisons"]:
        one, other = (_one(facts, key) for key in keys)
        apart, what, where = one.value - other.value, one.key.partition(".")[2], [*one.where, *other.where]
        statement = Statement(f"difference.{what}", f"{apart:.1%}", where, apart, one.tolerance + other.tolerance)
        difference = float(implied[one.key] - implied[other.key])
        yield _compare(facts, statement, difference, "by their tables", name=f"gap.{what}", kind="gap", where=where)


def _check_relations(facts: Facts) -> Iterator[Check]:
    for entry in facts["relations"]:
        kind, statement = entry["kind"], _one(facts, entry["statement"])
        operands = [_one(facts, name) for name in entry["of"]]
        value = _RULES[kind]([operand.value for operand in operands])
        because = entry.get("because") or f"as the {kind} of {', '.join(operand.printed for operand in operands)}"
        where = [*entry.get("where", ()), *(place for source in (statement, *operands) for place in source.where)]
        name = entry.get("id", f"{kind}.{statement.key}")
        check = _compare(facts, statement, value, because, name=name, kind=kind, where=where)
        yield check._replace(agrees=statement.value > value) if kind == "implication" else check


def _check_lists(facts: Facts) -> Iterator[Check]:
    """Check that the items of a list are in another, or that they stand in its order."""
    shares = {key: _stated(facts, key)[0].value for key in facts["statements"] if key.startswith("importance.")}
    made = {
        "stated_quantities": facts["statements"],
        "order_of_importances": sorted(shares, key=lambda key: -shares[key]),
    }
    lists = {name: {"items": [key.split(".")[-1] for key in keys], "where": []} for name, keys in made.items()}
    for entry in facts["lists_compared"]:
        inner, outer = ((lists | facts["lists"])[entry[name]] for name in ("items", "within"))
        found = list(dict.fromkeys(item for item in outer["items"] if item in inner["items"]))
        missing = [f", not {item}" for item in inner["items"] if item not in found]
        agrees = inner["items"] == found if entry["kind"] == "order" else not missing
        printed, there = (_words(", ".join(items)) for items in (inner["items"], found))
        text = f"{_words(entry['items'])}: {printed} in print, {there} in {_words(entry['within'] + ''.join(missing))}"
        yield Check(entry["id"], entry["kind"], agrees, [*inner["where"], *outer["where"]], printed, there, text)


def _check_repetitions(facts: Facts) -> Iterator[Check]:
    for key in facts["statements"]:
        finest, *others = _stated(facts, key)
        name, because = f"same.{re.sub('^importance.*', 'importance', key)}", f"in {', '.join(finest.where)}"
        for statement in others:
            where = [*statement.where, *finest.where]
            yield _compare(facts, statement, finest.value, because, name=name, kind="same_quantity", where=where)


def _describe_rates(facts: Facts, tables: Iterable[Facts]) -> dict[str, dict[str, Any]]:
    rates: dict[str, dict[str, Any]] = {model: {} for model in facts["models"]}
    for table, (metric, value) in ((one, pair) for one in tables for pair in describe_calls(one["consistent"]).items()):
        stated = _stated(facts, f"{table['model']}.{table['split']}.{metric}")
        printed = [{"text": one.printed, "value": one.value, "agrees": bool(one.agrees(value))} for one in stated]
        rates[table["model"]].setdefault(table["split"], {})[metric] = {"recomputed": value, "printed": printed}
    return rates
