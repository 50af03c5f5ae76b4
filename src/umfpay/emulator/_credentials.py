"""
The merchants' credentials: keys, ids and secrets, made or read from a data folder.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from umfpay._private_files import replacing
from umfpay.errors import ConfigError, Text, os_reason
from umfpay.protocol import PrivateKey, PublicKey, make_certificate
from umfpay.sensitive import Secret


MERCHANT_KEY_FILE: Final = "merchant.key.p8"
CERTIFICATE_FILE: Final = "umf.cert.crt"
GATEWAY_KEY_FILE: Final = "gateway.key.p8"
CLIENT_FILE: Final = "client.id"
FTP_FILE: Final = "ftp.id"
FTP_USER: Final = "merchant"
OTHER_MERCHANT_FOLDER: Final = "other-merchant"
ENV_FILE: Final = "umf.env"

# Merchant ids in the heads of statement files: invented, four digits.
_FIRST_NUMBER: Final = 8017
_FORBIDDEN_CATEGORIES: Final = ("Cc", "Cs", "Zl", "Zp")
_FOLDER_ADVICE: Final = Text(
    "Take another --data, or an empty one: keys are made there.",
    "请更换 --data，或使用空目录：将在其中生成密钥。",
)


@attrs.frozen(kw_only=True)
class Credentials:
    """
    What a merchant gets, and the gateway's own key, which signs for all merchants.

    Args:
        client_id: The merchant's name at the gateway (gateway.md 2.2).
        client_secret: Proves it when a token is asked for.
        merchant_key: Signs the merchant's requests.
        gateway_key: Signs answers and notifications; opens what is sealed.
        gateway_certificate: That of *gateway_key*, as PEM or DER bytes.
        ftp_user: Who uploads papers of B2B payments (gateway.md 5.20).
        ftp_password: The user's.
    """

    client_id: str
    client_secret: Secret
    merchant_key: PrivateKey
    gateway_key: PrivateKey
    gateway_certificate: bytes
    ftp_user: str = FTP_USER
    ftp_password: Secret = attrs.field(factory=lambda: Secret(secrets.token_hex(12)))

    @classmethod
    def generate(cls, bits: int = 2048) -> Credentials:
        """
        Make new keys of *bits*, a client id and a client secret.
        """
        gateway = PrivateKey.generate(bits)

        return cls(
            client_id=secrets.token_hex(20),
            client_secret=Secret(secrets.token_hex(20)),
            merchant_key=PrivateKey.generate(bits),
            gateway_key=gateway,
            gateway_certificate=make_certificate(
                gateway, common_name="umfpay emulator"
            ),
        )

    @classmethod
    def load(cls, folder: Path, *, bits: int = 2048) -> Credentials:
        """
        Read the credentials of an emulator's data folder; make them when it has none.

        Args:
            bits: Size of keys that are made.

        Raises:
            ConfigError: The folder cannot be read or written, a file in it is missing or
                damaged, or ``umf.env`` could not name it.
        """
        _must_be_nameable(folder)

        with _usable(folder):
            if not (folder / CLIENT_FILE).exists():
                _save(folder, cls.generate(bits))

            return _read(folder)

    def for_another_merchant(self) -> Credentials:
        """
        Make those of another merchant of the same gateway, with a key of the same size.
        """
        return attrs.evolve(
            self,
            client_id=secrets.token_hex(20),
            client_secret=Secret(secrets.token_hex(20)),
            merchant_key=PrivateKey.generate(self.merchant_key.bits),
        )

    def write_env(
        self,
        folder: Path,
        *,
        base_url: str,
        certificate: Path | None = None,
        ftp: tuple[str, int] | None = None,
    ) -> Path:
        """
        Write ``umf.env``: plain ``KEY=value`` lines for `Config.from_file()` and shells.

        Args:
            certificate: The gateway's, where it does not lie in *folder*.
            ftp: Host and port of the FTP server, if there is one.

        Raises:
            ConfigError: The file cannot be written.
        """
        absolute = folder.resolve()
        lines = {
            "UMF_CLIENT_ID": self.client_id,
            "UMF_CLIENT_SECRET": self.client_secret.reveal(),
            "UMF_MERCHANT_KEY": str(absolute / MERCHANT_KEY_FILE),
            "UMF_GATEWAY_CERTIFICATE": str(
                (certificate or absolute / CERTIFICATE_FILE).resolve()
            ),
            "UMF_BASE_URL": base_url,
        }

        if ftp is not None:
            lines |= {
                "UMF_FTP_HOST": ftp[0],
                "UMF_FTP_PORT": str(ftp[1]),
                "UMF_FTP_USER": self.ftp_user,
                "UMF_FTP_PASSWORD": self.ftp_password.reveal(),
                "UMF_FTP_SECURITY": "ftp",
            }

        path = folder / ENV_FILE

        try:
            _write_private(
                path,
                "".join(f"{key}={value}\n" for key, value in lines.items()).encode(),
            )
        except OSError as exc:
            raise ConfigError.of(path, "cannot be written", "无法写入") from exc

        return path


class Merchants:
    """
    Credentials by client id; the gateway's key is the same in all of them.

    Args:
        first: Of the merchant that is always there.
        make: Makes or reads those of the other one, when it is first needed.
    """

    def __init__(self, first: Credentials, *, make: Callable[[], Credentials]) -> None:
        self.first = first
        self._make = make
        self._all = {first.client_id: first}

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def get(self, client_id: str) -> Credentials | None:
        """
        Return the credentials of *client_id*, None if the gateway knows no such client.
        """
        return self._all.get(client_id)

    @property
    def other(self) -> Credentials:
        """
        The other merchant.

        Raises:
            ConfigError: Its keys cannot be read or written.
        """
        if len(self._all) == 1:
            made = self._make()
            self._all[made.client_id] = made

        return list(self._all.values())[1]

    def is_other(self, client_id: str) -> bool:
        """
        Tell whether *client_id* is not the first merchant.
        """
        return client_id != self.first.client_id

    def number(self, client_id: str) -> str:
        """
        Return the merchant id in statement files.
        """
        return str(_FIRST_NUMBER + list(self._all).index(client_id))


def load_other_merchant(folder: Path, first: Credentials) -> Credentials:
    """
    Read the other merchant from *folder*; make it when it is not there.

    Raises:
        ConfigError: The folder cannot be read or written, or a file in it is missing or
            damaged.
    """
    with _usable(folder):
        if not (folder / CLIENT_FILE).exists():
            made = first.for_another_merchant()
            _write_private(folder / MERCHANT_KEY_FILE, made.merchant_key.to_der_pkcs8())
            _save_pair(folder / CLIENT_FILE, made.client_id, made.client_secret)

        client_id, secret = _pair(folder / CLIENT_FILE)
        merchant = PrivateKey.load(folder / MERCHANT_KEY_FILE)

        if merchant in (first.gateway_key, first.merchant_key):
            raise _DamagedError(f"{MERCHANT_KEY_FILE} is another one's key")

        if client_id == first.client_id:
            raise _DamagedError(f"{CLIENT_FILE} is another one's")

        return attrs.evolve(
            first, client_id=client_id, client_secret=secret, merchant_key=merchant
        )


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """
    Make *folder* where it is missing, and say what is wrong with it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield

        return
    except OSError as exc:
        named = f"{Path(exc.filename).name}: " if exc.filename else ""
        reason = f"{named}{os_reason(exc)}"
    except _DamagedError as exc:
        reason = str(exc)
    except ConfigError as exc:
        # A key file: here it is no setting that could be corrected.
        raise ConfigError(*exc.what, advice=_FOLDER_ADVICE) from None

    raise ConfigError.of(
        folder,
        f"the data folder cannot be used ({reason})",
        f"无法使用数据目录（{reason}）",
        advice=_FOLDER_ADVICE,
    )


def _read(folder: Path) -> Credentials:
    client_id, secret = _pair(folder / CLIENT_FILE)
    ftp_user, ftp_password = _pair(folder / FTP_FILE)
    merchant = PrivateKey.load(folder / MERCHANT_KEY_FILE)
    gateway = PrivateKey.load(folder / GATEWAY_KEY_FILE)

    # A key file is checked by its content; that it is the right one, only here.
    if merchant == gateway:
        raise _DamagedError(
            f"{MERCHANT_KEY_FILE} and {GATEWAY_KEY_FILE} are the same key"
        )

    if PublicKey.load(folder / CERTIFICATE_FILE) != gateway.public:
        raise _DamagedError(f"{CERTIFICATE_FILE} does not belong to {GATEWAY_KEY_FILE}")

    return Credentials(
        client_id=client_id,
        client_secret=secret,
        merchant_key=merchant,
        gateway_key=gateway,
        gateway_certificate=(folder / CERTIFICATE_FILE).read_bytes(),
        ftp_user=ftp_user,
        ftp_password=ftp_password,
    )


def _must_be_nameable(folder: Path) -> None:
    # A line of umf.env ends at each of these, or could not be written at all.
    name = str(folder.absolute())

    if any(unicodedata.category(one) in _FORBIDDEN_CATEGORIES for one in name):
        raise ConfigError(
            f"{name!r}: the data folder's name holds a control character, or"
            " is not UTF-8.",
            f"{name!r}：数据目录名包含控制字符，或不是 UTF-8。",
            advice=_FOLDER_ADVICE,
        )


def _save(folder: Path, made: Credentials) -> None:
    _write_private(folder / MERCHANT_KEY_FILE, made.merchant_key.to_der_pkcs8())
    _write_private(folder / GATEWAY_KEY_FILE, made.gateway_key.to_der_pkcs8())
    _write_private(folder / CERTIFICATE_FILE, made.gateway_certificate)
    _save_pair(folder / FTP_FILE, made.ftp_user, made.ftp_password)
    # Last: its presence says that the folder is complete.
    _save_pair(folder / CLIENT_FILE, made.client_id, made.client_secret)


class _DamagedError(Exception):
    pass


def _save_pair(path: Path, name: str, secret: Secret) -> None:
    _write_private(path, f"{name}\n{secret.reveal()}\n".encode())


def _pair(path: Path) -> tuple[str, Secret]:
    try:
        name, secret = path.read_text("ascii").split()
    except ValueError:
        pass
    else:
        return name, Secret(secret)

    raise _DamagedError(f"{path.name} is damaged")


def _write_private(path: Path, content: bytes) -> None:
    """
    Write a file that only its owner may read.
    """
    with replacing(path) as file:
        file.write(content)
