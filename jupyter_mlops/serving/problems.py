"""What a request can get wrong, each with the status it is answered by."""

from __future__ import annotations

from jupyter_mlops.errors import DataError, MlopsError


class RequestError(DataError):
    """The request can't be answered as it stands; ``status`` is the HTTP status."""

    code = "MLO430"
    status = 400


class TooLargeError(RequestError):
    """The body is larger than the server takes."""

    status = 413


class UnsupportedTypeError(RequestError):
    """The body's content type or encoding is not one the server reads."""

    status = 415


class ConflictError(RequestError):
    """The id of the request already names another prediction."""

    status = 409


class UnknownModelError(RequestError):
    """The server holds no such model or version."""

    status = 404


class UnknownPredictionError(RequestError):
    """No prediction of that id was answered by this version."""

    status = 404


class PredictError(MlopsError):
    """The model's own code raised, or answered something that isn't one value a row."""

    code = "MLO431"
    status = 500


class LogUnavailableError(MlopsError):
    """The prediction can't be logged, so it isn't answered either."""

    code = "MLO432"
    status = 503


Problem = RequestError | PredictError | LogUnavailableError
