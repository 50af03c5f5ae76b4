"""
What goes over the wire, without I/O: keys, signatures, sealing, envelopes, codes.

The only door to RSA libraries.
"""

from umfpay.protocol._encryption import LocalCipher, Opener, Sealer
from umfpay.protocol._inspection import KeyReport, inspect_key
from umfpay.protocol._json import JSONRefusedError, dump_json, parse_json
from umfpay.protocol._key_files import KeySource, is_key_text
from umfpay.protocol._keys import (
    PrivateKey,
    PublicKey,
    check_key_pair,
    make_certificate,
)
from umfpay.protocol._object_ids import (
    new_object_id,
    number_in_id,
    object_id_from_href,
    text_in_id,
)
from umfpay.protocol._refusals import api_error, status_meaning
from umfpay.protocol._return_codes import (
    DATA_LAG_SECONDS,
    Actor,
    Cause,
    CodeMeaning,
    DecidedBy,
    Operation,
    ReturnCode,
    done_already,
    find_code,
    operation_of,
    return_codes,
)
from umfpay.protocol._signatures import (
    Envelope,
    Signer,
    Verdict,
    Verifier,
    open_envelope,
    sign_envelope,
    verify_notification,
)


__all__ = [
    "DATA_LAG_SECONDS",
    "Actor",
    "Cause",
    "CodeMeaning",
    "DecidedBy",
    "Envelope",
    "JSONRefusedError",
    "KeyReport",
    "KeySource",
    "LocalCipher",
    "Opener",
    "Operation",
    "PrivateKey",
    "PublicKey",
    "ReturnCode",
    "Sealer",
    "Signer",
    "Verdict",
    "Verifier",
    "api_error",
    "check_key_pair",
    "done_already",
    "dump_json",
    "find_code",
    "inspect_key",
    "is_key_text",
    "make_certificate",
    "new_object_id",
    "number_in_id",
    "object_id_from_href",
    "open_envelope",
    "operation_of",
    "parse_json",
    "return_codes",
    "sign_envelope",
    "status_meaning",
    "text_in_id",
    "verify_notification",
]
