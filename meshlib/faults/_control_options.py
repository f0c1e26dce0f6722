"""Where faults may run, who may ask for them, and what stops them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from .._options import Options, PositiveDuration
from ._baggage import SHORTEST_KEY

Environment = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class FaultBaggageOptions(Options):
    """
    Faults that requests bring in signed baggage: exactly one of the places of the keys.

    The first key signs; two at most are accepted, so that one can be replaced.
    """

    keys: Annotated[tuple[SecretStr, ...], Field(max_length=2)] = ()
    """The keys themselves, of 16 bytes or more; `${VARIABLE}` keeps them out of a file."""
    key_file: str | None = None
    """A file with a key in each line, read when the document is applied."""
    key_variable: str | None = None
    """The environment variable that holds the keys, with spaces between them."""
    max_lifetime: PositiveDuration = 3600.0
    """Seconds; what is signed for longer is refused. An hour is longer than any test."""

    @field_validator("keys")
    @classmethod
    def _long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value().encode()) < SHORTEST_KEY for key in value):
            raise ValueError(f"a key has {SHORTEST_KEY} bytes or more")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> FaultBaggageOptions:
        places = (self.keys or None, self.key_file, self.key_variable)
        if sum(place is not None for place in places) != 1:
            raise ValueError("give one of keys, key_file and key_variable")
        return self


class FaultControlOptions(Options):
    """
    Where faults may run, who may ask for them, and what stops them.

    It is a key of the whole document: rules say what is broken, this says whether.
    """

    environments: tuple[Environment, ...] | None = None
    """
    Values of `MESHLIB_ENV` in which faults may act; in any other, and when it is not set,
    none does. null, the default, is no list: faults of the document and of code act, and
    requests can ask for none.
    """
    kill_file: Annotated[str, Field(min_length=1)] | None = None
    """While this file exists, or cannot be looked for, no call that begins meets a fault."""
    kill_signal: Literal["SIGHUP", "SIGUSR1", "SIGUSR2"] | None = None
    """A signal after which nothing is injected until `mesh.faults.enabled = True`; POSIX."""
    baggage: FaultBaggageOptions | None = None
    """Faults that requests bring in signed baggage; null: none."""

    @model_validator(mode="after")
    def _somewhere(self) -> FaultControlOptions:
        if self.baggage is not None and self.environments is None:
            raise ValueError(
                "baggage needs environments: requests may cause faults only where that is listed"
            )
        return self
