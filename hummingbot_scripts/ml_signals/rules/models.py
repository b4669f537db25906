"""Which models' signals may be acted on. Pure."""

from collections.abc import Collection

from .vocabulary import Reason, SignalView


def refuse_model(signal: SignalView, allowed: Collection[str]) -> Reason | None:
    """Return why a signal's model is not to be followed, None if it is.

    `allowed` names models, each as `name` or, to hold it to one set of features too, as
    `name@schema` with the beginning of its schema hash; none at all means any.
    """
    if not allowed:
        return None
    named = [entry.partition("@") for entry in allowed]
    schemas = [schema for name, _, schema in named if name == signal.model]
    if not schemas:
        return Reason.MODEL_NOT_ALLOWED
    if any(signal.schema.startswith(schema) for schema in schemas):
        return None
    return Reason.WRONG_SCHEMA
