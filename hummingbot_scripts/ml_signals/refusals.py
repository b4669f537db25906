"""Says in one sentence what is wrong with the script's settings."""

from pydantic import ValidationError


class SettingsRefusedError(ValueError):
    """The script's settings are not usable; the text names every bad key."""


def describe(error: ValidationError) -> str:
    """Return everything that is wrong, by key, and what to do about it."""
    problems = [_describe_one(item["loc"], item["type"], item["msg"]) for item in error.errors()]
    return "the settings of ml_signal_strategy are refused: " + "; ".join(problems)


def _describe_one(location: tuple[int | str, ...], kind: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not location:
        return text
    key = ".".join(str(part) for part in location)
    if kind == "missing":
        return f"{key} is missing; set it in conf/scripts"
    if kind == "extra_forbidden":
        return f"{key} is not a setting; remove it or correct its name"
    return f"{key}: {text}"
