"""The exceptions that lightune raises.

    LightuneError                 anything lightune can explain; exit code 1
    ├── InputError                the user's input or usage is at fault; exit code 2
    │   ├── ConfigError           options that are wrong, or do not go together
    │   ├── DataError             a data set that is absent, unreadable or unfit
    │   └── ModelError            a model or artefact that is absent, unreadable or unfit
    ├── MachineError              the machine lacks what the work needs: memory, room or a right to write on a disk
    ├── Lost                      one of the processes of a training has gone
    └── RunError                  a run that failed while it worked (a head that never learns, a reload differs)
        ├── Diverged              a training whose numbers ran away, mostly by its learning rate
        └── OutOfMemory           a run for which there was not enough memory

Every message says what was expected, what was seen and what to do, in one or two sentences, and is fit to be shown
to a user as it stands.
"""


class LightuneError(Exception):
    """Anything lightune can explain. `exit_code` is what the command line leaves with."""

    exit_code = 1


class InputError(LightuneError):
    """The user's input or usage is at fault; nothing was written."""

    exit_code = 2


class ConfigError(InputError):
    """Options that are wrong by themselves or do not go together."""


class DataError(InputError):
    """A data set that is absent, unreadable or unfit for the task."""


class ModelError(InputError):
    """A model or artefact that is absent, unreadable or unfit for the task."""


class MachineError(LightuneError):
    """The machine lacks what the work needs. What is done stays, and the same command goes on from it."""


class Lost(LightuneError):
    """One of the processes of a training has gone. What is saved stays, and the same command goes on from it."""


class RunError(LightuneError):
    """A run that failed while it worked."""


class Diverged(RunError):
    """A training whose numbers were no finite ones any more. best_step: of the look at validation rows that the model
    was put back to; None where there was none before."""

    best_step: int | None = None


class OutOfMemory(RunError):
    """A run for which there was not enough memory."""
