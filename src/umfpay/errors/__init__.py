"""
Everything that can go wrong, in one tree.

::

    UMFError
    ├── ConfigError                    settings, keys, files: before any network
    │   ├── InvalidValueError          an amount, a name: no setting, and not sent
    │   └── MissingExtraError          .module .extra
    ├── TransportError                 .request_sent
    │   └── DeadlineExceededError
    ├── WrongLoopError
    ├── OutcomeUnknownError            .intent .money_may_have_moved .reason
    ├── ProtocolError                  an answer that cannot be believed
    │   ├── SignatureError
    │   ├── UnsignedResponseError
    │   ├── EnvelopeError
    │   └── MismatchedResponseError
    ├── AuthenticationError            .ret_code .http_status
    ├── TokenError
    │   ├── TokenStoreError
    │   └── TokenContentionError
    ├── APIError                       .ret_code .ret_msg .http_status .retryable .verified
    │   ├── InvalidRequestError        a member is missing or wrong
    │   ├── RequestSignatureError      the gateway refused our signature
    │   ├── PermissionDeniedError      the contract does not allow it
    │   ├── CardError                  card data, bank, balance
    │   ├── IdentityError              name, number and person do not fit
    │   ├── VerificationCodeError      the SMS code
    │   │   └── WrongCodeError         .attempts_left .last: it may be typed again
    │   ├── PaymentStateError          the payment is not where the call needs it
    │   ├── RefundRefusedError
    │   ├── CustomsRefusedError
    │   ├── ExchangeError              currency or exchange rate
    │   ├── RateLimitedError           too many requests
    │   ├── GatewayBusyError           the gateway could not work now
    │   └── UnknownCodeError           a code that no table explains
    ├── FlowError                      .last
    │   ├── PaymentFailedError         it ended without the money
    │   ├── PaymentExpiredError        nobody paid in time
    │   ├── NotFinishedError           the deadline came first
    │   ├── RefundFailedError
    │   ├── RefundAmountError          more than is left of the payment
    │   ├── RefundNumberUsedError
    │   ├── EnterpriseNotEnabledError  the company may not pay yet
    │   ├── CustomsFailedError
    │   ├── CodeTooSoonError           an SMS code was sent within the last minute
    │   └── PendingExpiredError        a payment half made is too old, or forgotten
    ├── NotificationError
    │   ├── NotificationSignatureError
    │   └── NotificationBodyError      not the bytes, or not a notification
    ├── DocumentError                  papers that cannot be packed
    │   └── UploadError                .name
    ├── StatementError
    │   └── IncompleteStatementError
    ├── JournalError                   not written down, and so not sent
    │   └── DuplicateIntentError       .row .state .outcome .at: the first one's
    └── DatabaseError                  the merchant's own database
        ├── DatabaseUnavailableError   away, or not to be used
        ├── DatabaseTimeoutError       a transaction took too long
        ├── DatabaseTablesError        missing, or of another version
        └── CommitUnknownError         kept entirely or not at all

Each says what happened, whether money may have moved and what to do, in English and
Chinese. Each pickles, and holds nothing secret.
"""

from umfpay.errors._api import (
    APIError,
    CardError,
    CustomsRefusedError,
    ExchangeError,
    GatewayBusyError,
    IdentityError,
    InvalidRequestError,
    PaymentStateError,
    PermissionDeniedError,
    RateLimitedError,
    RefundRefusedError,
    RequestSignatureError,
    UnknownCodeError,
    VerificationCodeError,
    WrongCodeError,
)
from umfpay.errors._base import (
    Intent,
    Text,
    UMFError,
)
from umfpay.errors._calls import (
    AuthenticationError,
    ConfigError,
    DeadlineExceededError,
    EnvelopeError,
    InvalidValueError,
    MismatchedResponseError,
    OutcomeUnknownError,
    ProtocolError,
    SignatureError,
    TokenContentionError,
    TokenError,
    TokenStoreError,
    TransportError,
    UnsignedResponseError,
    WrongLoopError,
)
from umfpay.errors._database import (
    CommitUnknownError,
    DatabaseError,
    DatabaseTablesError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    DuplicateIntentError,
    JournalError,
)
from umfpay.errors._escaping import (
    escape,
    format_error,
    os_reason,
    without_traceback,
)
from umfpay.errors._escaping import install_filter as _install_filter
from umfpay.errors._extras import MissingExtraError, needs_extra
from umfpay.errors._files import (
    DocumentError,
    IncompleteStatementError,
    NotificationBodyError,
    NotificationError,
    NotificationSignatureError,
    StatementError,
    UploadError,
)
from umfpay.errors._flows import (
    CodeTooSoonError,
    CustomsFailedError,
    EnterpriseNotEnabledError,
    FlowError,
    NotFinishedError,
    PaymentExpiredError,
    PaymentFailedError,
    PendingExpiredError,
    RefundAmountError,
    RefundFailedError,
    RefundNumberUsedError,
)


__all__ = [
    "APIError",
    "AuthenticationError",
    "CardError",
    "CodeTooSoonError",
    "CommitUnknownError",
    "ConfigError",
    "CustomsFailedError",
    "CustomsRefusedError",
    "DatabaseError",
    "DatabaseTablesError",
    "DatabaseTimeoutError",
    "DatabaseUnavailableError",
    "DeadlineExceededError",
    "DocumentError",
    "DuplicateIntentError",
    "EnterpriseNotEnabledError",
    "EnvelopeError",
    "ExchangeError",
    "FlowError",
    "GatewayBusyError",
    "IdentityError",
    "IncompleteStatementError",
    "Intent",
    "InvalidRequestError",
    "InvalidValueError",
    "JournalError",
    "MismatchedResponseError",
    "MissingExtraError",
    "NotFinishedError",
    "NotificationBodyError",
    "NotificationError",
    "NotificationSignatureError",
    "OutcomeUnknownError",
    "PaymentExpiredError",
    "PaymentFailedError",
    "PaymentStateError",
    "PendingExpiredError",
    "PermissionDeniedError",
    "ProtocolError",
    "RateLimitedError",
    "RefundAmountError",
    "RefundFailedError",
    "RefundNumberUsedError",
    "RefundRefusedError",
    "RequestSignatureError",
    "SignatureError",
    "StatementError",
    "Text",
    "TokenContentionError",
    "TokenError",
    "TokenStoreError",
    "TransportError",
    "UMFError",
    "UnknownCodeError",
    "UnsignedResponseError",
    "UploadError",
    "VerificationCodeError",
    "WrongCodeError",
    "WrongLoopError",
    "escape",
    "format_error",
    "needs_extra",
    "os_reason",
    "without_traceback",
]


_install_filter()
