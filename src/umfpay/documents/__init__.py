"""
The papers of a B2B payment: packed, named, numbered, uploaded (gateway.md 5.20).
"""

from umfpay.documents._account import FTPAccount
from umfpay.documents._papers import (
    MAX_BYTES,
    MAX_FILES,
    PackedPapers,
    pack_papers,
    papers_name,
)
from umfpay.documents._sequences import SequenceStore
from umfpay.documents._upload import (
    OnUploadStep,
    UploadedPapers,
    UploadStep,
    upload_papers,
)


__all__ = [
    "MAX_BYTES",
    "MAX_FILES",
    "FTPAccount",
    "OnUploadStep",
    "PackedPapers",
    "SequenceStore",
    "UploadStep",
    "UploadedPapers",
    "pack_papers",
    "papers_name",
    "upload_papers",
]
