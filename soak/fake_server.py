"""The server around a host without a model: `python -m soak.fake_server --seconds-a-text 0.02`."""

from __future__ import annotations

import argparse
import gc
import logging
import signal
import sys

from lightune.server.access import Access
from lightune.server.app import Service
from lightune.server.limits import Limits
from lightune.server.serving import Server
from lightune.server.sockets import addresses_of, bind
from soak.fake import FakeHost


def main() -> int:
    """The command; it says where it listens on standard output, as `lightune serve` does."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--seconds-a-text", type=float, default=0.0)
    made.add_argument("--leak", type=int, default=0, help="bytes a batch that are never freed")
    made.add_argument("--connections", type=int, default=Limits.connections)
    options = made.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    service = Service(FakeHost(options.seconds_a_text, options.leak), Access(), Limits(connections=options.connections))
    (listening,) = bind("127.0.0.1", 0, addresses_of("127.0.0.1", 0))

    def started() -> None:
        gc.collect()
        gc.freeze()
        gc.collect()
        print(f"lightune serves at http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)

    server = Server(service, [listening], started)
    server.run()
    return 0 if server.signalled is None else 128 + signal.Signals(server.signalled)


if __name__ == "__main__":
    sys.exit(main())
