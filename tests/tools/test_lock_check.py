"""The locks pin everything that pyproject.toml asks for, with hashes and without a host."""

from pathlib import Path

from tools.lock_check import find_faults, main

PROJECT = {
    "project": {"dependencies": ["numpy>=2.2", "TA-Lib>=0.8"]},
    "dependency-groups": {"dev": ["ruff>=0.13"]},
}
LOCK = (
    "numpy==2.2.6 \\\n    --hash=sha256:aa\n"
    "ruff==0.13.1 \\\n    --hash=sha256:bb\n"
    "ta-lib==0.8.2 \\\n    --hash=sha256:cc\n"
)


def test_the_projects_own_locks_are_current() -> None:
    assert main(Path(__file__).resolve().parents[2]) == 0


def test_a_complete_lock_has_no_faults() -> None:
    assert find_faults(PROJECT, LOCK, ("dev",)) == []


def test_a_missing_pin_is_named() -> None:
    lock = LOCK.replace("ta-lib", "other")
    assert find_faults(PROJECT, lock, ("dev",)) == ["TA-Lib is not pinned"]


def test_a_pin_outside_its_range_is_named() -> None:
    lock = LOCK.replace("2.2.6", "2.1.0")
    assert find_faults(PROJECT, lock, ("dev",)) == ["numpy 2.1.0 is not >=2.2"]


def test_a_pin_without_a_hash_is_named() -> None:
    lock = LOCK.replace("    --hash=sha256:bb\n", "")
    assert find_faults(PROJECT, lock, ("dev",)) == ["ruff has no hash"]


def test_a_registry_host_is_named() -> None:
    lock = "--index-url https://host/simple\n" + LOCK
    assert find_faults(PROJECT, lock, ("dev",)) == ["it names a registry host"]
