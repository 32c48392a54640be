import json
import resource
from contextlib import contextmanager

import pytest


@pytest.fixture
def full_disk():
    """A disk that takes no file over 20 kB while the block runs: the writes themselves fail, as on a full one."""

    @contextmanager
    def limited():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


def list_leaves(node, where=()):
    """Every place of a description: keys and positions that lead to it."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(pairs):
        yield (*where, key)
        yield from list_leaves(value, (*where, key))


def change_description(schema, chance):
    """Put something else in one place."""
    places = list(list_leaves(schema))
    *path, last = places[chance.integers(len(places))]
    parent = schema
    for key in path:
        parent = parent[key]
    others = [None, 0, -1, 2, 10**15, 1e300, "", "null", "-5", "[]", "1000000000", "numpy", "ListNode", [], {}]
    siblings = list(parent.values()) if isinstance(parent, dict) else parent
    parent[last] = (others + siblings)[chance.integers(len(others) + len(siblings))]


@pytest.fixture(scope="session")
def change_model():
    """Change one place of the description of a stored model, or one byte of its arrays, and return all its members."""

    def make(whole, *, described, chance):
        members = dict(whole)
        if described:
            schema = json.loads(members["schema.json"])
            change_description(schema, chance)
            return members | {"schema.json": json.dumps(schema).encode()}
        arrays = sorted(name for name in whole if name != "schema.json")
        name = arrays[chance.integers(len(arrays))]
        content = bytearray(members[name])
        content[chance.integers(len(content))] = chance.integers(256)
        return members | {name: bytes(content)}

    return make
