"""What is written at once is sent at once, in its order, and nothing is lost at the end."""

import asyncio

import pytest

from lightune.server.joined import MOST_HELD, JoinedTransport


class Wire(asyncio.Transport):
    """A transport that keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.told = []

    def write(self, data):
        self.told.append(bytes(data))

    def write_eof(self):
        self.told.append("eof")

    def close(self):
        self.told.append("close")

    def abort(self):
        self.told.append("abort")

    def get_write_buffer_size(self):
        return sum(map(len, self.told))


def told(work):
    """What a wire hears of `work`, and of the turns of the loop after it."""

    async def run():
        wire = Wire()
        work(JoinedTransport(wire, asyncio.get_running_loop()))
        at_once = list(wire.told)
        await asyncio.sleep(0)
        return at_once, wire.told

    return asyncio.run(run())


def test_what_is_written_in_one_turn_goes_out_in_one_piece():
    assert told(lambda wire: [wire.write(b"head"), wire.write(b""), wire.write(b"body")]) == ([], [b"headbody"])


@pytest.mark.parametrize("end", ["close", "write_eof", "abort"])
def test_what_is_held_goes_before_the_end(end):
    at_once, _ = told(lambda wire: [wire.write(b"head"), wire.write(b"body"), getattr(wire, end)()])
    assert at_once == [b"headbody", end.removeprefix("write_")]


def test_much_is_not_held_back():
    piece = b"x" * (MOST_HELD // 2 + 1)
    assert told(lambda wire: [wire.write(piece), wire.write(piece), wire.write(b"end")]) == (
        [2 * piece],
        [2 * piece, b"end"],
    )


def test_what_is_held_counts_as_not_taken():
    sizes = []
    told(lambda wire: [wire.write(b"head"), sizes.append(wire.get_write_buffer_size())])
    assert sizes == [4]
