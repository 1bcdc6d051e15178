"""Files and folders are there as a whole or as before, also after a kill; locks end with their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from boathouse import atomic_files
from boathouse.atomic_files import FolderDraft, folder_lock, new_file, new_folder, take_lock, write_file, write_once
from boathouse.errors import BoathouseError

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    """Return all names in ``folder``, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def fail_half_way(folder: Path) -> None:
    """Write a file into ``folder`` and fail."""
    (folder / "model").write_text("half")
    raise ZeroDivisionError


def start(code: str, *arguments: Path) -> subprocess.Popen[bytes]:
    """Return another process that runs ``code`` and has printed a line."""
    command = [sys.executable, "-c", code, *[path.as_posix() for path in arguments]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


def test_a_file_is_replaced_as_a_whole_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tokens.json"
    write_file(path, b"one", mode=0o600)
    write_file(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(path.parent) == ["tokens.json"]


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_file(path, b"one")
    with pytest.raises(ZeroDivisionError), new_file(path) as draft:
        draft.write_bytes(bytes(1 // 0))
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["state.json"]


def test_of_several_writers_the_first_counts(tmp_path: Path) -> None:
    path, answers = tmp_path / "salt", []
    threads = [
        threading.Thread(target=lambda text=text: answers.append(write_once(path, text))) for text in (b"a", b"b", b"c")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [path.read_bytes()] * 3
    assert write_once(path, b"late") == answers[0]
    assert names(tmp_path) == ["salt"]


_KILLED_WRITE = """
import sys, time
from pathlib import Path
from boathouse.atomic_files import new_file
with new_file(Path(sys.argv[1])) as draft:
    draft.write_bytes(b"half")
    print("written", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_left_is_removed_and_what_a_running_one_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_file(path, b"one")
    running, killed = start(_KILLED_WRITE, path), start(_KILLED_WRITE, path)
    killed.kill()
    killed.wait()
    assert len(names(tmp_path)) == 3
    write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert len(names(tmp_path)) == 2
    running.kill()
    running.wait()
    write_file(path, b"three")
    assert names(tmp_path) == ["state.json"]


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    with pytest.raises(ZeroDivisionError), new_folder(folder, replace=True) as draft:
        fail_half_way(draft)
    assert names(tmp_path) == []
    for text in ("one", "two"):
        with new_folder(folder, replace=True) as draft:
            (draft / text).write_text(text)
            assert not (folder / text).exists()
    assert names(folder) == ["two"]
    assert names(tmp_path) == ["export"]


def test_a_folder_with_content_is_kept_where_it_is_not_to_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    with new_folder(folder, replace=False) as draft:
        (draft / "first").touch()
    with pytest.raises(FileExistsError, match="batch is there already"), new_folder(folder, replace=False) as draft:
        (draft / "second").touch()
    assert names(folder) == ["first"]
    assert names(tmp_path) == ["batch"]


_KILLED_SWAP = """
import os, sys
from pathlib import Path
from boathouse import atomic_files
rename = Path.rename
def die(self, target):
    if ".draft-" in self.name:
        print("between", flush=True)
        os._exit(9)
    return rename(self, target)
Path.rename = die
with atomic_files.new_folder(Path(sys.argv[1]), replace=True) as draft:
    (draft / "new").touch()
"""


def test_a_kill_between_the_two_renames_is_undone_by_the_next_writer(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    with new_folder(folder, replace=True) as draft:
        (draft / "old").touch()
    assert start(_KILLED_SWAP, folder).wait() == 9
    assert not folder.exists()
    draft = FolderDraft(folder)
    assert names(folder) == ["old"]
    draft.discard()
    assert names(tmp_path) == ["export"]


_HOLDER = """
import sys, time
from pathlib import Path
from boathouse.atomic_files import folder_lock
with folder_lock(Path(sys.argv[1]), purpose="wait"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_that_is_not_given_back_is_an_error_after_the_patience(tmp_path: Path) -> None:
    holder = start(_HOLDER, tmp_path / "clean")
    with (
        pytest.raises(BoathouseError, match=r"Waited 0.1 s for the lock on .*clean to create tables; another process"),
        folder_lock(tmp_path / "clean", purpose="create tables", patience_seconds=0.1),
    ):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with folder_lock(tmp_path / "clean", purpose="create tables", patience_seconds=5):
        assert names(tmp_path / "clean") == []


def test_a_lock_needs_no_right_to_write_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "clean"
    folder.mkdir(mode=0o500)
    with folder_lock(folder, purpose="look"):
        assert folder.stat().st_mode & 0o777 == 0o500


def test_threads_take_turns(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with folder_lock(tmp_path, purpose="count"):
                inside += 1
                most = max(most, inside)
                threading.Event().wait(0.001)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_child_that_inherits_the_descriptor_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    descriptor, other = os.open(path, os.O_RDWR | os.O_CREAT), os.open(path, os.O_RDWR)
    assert take_lock(descriptor)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = subprocess.Popen(command, pass_fds=(descriptor,))
    os.close(descriptor)
    assert not take_lock(other)
    child.kill()
    child.wait()
    assert take_lock(other)
    os.close(other)


def test_patience_is_finite() -> None:
    assert 0 < atomic_files.PATIENCE_SECONDS <= 3600
