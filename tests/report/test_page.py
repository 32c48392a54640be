import re
from html import unescape
from html.parser import HTMLParser

import pytest

from blastscreen.report import render_report
from blastscreen.report.page import SECTIONS
from blastscreen.report.tables import make_table
from blastscreen.vocabulary import GENERATED_SAMPLE

VOID = {"meta", "link", "br", "img", "wbr"}


class Outline(HTMLParser):
    """What stands where: elements that do not close, headings, images, tables, ids."""

    def __init__(self, page):
        super().__init__()
        self.open, self.unclosed, self.headings, self.images, self.ids, self.tables = [], [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(attrs)
        if tag == "table":
            self.tables.append([])
        elif self.tables and tag in ("caption", "th"):
            self.tables[-1].append((tag, attrs.get("scope")))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.unclosed.append(tag)


@pytest.fixture(scope="module")
def page(entries, parameters):
    return render_report(entries, parameters=parameters)


@pytest.fixture(scope="module")
def outline(page):
    return Outline(page)


def text_of(page):
    return unescape(re.sub(r"<[^>]+>", "", re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)))


def test_every_element_closes_and_every_id_is_its_own(outline):
    assert (outline.open, outline.unclosed) == ([], [])
    assert len(outline.ids) == len(set(outline.ids))
    assert [name for name in outline.ids if name in SECTIONS] == list(SECTIONS)


def test_headings_skip_no_level_and_tables_have_captions_and_scopes(outline):
    assert outline.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.tables) > 15
    for parts in outline.tables:
        assert parts[0][0] == "caption"
        assert {scope for tag, scope in parts if tag == "th"} == {"col", "row"}


def test_every_picture_is_described(outline):
    assert len(outline.images) == 3
    assert all(len(image["alt"]) > 20 for image in outline.images)


def test_names_of_files_are_shown_and_not_obeyed(page):
    assert page.count("<script") == page.count("</script>")
    assert "<img src=x" not in page
    assert "document.title='owned'</script>" not in page
    assert "\u202e" not in page
    assert "\\u202e" not in page
    assert "a</script><script>document.title='owned'</script>\"'$x$ <img src=x onerror=alert(1)> ü⟨U+202E⟩gpj.bmp" in (
        text_of(page)
    )


def test_generated_cells_say_so_in_title_banner_and_footer(page):
    words = GENERATED_SAMPLE.capitalize()
    assert f"({GENERATED_SAMPLE})</title>" in page
    assert f'<p class="banner loud">{words}' in page
    assert f"{words}.</p>" in page[page.index("<footer>") :]


def test_real_cells_carry_no_such_words(entries, parameters):
    source = "jpeg300 <b>"
    tables = {name: entries[name].assign(data_source=source) for name in ("cell_index", "cell_splits")}
    audit = entries["audit_summary"] | {"note": ""}
    figures = {name: value for name, value in entries.items() if not name.endswith("_figure")}
    page = render_report(figures | tables | {"audit_summary": audit}, parameters=parameters)
    assert GENERATED_SAMPLE not in page.lower()
    assert "jpeg300 &lt;b&gt;" in page
    assert "not a medical device" in page


def test_subjects_on_both_sides_are_announced(entries, parameters):
    splits = entries["cell_splits"].assign(subject_group=lambda table: table["subject_id"].str.rstrip("aestrv"))
    page = render_report(entries | {"cell_splits": splits}, parameters=parameters)
    assert "Subjects leak into the test set: 4 of the 4 subject groups" in page


def test_numbers_carry_their_exact_value_and_interval(page):
    low, high = 0.8765 - 0.05, 0.8765 + 0.05
    cell = f'<td class="number" data-metric="rf.test.auroc" data-value="0.8765" data-low="{low}" data-high="{high}">'
    assert f'{cell}0.876 <span class="range">(0.826 to 0.926)</span></td>' in page
    assert 'data-metric="comparison.rf.cnn.auroc.difference" data-value="-0.02"' in page


def test_what_is_not_defined_is_neither_nought_nor_nan(entries, parameters):
    calls = {"true_negatives": 7, "false_positives": 3, "false_negatives": 0, "true_positives": 0}
    undefined = {"auroc": None, "sensitivity": float("nan"), "confusion": calls, "intervals": {}}
    metrics = entries["rf_metrics"] | {"test": entries["rf_metrics"]["test"] | undefined}
    page = render_report(entries | {"rf_metrics": metrics}, parameters=parameters)
    cell = '<td class="number" data-metric="rf.test.auroc" data-value="">not defined <span class="note">'
    assert f"{cell}these cells include no blasts</span></td>" in page
    assert not re.search(r"\bnan\b", text_of(page), re.IGNORECASE)


def test_a_missing_interval_is_explained_once_per_table(entries, parameters):
    metrics = entries["rf_metrics"] | {"test": entries["rf_metrics"]["test"] | {"intervals": {}}}
    page = render_report(entries | {"rf_metrics": metrics}, parameters=parameters)
    assert page.count("No interval: there are too few subject groups") == 3
    assert 'data-value="0.8765">0.876 <span class="note">no interval</span></td>' in page


def test_tables_name_their_entry_and_its_version(page):
    assert "From <code>cell_splits</code> 2026-01-02T03.04.05.678Z." in page


def test_what_a_run_lacks_is_said_instead(entries, parameters):
    needed = ("cell_index", "cell_splits", "integrity_report", "rf_metrics")
    page = render_report({name: entries[name] for name in needed}, parameters=parameters)
    outline = Outline(page)
    assert [name for name in outline.ids if name in SECTIONS] == list(SECTIONS)
    assert page.count('class="absent"') == 8
    assert "Each model" not in page


def test_a_new_model_appears_by_itself(entries, parameters):
    page = render_report(entries | {"hybrid_metrics": entries["rf_metrics"]}, parameters=parameters)
    assert 'data-metric="hybrid.test.auroc"' in page
    assert "Calls of the hybrid" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min_confidence": 0.0}, "that is so without any referral, and no cell goes to an expert"),
        ({"min_confidence": None, "attainable": False}, "so every cell goes to an expert"),
        ({}, "takes a confidence of 81.0% or more"),
    ],
)
def test_the_plan_of_referral_is_told(entries, parameters, changes, words):
    plan = entries["rf_referral"] | changes
    page = render_report(entries | {"rf_referral": plan, "cnn_referral": plan}, parameters=parameters)
    assert text_of(page).count(words) == 2


def test_a_table_with_a_cell_too_few_is_refused():
    with pytest.raises(ValueError, match="table 'x': a row has 1 cells for 2 columns: a"):
        make_table("x", unit="", sources=(), columns=["a", "b"], rows=[["a"]])
