import pytest
from markdown_it import MarkdownIt

from blastscreen.report.page import write_model_card


@pytest.fixture(scope="module")
def card(entries):
    return write_model_card(**entries)


def test_the_card_has_its_sections_and_its_numbers(card):
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    wanted = "Result Details,Intended use,Misuse,Data,Metrics,Calibration,Referral,Limits,Provenance"
    assert headings == [f"## {name}" for name in wanted.replace("Result ", "Result,").split(",")]
    assert "0.876 (0.826 to 0.926)" in card
    assert "Calls with a confidence of 0.810 or more are decided alone" in card
    assert "Of the test cells it decides 75.0% (70.0 to 80.0), 6.7% of them wrongly, more than wanted." in card
    assert "The random forest: Of an average new subject's blasts the threshold is sure to find 71.3%" in card
    assert "Generated sample, not patient data" in card


def test_text_from_outside_stays_text(entries):
    source = "# x\n<script>alert(1)</script> [a](http://b) | `c` *d* ![e](f)"
    tables = {name: entries[name].assign(data_source=source) for name in ("cell_index", "cell_splits")}
    card = write_model_card(**(entries | tables))
    html = MarkdownIt("commonmark").enable("table").render(card)
    assert "Source: # x⟨U+000A⟩&lt;script&gt;alert(1)&lt;/script&gt; [a](http://b) | `c` *d* ![e](f)." in html


def test_its_tables_are_tables(card):
    html = MarkdownIt("commonmark").enable("table").render(card)
    assert html.count("<table>") == card.count("| --- |\n") >= 8
    assert "| ---" not in html
