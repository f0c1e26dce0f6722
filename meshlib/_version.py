"""
Which version of meshlib this is.
"""

from importlib.metadata import version

__version__ = version("meshlib-client")
