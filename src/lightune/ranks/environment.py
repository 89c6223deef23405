"""What torchrun or `accelerate launch` says to each of the processes that it starts, in environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightune.errors import ConfigError

RANK, WORLD_SIZE = "RANK", "WORLD_SIZE"
NEEDED = (RANK, WORLD_SIZE, "MASTER_ADDR", "MASTER_PORT")
OWN = (*NEEDED, "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "ROLE_WORLD_SIZE", "GROUP_WORLD_SIZE")
# Accelerate's own, which the Trainer listens to: a model that is sharded over the processes.
SHARDED = "ACCELERATE_USE_FSDP"
PREFIXES = ("FSDP_", "TORCHELASTIC_")
# The number of the run that a worker takes part in.
RUN = "LIGHTUNE_RUN"


@dataclass(frozen=True)
class Ranks:
    """This process among `size` of them. rank: its number, from 0; local_rank, local_size: the same on this host.
    host, port: where the processes meet. sharding: what accelerate was told of a sharded model, by variable."""

    rank: int
    size: int
    local_rank: int
    local_size: int
    host: str
    port: int
    sharding: Mapping[str, str] = field(default_factory=dict)

    def environment(self, run: int) -> dict[str, str]:
        """The variables by which a worker takes part in a run."""
        return {
            RANK: str(self.rank),
            WORLD_SIZE: str(self.size),
            "LOCAL_RANK": str(self.local_rank),
            "LOCAL_WORLD_SIZE": str(self.local_size),
            "MASTER_ADDR": self.host,
            "MASTER_PORT": str(self.port),
            RUN: str(run),
            **self.sharding,
        }


def ranks_from_environment() -> Ranks | None:
    """What the variables say; None where this process is the only one. Raises ConfigError where they say half of it."""
    said = os.environ
    try:
        size = int(said.get(WORLD_SIZE, "1"))
        if size <= 1:
            return None
        absent = [name for name in NEEDED if not said.get(name)]
        if absent:
            raise ConfigError(
                f"{WORLD_SIZE} is {size}, but {absent[0]} is not set. Start it by torchrun or `accelerate launch`, or "
                f"unset {WORLD_SIZE}."
            )
        rank = int(said[RANK])
        return Ranks(
            rank=rank,
            size=size,
            local_rank=int(said.get("LOCAL_RANK", rank)),
            local_size=int(said.get("LOCAL_WORLD_SIZE", size)),
            host=said["MASTER_ADDR"],
            port=int(said["MASTER_PORT"]),
            sharding=_sharding(),
        )
    except ValueError as error:
        raise ConfigError(f"{', '.join(NEEDED)}: numbers and a host are expected ({error}).") from None


def take_ranks() -> None:
    """Remove the variables from this process, so that what it does alone is done alone: libraries look at them too."""
    for name in list(os.environ):
        if name in (*OWN, SHARDED, RUN) or name.startswith(PREFIXES):
            del os.environ[name]


def is_follower() -> bool:
    """Whether a launcher made this process one of several, and another one speaks for all of them."""
    return os.environ.get(WORLD_SIZE, "1") not in ("", "0", "1") and os.environ.get(RANK, "0") not in ("", "0")


def is_launched() -> bool:
    """Whether torchrun or `accelerate launch` made this process one of several. A cluster may set some of the variables
    for a process that is to work alone; LOCAL_RANK beside the others only a launcher sets."""
    several = os.environ.get(WORLD_SIZE, "1") not in ("", "0", "1")
    return several and all(os.environ.get(name) for name in (*NEEDED, "LOCAL_RANK"))


def _sharding() -> dict[str, str]:
    if os.environ.get(SHARDED, "false").lower() not in ("1", "true"):
        return {}
    said = {name: value for name, value in os.environ.items() if name == SHARDED or name.startswith("FSDP_")}
    # Else only the first process would have weights to begin with, and the others could check and adapt nothing.
    return {**said, "FSDP_CPU_RAM_EFFICIENT_LOADING": "false"}
