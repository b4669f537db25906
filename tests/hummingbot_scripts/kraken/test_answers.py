import pytest

from hummingbot_scripts.ml_signals.kraken.answers import (
    KrakenError,
    KrakenRefusedError,
    KrakenUncertainError,
    KrakenUnreachedError,
    error_for,
    error_of_failure,
    result_of,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("EOrder:Insufficient funds", KrakenRefusedError),
        ("EOrder:Rate limit exceeded", KrakenRefusedError),
        ("EGeneral:Invalid arguments:volume", KrakenRefusedError),
        ("EGeneral:Permission denied", KrakenRefusedError),
        ("EService:Deadline elapsed", KrakenRefusedError),
        ("EService:Market in cancel_only mode", KrakenRefusedError),
        ("EAPI:Invalid nonce", KrakenUnreachedError),
        ("EAPI:Rate limit exceeded", KrakenUnreachedError),
        ("EService:Unavailable", KrakenUncertainError),
        ("EService:Busy", KrakenUncertainError),
        ("EGeneral:Internal error", KrakenUncertainError),
        ("EGeneral:Temporary lockout", KrakenUncertainError),
    ],
)
def test_an_error_text_says_whether_an_order_may_exist(text: str, kind: type[KrakenError]) -> None:
    with pytest.raises(kind, match=text.split(":")[1]):
        result_of({"error": [text], "result": {"txid": ["O1"]}})


def test_the_least_certain_of_several_errors_counts() -> None:
    both = ["EOrder:Insufficient funds", "EService:Busy"]
    assert isinstance(error_for(both), KrakenUncertainError)


@pytest.mark.parametrize("answer", ["<html>", None, [], {"error": []}, {}])
def test_what_is_not_an_answer_of_kraken_is_uncertain(answer: object) -> None:
    with pytest.raises(KrakenUncertainError):
        result_of(answer)


def test_warnings_are_no_errors() -> None:
    assert result_of({"error": ["WGeneral:Danger"], "result": {"a": 1}}) == {"a": 1}


def test_only_the_gateway_s_429_is_known_not_to_have_reached_kraken() -> None:
    failed = "Error executing request POST x. HTTP status is {}. Error: N/A"
    assert isinstance(error_of_failure(OSError(failed.format(429))), KrakenUnreachedError)
    assert isinstance(error_of_failure(OSError(failed.format(520))), KrakenUncertainError)
    assert isinstance(error_of_failure(TimeoutError()), KrakenUncertainError)
