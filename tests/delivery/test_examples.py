"""The examples in the docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

from handbill import delivery

MODULES = [module.name for module in pkgutil.iter_modules(delivery.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    module = importlib.import_module(f"handbill.delivery.{name}")
    assert doctest.testmod(module).failed == 0
