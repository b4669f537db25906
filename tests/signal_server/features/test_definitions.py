"""Definitions change together with the version that models are told apart by, or not at all.

Write the known values again with `python -m tests.signal_server.features.test_definitions`.
"""

import json
from pathlib import Path

import numpy as np

from signal_server.features.catalogue import CATALOGUE, DEFINITION_VERSION
from signal_server.features.feature import Group
from signal_server.features.probe import probe

KNOWN = Path(__file__).with_name("definitions.json")


def current() -> dict[str, list[float]]:
    """Return the newest three values of each feature that is not the user's own."""
    ours = [feature for feature in CATALOGUE if feature.group is not Group.OWN]
    return {feature.name: probe(feature)[-3:].tolist() for feature in ours}


def test_a_definition_changes_with_its_version() -> None:
    known, found = json.loads(KNOWN.read_text()), current()
    assert known["version"] == DEFINITION_VERSION, "write the known values again"
    assert list(known["values"]) == list(found), "write the known values again"
    changed = [
        name
        for name, values in known["values"].items()
        if not np.allclose(found[name], values, rtol=1e-7, atol=1e-9)
    ]
    assert not changed, "raise DEFINITION_VERSION, so that older models are refused"


if __name__ == "__main__":
    lines = [f'  "{name}": {json.dumps(values)}' for name, values in current().items()]
    values = ",\n".join(lines)
    KNOWN.write_text(f'{{\n "version": {DEFINITION_VERSION},\n "values": {{\n{values}\n }}\n}}\n')
