"""
The JSON Schema of the document, for editors and for whoever makes documents by program.

It is made of the options themselves: what pydantic knows of their types, the *forms* that
validators accept besides, which pydantic cannot know, and the docstrings of the fields.
It judges a document as somebody writes it, before anything is inherited or replaced, so
it knows each key and its values and not how they go together: `load_config` alone knows.
"""

from __future__ import annotations

from ._docs import field_docs
from ._generate import SCHEMA_ID, json_schema

__all__ = ["SCHEMA_ID", "field_docs", "json_schema"]
