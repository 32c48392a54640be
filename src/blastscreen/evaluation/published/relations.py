"""What must hold between printed numbers: sums, quotients, extremes, lengths, inclusions, implications, references."""

import re
from itertools import groupby

from blastscreen.evaluation.published.facts import (
    QUANTITIES,
    Extreme,
    Facts,
    Implication,
    Inclusion,
    Length,
    Quotient,
    Reference,
    Statement,
    Sum,
)
from blastscreen.evaluation.published.numbers import agrees, spell
from blastscreen.evaluation.published.outcome import Check, capitalise, join, places, words


def check_relations(facts: Facts) -> list[Check]:
    """Check every declared relation, and every quantity that is stated more than once."""
    declared = facts.relations
    references = sorted(declared.references, key=lambda entry: entry.id)
    return [
        *(_check_sum(facts, entry) for entry in declared.sums),
        *(_check_quotient(facts, entry) for entry in declared.quotients),
        *(_check_extreme(facts, entry) for entry in declared.extremes),
        *(_check_length(facts, entry) for entry in declared.lengths),
        *(_check_implication(facts, entry) for entry in declared.implications),
        *(_check_references(facts, list(group)) for _, group in groupby(references, key=lambda entry: entry.id)),
        *(_check_inclusion(facts, entry) for entry in declared.inclusions),
        *_check_repetitions(facts),
    ]


def _name(facts: Facts, statement: Statement) -> str:
    named = words(re.sub("^n_", "number_of_", statement.quantity))
    scope = [facts.models[statement.model]] if statement.model else []
    scope += [words(part) for part in (statement.split, statement.of) if part]
    return f"{named} ({', '.join(scope)})" if scope else named


def _compare(facts: Facts, kind: str, statement: Statement, value: float, others: list[Statement], rule: str) -> Check:
    """Compare a statement with the value that others give by a rule."""
    sound = agrees(statement.number, value)
    exact = spell(value, like=statement.printed)
    return Check(
        id=f"{kind}.{statement.key}",
        kind=kind,
        agrees=sound,
        where=places([statement, *others]),
        printed=statement.printed,
        recomputed=value,
        consistent_value=None if sound else exact,
        text=f"{capitalise(_name(facts, statement))}: {statement.printed} in print, {exact} as {rule}.",
    )


def _check_sum(facts: Facts, entry: Sum) -> Check:
    whole, *parts = (facts.statements_of(key)[0] for key in (entry.whole, *entry.parts))
    value = sum(part.number.value for part in parts)
    return _compare(facts, "sum", whole, value, parts, f"the sum of {join([part.printed for part in parts])}")


def _check_quotient(facts: Facts, entry: Quotient) -> Check:
    quotient, part, whole = (facts.statements_of(key)[0] for key in (entry.quotient, entry.part, entry.whole))
    value = part.number.value / whole.number.value
    return _compare(facts, "quotient", quotient, value, [part, whole], f"{part.printed} by {whole.printed}")


def _check_extreme(facts: Facts, entry: Extreme) -> Check:
    extreme, *parts = (facts.statements_of(key)[0] for key in (entry.extreme, *entry.parts))
    value = (min if entry.which == "lowest" else max)(part.number.value for part in parts)
    return _compare(
        facts, "extreme", extreme, value, parts, f"the {entry.which} of {join([part.printed for part in parts])}"
    )


def _check_length(facts: Facts, entry: Length) -> Check:
    statement, listing = facts.statements_of(entry.count)[0], facts.listings[entry.items]
    check = _compare(facts, "length", statement, len(listing.items), [], f"the items of {words(entry.items)} count")
    return check._replace(where=tuple(dict.fromkeys((*check.where, *listing.where))))


def _check_implication(facts: Facts, entry: Implication) -> Check:
    larger, than = facts.statements_of(entry.larger)[0], facts.statements_of(entry.than)[0]
    sound = larger.number.value > than.number.value
    verdict = "as it must be" if sound else "so there should be more of them, or the claim does not hold"
    return Check(
        id=entry.id,
        kind="implication",
        agrees=sound,
        where=tuple(dict.fromkeys((*entry.where, *places([larger, than])))),
        printed=larger.printed,
        recomputed=than.number.value,
        consistent_value=None if sound else f"more than {than.printed}",
        text=f"It is said that {entry.claim}; {_name(facts, larger)} is {larger.printed}, {_name(facts, than)} "
        f"{than.printed}, {verdict}.",
    )


def _check_references(facts: Facts, entries: list[Reference]) -> Check:
    """Compare what is stated of the data with what the data hold; references of one name are one check."""
    pairs = [(entry, facts.statements_of(entry.stated)[0]) for entry in entries]
    sound = all(agrees(statement.number, entry.counted) for entry, statement in pairs)
    told = join([f"{_name(facts, statement)} {statement.printed}" for _, statement in pairs])
    found = join([f"{entry.counted:,} {entry.of}" for entry in entries])
    sources = join(list(dict.fromkeys(entry.source for entry in entries)))
    counted = {statement.key: entry.counted for entry, statement in pairs}
    return Check(
        id=entries[0].id,
        kind="cohort",
        agrees=sound,
        where=places(statement for _, statement in pairs),
        printed={statement.key: statement.printed for _, statement in pairs},
        recomputed=counted,
        consistent_value=None if sound else counted,
        text=f"In print: {told}. Counted: {found} ({sources}).",
    )


def _check_inclusion(facts: Facts, entry: Inclusion) -> Check:
    items, within = facts.listings[entry.items], _items_and_places(facts, entry.within)
    missing = [item for item in items.items if item not in within[0]]
    text = f"All {words(entry.id)} are among the {words(entry.within)}."
    if missing:
        absent = join([words(item) for item in missing])
        text = f"{capitalise(words(entry.id))} that are not among the {words(entry.within)}: {absent}."
    return Check(
        id=entry.id,
        kind="inclusion",
        agrees=not missing,
        where=tuple(dict.fromkeys((*items.where, *within[1]))),
        printed=list(items.items),
        recomputed=[item for item in items.items if item in within[0]],
        consistent_value={"missing": missing} if missing else None,
        text=text,
    )


def _items_and_places(facts: Facts, name: str) -> tuple[set[str], tuple[str, ...]]:
    if name == QUANTITIES:
        return {statement.quantity for statement in facts.statements}, ()
    return set(facts.listings[name].items), facts.listings[name].where


def _check_repetitions(facts: Facts) -> list[Check]:
    """Compare statements of the same thing in several places."""
    keys = dict.fromkeys(statement.key for statement in facts.statements)
    repeated = [facts.statements_of(key) for key in keys]
    return [_check_repetition(facts, found) for found in repeated if sum(len(entry.where) for entry in found) > 1]


def _check_repetition(facts: Facts, found: list[Statement]) -> Check:
    finest = found[0]
    # two roundings of one value differ by half a digit of each at most
    sound = all(
        abs(entry.number.value - finest.number.value) <= entry.number.tolerance + finest.number.tolerance + 1e-9
        for entry in found
    )
    most = max(len(entry.where) for entry in found)
    majority = [entry.printed for entry in found if len(entry.where) == most]
    printed = [f"{entry.printed} ({join(entry.where)})" for entry in found]
    return Check(
        id=f"same.{finest.key}",
        kind="same_quantity",
        agrees=sound,
        where=places(found),
        printed=[entry.printed for entry in found],
        recomputed=None,
        consistent_value=majority[0] if not sound and len(majority) == 1 else None,
        text=f"{capitalise(_name(facts, finest))} is given as {join(printed)}.",
    )
