"""The one place that states the version; the build and `kanpde.__version__` read it."""

__version__ = "0.1.0"
