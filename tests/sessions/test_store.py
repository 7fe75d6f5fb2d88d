"""What a store keeps, and what of it survives a kill, a torn write, a reboot and a full disk."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions import store as store_module
from sessions.interfaces import StoreFailed
from sessions.store import FileStore, MemoryStore


def let_go(store):
    """What the kernel does to the files of a killed process."""
    store._index.release()
    store._index_map.close()
    os.close(store._fd)
    store._numbers.release()
    store._numbers_map.close()


def seen(store):
    return (store.next_sender, store.next_target, store.last_origin, list(store.get(1, 10**9)))


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    made = MemoryStore() if request.param == "memory" else FileStore(tmp_path / "store")
    yield made
    made.close()


def test_a_new_store_begins_at_one(store):
    assert seen(store) == (1, 1, 0, [])


def test_saving_moves_the_next_number_and_keeps_the_origin(store):
    store.save(1, b"one", 5)
    store.save(2, b"two", 0)
    assert seen(store) == (3, 1, 5, [(1, b"one"), (2, b"two")])


def test_numbers_without_a_message_are_skipped(store):
    store.save(1, b"one", 0)
    store.next_sender = 4
    store.save(4, b"four", 0)
    assert list(store.get(1, 9)) == [(1, b"one"), (4, b"four")]
    assert list(store.get(2, 3)) == []
    assert list(store.get(4, 4)) == [(4, b"four")]


def test_a_number_is_never_used_twice(store):
    store.save(3, b"three", 0)
    with pytest.raises(ValueError, match="below the next one"):
        store.save(3, b"again", 0)


def test_a_reset_clears_messages_and_numbers_together_but_not_the_cursor(store):
    store.save(1, b"one", 9)
    store.next_target = 7
    store.reset(123)
    assert seen(store) == (1, 1, 9, [])
    assert store.created_ns == 123
    store.save(1, b"anew", 10)
    assert seen(store) == (2, 1, 10, [(1, b"anew")])


def test_lowering_the_number_forgets_the_messages_above(store):
    for number in range(1, 6):
        store.save(number, b"%d" % number, number)
    store.next_sender = 3
    assert list(store.get(1, 9)) == [(1, b"1"), (2, b"2")]
    store.save(3, b"other", 0)
    assert list(store.get(3, 9)) == [(3, b"other")]


def test_what_is_asked_for_may_be_long_and_is_read_in_blocks(store):
    for number in range(1, 3001):
        store.save(number, b"%d" % number * 40, 0)
    assert [number for number, _ in store.get(10, 2990)] == list(range(10, 2991))


def test_messages_may_be_added_while_others_are_read(store):
    for number in range(1, 1001):
        store.save(number, b"x" * 200, 0)
    found = []
    for number, _ in store.get(1, 1000):
        found.append(number)
        store.save(1000 + number, b"y" * 200, 0)
    assert found == list(range(1, 1001))


def test_a_closed_store_opens_as_it_was(tmp_path):
    store = FileStore(tmp_path / "s", created_ns=77)
    store.save(1, b"one", 4)
    store.next_sender = 6
    store.next_target = 8
    store.close()
    again = FileStore(tmp_path / "s")
    assert seen(again) == (6, 8, 4, [(1, b"one")])
    assert again.created_ns == 77
    assert again.recovered == ""
    again.close()


def test_a_killed_store_opens_as_it_was(tmp_path):
    store = FileStore(tmp_path / "s")
    for number in range(1, 600):
        store.save(number, b"m%d" % number, number)
        store.next_target = number * 2
    before = seen(store)
    let_go(store)
    again = FileStore(tmp_path / "s")
    assert seen(again) == before
    assert again.recovered == ""
    again.close()


def test_kill_minus_nine_in_the_middle_of_work_loses_nothing_that_was_acknowledged(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        from sessions.store import FileStore
        store = FileStore(sys.argv[1])
        number = store.next_sender
        while True:
            store.save(number, b"m%d" % number * 20, number)
            store.next_target = number + 5
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()
            number += 1
        """
    )
    last = 0
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "s")], stdout=subprocess.PIPE)
        for _ in range(500):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        for line in process.communicate()[0].splitlines():
            last = int(line) if line.isdigit() else last
        store = FileStore(tmp_path / "s")
        assert store.next_sender > last
        assert store.last_origin == store.next_sender - 1
        assert store.next_target >= last + 4
        assert [number for number, _ in store.get(1, 10**9)] == list(range(1, store.next_sender))
        store.close()


def test_a_write_torn_anywhere_is_cut_off_and_nothing_else(tmp_path):
    store = FileStore(tmp_path / "s")
    for number in range(1, 4):
        store.save(number, b"message %d" % number, number)
    let_go(store)
    whole = (tmp_path / "s" / "messages.0").read_bytes()
    record = whole[len(whole) // 3 * 2 :]
    for size in range(len(record)):
        shutil.copytree(tmp_path / "s", tmp_path / "torn")
        with open(tmp_path / "torn" / "messages.0", "ab") as file:
            file.write(record[:size])
        torn = FileStore(tmp_path / "torn")
        assert seen(torn) == (4, 1, 3, [(number, b"message %d" % number) for number in (1, 2, 3)])
        assert bool(torn.recovered) == (size > 0)
        torn.save(4, b"four", 4)
        torn.close()
        shutil.rmtree(tmp_path / "torn")


def test_a_record_written_before_its_index_and_number_is_found(tmp_path):
    store = FileStore(tmp_path / "s")
    store.save(1, b"one", 1)
    base, count = store._base, store._count
    store.save(2, b"two", 2)
    store._numbers[base + store_module._COUNT] = count
    store._numbers[base + store_module._SENDER] = 2
    store._numbers[base + store_module._ORIGIN] = 1
    let_go(store)
    again = FileStore(tmp_path / "s")
    assert seen(again) == (3, 1, 2, [(1, b"one"), (2, b"two")])
    again.close()


def test_after_a_reboot_the_index_is_rebuilt_from_records_that_check_out(tmp_path, monkeypatch):
    store = FileStore(tmp_path / "s")
    for number in range(1, 1000):
        store.save(number, b"m%d" % number, number)
    let_go(store)
    (tmp_path / "s" / "index.0").write_bytes(os.urandom(4096))
    monkeypatch.setattr(store_module, "_boot_id", lambda: (1, 2))
    again = FileStore(tmp_path / "s")
    assert "rebuilt" in again.recovered
    assert again.next_sender == 1000
    assert [number for number, _ in again.get(1, 2000)] == list(range(1, 1000))
    again.close()


def test_after_a_reboot_that_lost_records_the_number_does_not_fall_but_the_cursor_does(tmp_path, monkeypatch):
    store = FileStore(tmp_path / "s")
    store.save(1, b"before", 17)
    store.reset()
    for number in range(1, 100):
        store.save(number, b"m%d" % number, number)
    let_go(store)
    path = tmp_path / "s" / "messages.1"
    path.write_bytes(path.read_bytes()[:1500])
    monkeypatch.setattr(store_module, "_boot_id", lambda: (1, 2))
    again = FileStore(tmp_path / "s")
    assert again.next_sender == 100
    assert again.last_origin == 55
    assert list(again.get(56, 99)) == []
    again.save(100, b"hundred", 100)
    assert list(again.get(56, 101)) == [(100, b"hundred")]
    let_go(again)
    path.write_bytes(b"")
    monkeypatch.setattr(store_module, "_boot_id", lambda: (3, 4))
    empty = FileStore(tmp_path / "s")
    assert (empty.next_sender, empty.last_origin) == (101, 17)
    empty.close()


def test_a_damaged_record_is_not_sent_and_not_passed_over(tmp_path):
    store = FileStore(tmp_path / "s")
    store.save(1, b"a very long message", 0)
    store.save(2, b"another", 0)
    with open(tmp_path / "s" / "messages.0", "r+b") as file:
        file.seek(30)
        file.write(b"X")
    with pytest.raises(StoreFailed, match="damaged"):
        list(store.get(1, 2))
    store.close()


def test_one_store_belongs_to_one_process(tmp_path):
    store = FileStore(tmp_path / "s")
    with pytest.raises(StoreFailed, match="in use"):
        FileStore(tmp_path / "s")
    store.close()
    FileStore(tmp_path / "s").close()


def test_something_else_is_not_taken_for_a_store(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "numbers").write_bytes(b"x" * 4096)
    with pytest.raises(StoreFailed, match="not a session store"):
        FileStore(tmp_path / "s")


def test_an_interrupted_creation_is_finished(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "numbers").write_bytes(b"\0" * 100)
    store = FileStore(tmp_path / "s")
    assert seen(store) == (1, 1, 0, [])
    store.close()


def test_a_full_disk_ends_the_store_and_takes_no_number(tmp_path):
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from sessions.interfaces import StoreFailed
        from sessions.store import FileStore
        store = FileStore(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        number = 1
        try:
            while True:
                store.save(number, b"m" * 300, number)
                number += 1
        except StoreFailed:
            assert store.next_sender == number
        for attempt in (lambda: store.save(number, b"x", 0), lambda: setattr(store, "next_sender", number + 1)):
            try:
                attempt()
            except StoreFailed:
                continue
            raise SystemExit("a failed store took a number")
        print(number)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "s")], capture_output=True, text=True, check=True
    )
    number = int(done.stdout)
    store = FileStore(tmp_path / "s")
    assert store.next_sender == number
    assert [found for found, _ in store.get(1, 10**6)] == list(range(1, number))
    store.save(number, b"room again", 0)
    store.close()


def test_an_index_that_cannot_grow_ends_the_store_and_the_rest_stays_readable(tmp_path, monkeypatch):
    store = FileStore(tmp_path / "s")
    for number in range(1, store._room + 1):
        store.save(number, b"m", number)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sessions.store.os.posix_fallocate", full)
    with pytest.raises(StoreFailed):
        store.save(store.next_sender, b"one too many", 0)
    monkeypatch.undo()
    assert len(list(store.get(1, 10**6))) == store._room
    store.close()
    again = FileStore(tmp_path / "s")
    assert again.next_sender == again._room + 1
    again.close()


@pytest.mark.parametrize("where", ["before the selector", "after the selector", "after the files"])
def test_a_reset_killed_half_way_happened_or_did_not(tmp_path, where, monkeypatch):
    store = FileStore(tmp_path / "s")
    store.save(1, b"one", 3)
    store.next_target = 9

    class Killed(Exception):
        pass

    def die(*arguments):
        raise Killed

    if where == "before the selector":
        monkeypatch.setattr(FileStore, "_path", die)
    elif where == "after the selector":
        monkeypatch.setattr(FileStore, "_open_generation", die)
    else:
        monkeypatch.setattr(FileStore, "_sweep", die)
    with pytest.raises(Killed):
        store.reset(5)
    monkeypatch.undo()
    store._numbers.release()
    store._numbers_map.close()
    again = FileStore(tmp_path / "s")
    if where == "before the selector":
        assert seen(again) == (2, 9, 3, [(1, b"one")])
    else:
        assert seen(again) == (1, 1, 3, [])
    assert sorted(path.name.split(".")[0] for path in (tmp_path / "s").iterdir()) == ["index", "messages", "numbers"]
    again.close()


operation = st.one_of(
    st.tuples(st.just("save"), st.binary(max_size=300), st.integers(0, 50)),
    st.tuples(st.just("skip"), st.integers(1, 5)),
    st.tuples(st.just("target"), st.integers(1, 10**12)),
    st.tuples(st.just("lower"), st.integers(1, 30)),
    st.tuples(st.just("reset")),
    st.tuples(st.just("kill")),
    st.tuples(st.just("close")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(operation, max_size=40))
def test_the_files_agree_with_memory_whatever_is_done(tmp_path_factory, operations):
    place = tmp_path_factory.mktemp("store")
    model, store = MemoryStore(), FileStore(place)
    for name, *arguments in operations:
        if name == "kill":
            let_go(store)
            store = FileStore(place)
        elif name == "close":
            store.close()
            store = FileStore(place)
        else:
            for each in (model, store):
                if name == "save":
                    each.save(each.next_sender, *arguments)
                elif name == "skip":
                    each.next_sender += arguments[0]
                elif name == "target":
                    each.next_target = arguments[0]
                elif name == "lower":
                    each.next_sender = min(each.next_sender, arguments[0])
                else:
                    each.reset()
        assert seen(store) == seen(model)
    store.close()
    shutil.rmtree(place)


def test_a_new_store_begins_behind_what_happened_before_it(tmp_path):
    store = FileStore(tmp_path / "s", 7, origin=400)
    assert store.last_origin == 400
    store.save(1, b"x", 412)
    store.close()
    again = FileStore(tmp_path / "s", 9, origin=999)
    assert (again.last_origin, again.created_ns) == (412, 7)
    again.close()


def test_a_new_store_that_lost_its_records_goes_back_to_where_it_began(tmp_path):
    store = FileStore(tmp_path / "s", origin=400)
    store.save(1, b"x", 412)
    records = next((tmp_path / "s").glob("messages.*"))
    del store
    records.write_bytes(b"")
    numbers = tmp_path / "s" / "numbers"
    page = bytearray(numbers.read_bytes())
    page[16:32] = bytes(16)  # another boot
    numbers.write_bytes(bytes(page))
    again = FileStore(tmp_path / "s")
    assert again.last_origin == 400
    again.close()
