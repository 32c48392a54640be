"""What tells whether a stored result was made from what a run would read."""

from PIL import Image

from blastscreen.datasets import CellImageFolder
from blastscreen.runs.manifest import identify_files


def test_another_word_of_the_sheet_makes_other_files_of_the_same_images(tmp_path):
    (tmp_path / "cells").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "cells" / "1.bmp")
    sheet = tmp_path / "labels.csv"

    def identify(label):
        sheet.write_text(f"Patient_ID,new_names,labels\nP1,1.bmp,{label}\n")
        return identify_files(CellImageFolder(path=str(tmp_path / "cells"), labels=str(sheet)).load())

    assert identify("0") == identify("hem") != identify("1")
