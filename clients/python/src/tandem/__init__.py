"""The client of Tandem, a job platform.

`Tandem` and `AsyncTandem` are the same api for programs without and with an event loop. `tandem.models` has what
answers are, `tandem.params` what requests say, `tandem.webhooks` checks what jobs of kind `http.request` send.
"""

from . import models, params, webhooks
from ._async._client import AsyncTandem
from ._async._pages import AsyncPages
from ._paging import Page
from ._sync._client import Tandem
from ._sync._pages import Pages
from ._version import __version__
from .errors import (
    ApiError,
    BadRequest,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    FieldError,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    Problem,
    RateLimited,
    ServerError,
    ServiceUnavailable,
    TandemError,
    Unauthorized,
    UnexpectedAnswer,
    ValidationFailed,
    WaitTimeout,
)
from .retry import RetryPolicy

__all__ = [
    "ApiError",
    "AsyncPages",
    "AsyncTandem",
    "BadRequest",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "FieldError",
    "Forbidden",
    "NotFound",
    "Page",
    "Pages",
    "PayloadTooLarge",
    "PreconditionFailed",
    "Problem",
    "RateLimited",
    "RetryPolicy",
    "ServerError",
    "ServiceUnavailable",
    "Tandem",
    "TandemError",
    "Unauthorized",
    "UnexpectedAnswer",
    "ValidationFailed",
    "WaitTimeout",
    "__version__",
    "models",
    "params",
    "webhooks",
]
