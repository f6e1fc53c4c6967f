"""Faults put into a copy of the Verilog templates, to see that something tells them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from codesign.rtl import library


@dataclass(frozen=True)
class Mutant:
    """In the template `file` (its name in the rtl folder), `old`, which stands there once, becomes `new`."""

    file: str
    old: str
    new: str

    def install(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        """Until `patch` is undone, chips and benches are built from a mutated copy in `folder`."""
        copy = folder / "templates"
        shutil.copytree(library.folder(), copy)
        patch.setattr(library, "folder", lambda: copy)
        path = library.place(self.file)
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file}: {text.count(self.old)} times {self.old!r}"
        path.write_text(text.replace(self.old, self.new))
        patch.setenv("CODESIGN_CACHE", str(folder / "cache"))
