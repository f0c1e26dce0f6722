"""
The base of the sections of the document, whose errors are ConfigurationError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from .._options import Options
from ._problems import error_of, problems_found


class Section(Options):
    """
    A part of the document: frozen, closed, and clear about what is wrong.

    Raises ConfigurationError, however it is made.
    """

    if TYPE_CHECKING:
        pass  # type checkers see the signature that pydantic makes of the fields
    else:

        def __init__(self, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as exc:
                raise error_of(problems_found(exc, type(self))) from None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Make a section of a mapping; raises ConfigurationError."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as exc:
            raise error_of(problems_found(exc, cls)) from None
