"""`python -m handbill` is the `handbill` command."""

from handbill.cli import main

main()
