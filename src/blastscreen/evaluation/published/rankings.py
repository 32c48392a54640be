"""Importances that are given in several places."""

from blastscreen.evaluation.published.facts import Facts, Ranking
from blastscreen.evaluation.published.numbers import Number, agrees, read_number
from blastscreen.evaluation.published.outcome import Check, join, words


def check_rankings(facts: Facts) -> list[Check]:
    """Check each ranking by itself, and the others against the first."""
    if not facts.rankings:
        return []
    first, *others = facts.rankings
    checks = [_check_order(entry) for entry in facts.rankings]
    if "features" in facts.lists:
        checks.append(_check_rest(first, n_features=len(facts.lists["features"].items)))
    return checks + [_check_against(first, entry) for entry in others]


def _shares(ranking: Ranking) -> dict[str, Number]:
    """Read importances, which are percentages whether or not the sign stands beside each."""
    return {name: read_number(f"{printed.removesuffix('%')}%") for name, printed in ranking.printed.items()}


def _slug(ranking: Ranking) -> str:
    return ranking.where[0].lower().replace(" ", "_")


def _check_order(ranking: Ranking) -> Check:
    shares = _shares(ranking)
    ordered = sorted(shares, key=lambda name: -shares[name].value)
    sound = ordered == list(shares)
    return Check(
        id=f"order.{_slug(ranking)}",
        kind="order",
        agrees=sound,
        where=ranking.where,
        printed=ranking.printed,
        recomputed=ordered,
        consistent_value=None if sound else ordered,
        text=f"By their values the features of {join(ranking.where)} rank {join([words(name) for name in ordered])}.",
    )


def _check_rest(ranking: Ranking, *, n_features: int) -> Check:
    """Importances sum to the whole, and features that are not listed have at most that of the last one listed."""
    shares = _shares(ranking).values()
    n_rest = n_features - len(shares)
    total, last = sum(share.value for share in shares), min(share.value for share in shares)
    rest = 1 - total
    rounding = sum(share.tolerance for share in shares) + 1e-9
    sound = -rounding <= rest <= n_rest * last + rounding
    return Check(
        id=f"rest.{_slug(ranking)}",
        kind="rest",
        agrees=sound,
        where=ranking.where,
        printed=ranking.printed,
        recomputed=rest,
        consistent_value=None if sound else {"rest_at_most": n_rest * last},
        text=f"The importances of {join(ranking.where)} sum to {total:.2%}; {rest:.2%} are left for {n_rest} more "
        f"features, each of which has {last:.2%} at most.",
    )


def _check_against(first: Ranking, other: Ranking) -> Check:
    shared = [name for name in first.printed if name in other.printed]
    order = [name for name in other.printed if name in shared]
    firsts, others = _shares(first), _shares(other)
    apart = [
        name
        for name in shared
        # the coarser of two spellings rounds the finer
        if not (agrees(firsts[name], others[name].value) or agrees(others[name], firsts[name].value))
    ]
    sound = not apart and order == shared
    told = [f"{words(name)} {other.printed[name]} against {first.printed[name]}" for name in apart]
    text = f"The importances in {join(other.where)} are those in {join(first.where)}."
    if not sound:
        text = f"The importances in {join(other.where)} are not those in {join(first.where)}"
        text += f": {join(told)} %" if told else ""
        text += f"; in order {_arrows(order)} against {_arrows(shared)}." if order != shared else "."
    return Check(
        id=f"importances.{_slug(other)}",
        kind="importances",
        agrees=sound,
        where=(*other.where, *first.where),
        printed=other.printed,
        recomputed={name: first.printed[name] for name in shared},
        consistent_value=None if sound else {name: first.printed[name] for name in shared},
        text=text,
    )


def _arrows(names: list[str]) -> str:
    return " > ".join(words(name) for name in names)
