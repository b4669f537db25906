"""What S3's and boto3's errors mean for a user: the one place that translates them."""

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError, SSLError

from signal_server.core.errors import (
    ConfigError,
    FlatFileError,
    MarketDataError,
    NotEntitledError,
    SignalServerError,
    VendorAuthError,
)

KEY_HINT = (
    "set SIGNAL_SERVER_FLAT_FILES_ACCESS_KEY and SIGNAL_SERVER_FLAT_FILES_SECRET_KEY to the "
    "S3 keys of your Polygon.io dashboard, which are not the API key"
)
CHANGED = "PreconditionFailed"
_WRONG_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "InvalidSecurity",
    "AuthorizationHeaderMalformed",
}
_TRANSIENT_CODES = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"}
_TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}


def code_of(error: ClientError) -> str:
    """Return S3's code of an error; the status where the answer had no body."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return {"412": CHANGED, "416": "InvalidRange"}.get(code, code)


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an error, 0 if unknown."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_transient(error: Exception) -> bool:
    """Tell whether the same request may succeed later."""
    if isinstance(error, ClientError):
        return code_of(error) in _TRANSIENT_CODES or status_of(error) in _TRANSIENT_STATUS
    return isinstance(error, BotoCoreError) and not isinstance(error, SSLError)


def translated(error: Exception, what: str, url: str) -> SignalServerError:
    """Return the error for a user; `what` is the key or listing that was asked for."""
    if isinstance(error, ClientError):
        return _of_answer(error, what)
    return MarketDataError(
        f"{what}: {url} cannot be reached: {reason_of(error)}; "
        "check the connection and flat_files.url, then try again"
    )


def reason_of(error: Exception) -> str:
    """Return what happened: an error's first line, at most 160 characters."""
    if isinstance(error, ReadTimeoutError):
        return "nothing came for too long"
    if isinstance(error, ClientError):
        return f"it says {code_of(error) or status_of(error)}"
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _of_answer(error: ClientError, what: str) -> SignalServerError:
    code = code_of(error)
    if code in _WRONG_KEYS:
        return VendorAuthError(f"the keys for flat files were refused ({code}); {KEY_HINT}")
    if code == "RequestTimeTooSkewed":
        return MarketDataError("this computer's clock is wrong and S3 refuses it; set the clock")
    if code == "NoSuchBucket":
        return ConfigError(f"{what}: there is no such bucket; correct flat_files.bucket")
    if code in {"NoSuchKey", "404"}:
        return FlatFileError(f"{what} is not there; it may be published later")
    if status_of(error) == 403:
        return NotEntitledError(
            f"{what} was refused (403): the plan does not include flat files of crypto, or not of "
            "that time, though it lets you list them; use --source rest or change the plan"
        )
    return MarketDataError(f"{what} was refused: {reason_of(error)}")
