"""The examples in the docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

from handbill import feedback

MODULES = [module.name for module in pkgutil.iter_modules(feedback.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    module = importlib.import_module(f"handbill.feedback.{name}")
    assert doctest.testmod(module).failed == 0
