"""Sentences: numbers in them, and those that are translated where they are shown."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless there is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation, and return it as it stands.

    Django's function of that name reads the settings, and so cannot be called while a module is
    imported: a settings file may import what stands in `TASKQ["MIDDLEWARE"]`. The name is the one
    that makemessages looks for.
    """
    return message
