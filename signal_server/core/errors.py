"""The one error tree: every failure a user can cause or meet is a `SignalServerError`."""


class SignalServerError(Exception):
    """Base of all expected failures; its text is one sentence that says what to do."""

    exit_code = 1


class ConfigError(SignalServerError):
    """A setting is missing, unknown or out of range."""

    exit_code = 2


class MarketDataError(SignalServerError):
    """Market data could not be fetched, read or stored."""


class VendorAuthError(MarketDataError):
    """The vendor refused the key."""


class UnknownSymbolError(MarketDataError):
    """No such symbol at the vendor or in the store."""


class ImportFileError(MarketDataError):
    """A file to import is corrupt, empty or of no known format."""


class FlatFileError(ImportFileError):
    """A flat file is cut off, damaged or of another form."""


class UnavailableError(MarketDataError):
    """The vendor did not answer for as long as was waited."""


class StoppedError(MarketDataError):
    """The work was stopped by its user; what was fetched until then is stored."""


class IncompleteError(MarketDataError):
    """All was fetched that the vendor gives, and some symbols are still without bars."""

    exit_code = 3


class NotEntitledError(MarketDataError):
    """The plan does not include what was asked for."""


class NoHistoryError(MarketDataError):
    """The store holds too few bars for what was asked."""


class ModelError(SignalServerError):
    """A model could not be trained, found or read."""


class SchemaMismatchError(ModelError):
    """A model was trained on another feature schema than this server computes."""


class AuditError(SignalServerError):
    """An audit found something that no model may rest on."""


class JournalError(SignalServerError):
    """The trade log is missing, damaged or locked."""


class ServerError(SignalServerError):
    """The gRPC server could not start or be reached."""
