"""Why a host cannot be reached, in words for a user."""

import re

_MOST_LETTERS = 160


def why_unreachable(error: Exception) -> str:
    """Return urllib3's reason, shortened."""
    reason = str(getattr(error, "reason", None) or error)
    # urllib3 begins with the connection or its pool, which tells nobody anything.
    return re.sub(r"^.*(>|port=\d+\)): ", "", reason)[:_MOST_LETTERS]
