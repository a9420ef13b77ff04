"""What can go wrong, as one tree.

HandbillError                 anything a user can mend; the CLI prints it as one line, exit code 2
├── ConfigError               handbill.toml names something unknown or impossible
├── WorkspaceError            the shop's folder is missing, foreign, locked or full
├── SourceError               an export or feed is missing, unreadable or of another shape
├── ModelError                a language model cannot be found, verified, loaded or trained
├── PictureError              pictures cannot be rendered: no browser, or one that does not start
├── PolicyError               something unapproved or unlawful was about to run
└── PlanError                 the constraints of a plan contradict each other

An expected refusal (a rejected ad, a quarantined row, too little data) is a value, not an error.
"""


class HandbillError(Exception):
    """Base of all errors that name a thing and the way out."""


class ConfigError(HandbillError):
    """A setting is unknown, of the wrong type or out of its bounds."""


class WorkspaceError(HandbillError):
    """The workspace folder cannot be used as it is."""


class SourceError(HandbillError):
    """An input file is missing, unreadable or not of the documented shape."""


class ModelError(HandbillError):
    """A model's weights, tokenizer or adapter are missing, wrong or do not load."""


class PictureError(HandbillError):
    """There is nothing to render pictures with."""


class PolicyError(HandbillError):
    """A rule that Handbill never trades away would be broken."""


class PlanError(HandbillError):
    """No plan satisfies the constraints; the message names the ones that conflict."""
