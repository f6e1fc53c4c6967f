"""Output folders: ours and nobody else's, whole or not at all."""

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from codesign.errors import OutputError
from codesign.folders import LOCK, MARKER, alone, atomic_write, claimed, staged
from tests.holder import Hold


def fill(folder: Path, text: str, kind: str = "program") -> None:
    with staged(folder, kind) as work:
        (work / "part").mkdir()
        (work / "part" / "a.txt").write_text(text)


def claim(folder: Path, kind: str) -> Path:
    with claimed(folder, kind) as found:
        assert LOCK in names(found)
    return found


def message(call: object, *args: object) -> str:
    with pytest.raises(OutputError) as caught:
        call(*args)  # type: ignore[operator]
    return str(caught.value)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


class TestClaim:
    def test_makes_and_marks(self, tmp_path: Path) -> None:
        folder = claim(tmp_path / "a" / "b", "run")
        assert json.loads((folder / MARKER).read_text()) == {"kind": "run", "schema": 1}

    def test_takes_an_empty_folder(self, tmp_path: Path) -> None:
        assert names(claim(tmp_path, "run")) == [MARKER]

    def test_our_own_again_keeps_what_it_holds(self, tmp_path: Path) -> None:
        claim(tmp_path, "run")
        (tmp_path / "x").write_text("kept")
        claim(tmp_path, "run")
        assert (tmp_path / "x").read_text() == "kept"

    def test_someone_elses(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("x")
        assert message(claim, tmp_path, "run") == (
            f"{tmp_path}: holds files codesign did not write (thesis.tex); choose an empty folder or remove them"
        )
        assert names(tmp_path) == ["thesis.tex"]

    def test_another_kind(self, tmp_path: Path) -> None:
        claim(tmp_path, "run")
        assert message(claim, tmp_path, "program") == (
            f"{tmp_path}: holds a codesign run, not a program; choose another folder or remove it"
        )

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("x")
        assert (
            message(claim, tmp_path / "f", "run") == f"{tmp_path / 'f'}: is a file, not a folder; choose another name"
        )

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("x")
        assert message(claim, tmp_path / "f" / "g", "run") == (
            f"{tmp_path / 'f' / 'g'}: cannot be written (Not a directory); make it writable or choose another"
        )

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "run", "schema": 2}', "\x00"])
    def test_damaged_marker_is_not_ours(self, tmp_path: Path, text: str) -> None:
        (tmp_path / MARKER).write_text(text)
        assert "codesign did not write" in message(claim, tmp_path, "run")


class TestAtomicWrite:
    def test_replaces(self, tmp_path: Path) -> None:
        atomic_write(tmp_path / "a", "one")
        atomic_write(tmp_path / "a", b"two")
        assert (tmp_path / "a").read_bytes() == b"two"
        assert names(tmp_path) == ["a"]

    def test_failure_keeps_the_old(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        atomic_write(tmp_path / "a", "one")

        def broken(fd: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="No space"):
            atomic_write(tmp_path / "a", "two")
        assert (tmp_path / "a").read_text() == "one"
        assert names(tmp_path) == ["a"]


class TestStaged:
    def test_appears_whole(self, tmp_path: Path) -> None:
        with staged(tmp_path / "out", "program") as work:
            (work / "a").write_text("x")
            assert not (tmp_path / "out").exists()
        assert names(tmp_path) == ["out"]
        assert json.loads((tmp_path / "out" / MARKER).read_text()) == {"files": ["a"], "kind": "program", "schema": 1}

    def test_replaces_what_we_wrote(self, tmp_path: Path) -> None:
        fill(tmp_path / "out", "old")
        with staged(tmp_path / "out", "program") as work:
            (work / "b").write_text("new")
            assert (tmp_path / "out" / "part" / "a.txt").read_text() == "old"
        assert names(tmp_path / "out") == [MARKER, "b"]
        assert names(tmp_path) == ["out"]

    def test_failure_changes_nothing(self, tmp_path: Path) -> None:
        fill(tmp_path / "out", "old")
        with pytest.raises(KeyboardInterrupt), staged(tmp_path / "out", "program") as work:
            (work / "half").write_text("x")
            raise KeyboardInterrupt
        assert names(tmp_path) == ["out"]
        assert names(tmp_path / "out") == [MARKER, "part"]
        assert (tmp_path / "out" / "part" / "a.txt").read_text() == "old"

    def test_failing_swap_puts_the_old_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(tmp_path / "out", "old")
        rename = Path.rename

        def broken(self: Path, target: Path) -> Path:
            if self.name.endswith(".partial"):
                raise OSError(28, "No space left on device")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", broken)
        assert message(fill, tmp_path / "out", "new") == (
            f"{tmp_path / 'out'}: cannot be written (No space left on device); make it writable or choose another"
        )
        assert (tmp_path / "out" / "part" / "a.txt").read_text() == "old"
        assert names(tmp_path) == ["out"]

    def test_killed_between_the_renames(self, tmp_path: Path) -> None:
        fill(tmp_path / "out", "old")
        (tmp_path / "out").rename(tmp_path / ".out.previous")
        with pytest.raises(ZeroDivisionError), staged(tmp_path / "out", "program"):
            _ = 1 / 0
        assert (tmp_path / "out" / "part" / "a.txt").read_text() == "old"

    def test_what_a_killed_process_left_is_removed(self, tmp_path: Path) -> None:
        dead = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(dead, 0)
        left = tmp_path / f".out.{socket.gethostname()}-{dead}.partial"
        alive = tmp_path / f".out.{socket.gethostname()}-{os.getppid()}.partial"
        left.mkdir()
        alive.mkdir()
        fill(tmp_path / "out", "new")
        assert not left.exists()
        assert alive.exists()

    @pytest.mark.parametrize("extra", ["notes.txt", "part/notes.txt"])
    def test_files_the_user_added_are_not_thrown_away(self, tmp_path: Path, extra: str) -> None:
        fill(tmp_path / "out", "old")
        (tmp_path / "out" / extra).write_text("mine")
        assert message(fill, tmp_path / "out", "new") == (
            f"{tmp_path / 'out'}: holds files codesign did not write ({extra}); choose an empty folder or remove them"
        )
        assert (tmp_path / "out" / extra).read_text() == "mine"

    def test_many_foreign_files(self, tmp_path: Path) -> None:
        for name in "abc":
            (tmp_path / name).write_text("x")
        assert "did not write (a and 2 more);" in message(fill, tmp_path, "new")

    def test_current_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert message(fill, Path("."), "x") == (
            f"{tmp_path}: is the current folder, which cannot be replaced; choose a folder below it"
        )

    def test_same_input_same_bytes(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", "x")
        fill(tmp_path / "b", "x")
        assert (tmp_path / "a" / MARKER).read_bytes() == (tmp_path / "b" / MARKER).read_bytes()

    def test_follows_a_link_instead_of_replacing_it(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        fill(tmp_path / "link", "x")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "part" / "a.txt").read_text() == "x"


class TestLock:
    @pytest.mark.parametrize("how", ["claimed", "staged"])
    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_another_process_is_refused_until_the_holder_is_gone(
        self, tmp_path: Path, holder: Hold, how: str, end: int
    ) -> None:
        out = tmp_path / "out"
        held = holder(how, out)
        take: Callable[[Path, str], object] = (
            claim if how == "claimed" else lambda folder, kind: fill(folder, "x", kind)
        )
        for _ in range(2):
            assert message(take, out, "run") == (
                f"{out}: another command is writing there; wait, or choose another folder"
            )
        held.send_signal(end)
        held.wait(60)
        take(out, "run")
        assert names(tmp_path) == ["out"]
        assert LOCK not in names(out)

    def test_within_it_can_be_taken_again(self, tmp_path: Path) -> None:
        with claimed(tmp_path, "run"):
            for _ in range(2):
                with alone(tmp_path):
                    assert LOCK in names(tmp_path)
            assert LOCK in names(tmp_path)
        assert names(tmp_path) == [MARKER]

    def test_through_a_link_it_is_the_same_folder(self, tmp_path: Path, holder: Hold) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "link").symlink_to("out")
        holder("claimed", tmp_path / "link")
        assert "another command is writing there" in message(claim, tmp_path / "out", "run")

    def test_what_others_put_there_while_a_folder_was_made(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        with pytest.raises(OutputError, match="holds a codesign run, not a program"), staged(out, "program"):
            claim(out, "run")
        assert names(out) == [MARKER]

    def test_a_lock_that_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / LOCK).mkdir()
        assert message(claim, tmp_path, "run") == (
            f"{tmp_path}: cannot be written (Is a directory); make it writable or choose another"
        )


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "circle"
    path.symlink_to(path)
    with pytest.raises(OutputError) as caught, claimed(path, "run"):
        pass
    assert str(caught.value) == (
        f"{path}: cannot be written (a symbolic link that leads nowhere); make it writable or choose another"
    )
