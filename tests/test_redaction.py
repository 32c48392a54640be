"""Nothing that names a machine, a person or a secret survives, wherever it stands."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blastscreen.parameters import ComputeParameters
from blastscreen.redaction import redact, redact_text

# long and odd enough to be found again in what comes out, and nowhere else
WORDS = st.from_regex(r"Zq[A-Za-z0-9._~%-]{6,12}X", fullmatch=True)
SECRETS = st.tuples(WORDS, WORDS, WORDS, WORDS)
ADDRESSES = (
    "http://{0}:{1}@{2}.example.org:8080/a/cells?sig={3}&x=1#{3}",
    "http://{0}:{1}@{2}?sig={3}",
    "https://{2}/cells;{3}",
    "s3://{0}:{1}@{2}/cells?versionId={3}",
    "zip://*.bmp::https://{0}:{1}@{2}/cells.zip?{3}",
    "tcp://{2}:8786",
    "ucx://10.{0}:8786",
    "ssh://{0}@{2}",
    "file:///home/{0}/cells",
    "FILE:///home/{0}",
    "/home/{0}",
    "/Users/{0}/",
    "/home/{0}/my cells",
    "~{0}",
    "~{0}/cells",
    r"C:\Users\{0}",
    r"C:\Users\{0}\cells",
    r"\\{2}\{0}\cells",
    r"\\{2}",
)
MEANT = ("cells", "my cells", "cells.zip", "<address>", "<folder>")


@settings(deadline=None)
@given(SECRETS, st.sampled_from(ADDRESSES))
def test_of_paths_and_addresses_only_the_last_part_is_left(words, address):
    spelled = address.format(*words)
    assert redact(spelled) in MEANT
    assert redact(Path(spelled)) in MEANT
    assert not any(word in json.dumps(redact({"deep": [{"down": (spelled,)}], spelled: 1})) for word in words)


@settings(deadline=None)
@given(SECRETS, st.sampled_from(ADDRESSES), st.sampled_from(["'{}'", '"{}"', "at {}"]))
def test_none_is_left_in_a_text(words, address, around):
    # an unquoted path ends at the first blank, as for anybody who reads it
    text = f"No images: {around.format(address.format(*words))} (try again at 12:30:05)."
    if around == "at {}":
        text = text.replace("my cells", "cells")
    found = redact_text(text)
    assert not any(word in found for word in words)
    assert found.startswith("No images: ")
    assert found.endswith("(try again at 12:30:05).")


@settings(deadline=None)
@given(WORDS, st.sampled_from(["password", "apiKey", "api_key", "AWS_SECRET", "token", "scheduler", "credentials"]))
def test_what_is_called_a_secret_is_none_of_ours_to_keep(word, name):
    assert word not in json.dumps(redact({"mine": {name: word}, name: {"inner": [word]}}))


@pytest.mark.parametrize(
    "text", ["jane@host7:cells", "10.0.0.5", "10.0.0.5:8786", "node7:8786", "[fe80::1]:8786", "2001:db8::7"]
)
def test_persons_and_hosts_without_a_scheme_are_known_by_their_form(text):
    assert redact(text) == "<address>"
    assert redact_text(f"asked {text} twice") == "asked <address> twice"


@pytest.mark.parametrize(
    "value", ["fold_1", "random forest", "", "balanced", "2019_01", "scan:3", "a,b = c", 3, 0.5, True, None, [450, 600]]
)
def test_what_names_nobody_stays(value):
    assert redact(value) == value


@settings(deadline=None)
@given(st.text())
def test_what_is_redacted_stays_as_it_is(text):
    once = redact(text)
    assert redact(once) == once


def test_models_become_mappings():
    settings = ComputeParameters(backend="dask", n_jobs=-1, scheduler="node7.hospital.example", batch_size=8)
    assert redact({"compute": settings}) == {
        "compute": {"backend": "dask", "n_jobs": -1, "scheduler": "<secret>", "batch_size": 8}
    }
