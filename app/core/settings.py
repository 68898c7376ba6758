"""The settings: read from the environment once when a command starts, then passed on."""

import os
import re
from contextlib import suppress
from copy import copy
from email.headerregistry import Address
from email.utils import getaddresses
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.core.addresses import FetchPolicy, Network, is_loopback, web_address
from app.core.database_url import parse_database_url
from app.core.environment import describe_unknown
from app.core.mail_url import MailDirectory, MailServer, parse_mail_url
from app.core.secret_files import SUFFIX, SecretFileError, read_secret_files
from app.core.secret_keys import parse_keys

PREFIX = "PASSGATE_"
LONGEST_SETTING = 16_384
"""Characters: 300 keys, or as many origins."""

_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_LIMIT = re.compile("([1-9][0-9]{0,5})/([1-9][0-9]{0,6})")


class SettingsError(Exception):
    """The service cannot run with these settings; `lines` has one line for each bad one."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Limit:
    """At most `failures` in `seconds`, refilled evenly."""

    def __init__(self, text: str) -> None:
        found = _LIMIT.fullmatch(text.strip())
        if found is None:
            raise ValueError("not failures/seconds")
        self.failures, self.seconds = int(found[1]), int(found[2])

    def times(self, factor: int) -> "Limit":
        """Return a limit of `factor` times as many in the same time."""
        wider = copy(self)
        wider.failures *= factor
        return wider


class PasswordLimits:
    """The rate limits of wrong passwords: for a user from one IP, an IP, and a user."""

    def __init__(self, text: str) -> None:
        self.user_and_address, self.address, self.user = (Limit(part) for part in text.split(","))


class Settings(BaseSettings):
    """All settings; docs/operating.md explains each one.

    The field `data_dir` is the environment variable `PASSGATE_DATA_DIR`, and so on.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr | None = None
    data_dir: Path = Path(".passgate")
    public_url: str = "http://127.0.0.1:8000"
    secret_keys: SecretStr | None = None
    mail_url: SecretStr | None = None
    mail_from: str = "Passgate <no-reply@localhost>"
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    fetch_allow_networks: Annotated[tuple[Network, ...], NoDecode] = ()
    trusted_proxy_hops: int = Field(default=0, ge=0, le=16)
    password_limits: str = "10/600,100/600,100/3600"  # noqa: S105 -- no password
    breached_passwords: Path | None = None
    link_url: str | None = None
    front_end_url: str | None = None
    metrics_token: SecretStr | None = None
    metrics_listen: str | None = None
    traces_url: str | None = None
    hash_threads: int | None = Field(default=None, ge=1, le=256)
    audit_days: int = Field(default=400, ge=1, le=36_500)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("database_url")
    @classmethod
    def _database_url_is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            parse_database_url(value.get_secret_value())
        return value

    @field_validator("secret_keys")
    @classmethod
    def _keys_are_readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            parse_keys(value.get_secret_value())
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url_is_a_web_address(cls, value: str) -> str:
        parts = web_address(value)
        if parts is None or parts.query or parts.fragment:
            raise ValueError("must be http://host[:port] or https://host[:port]")
        return parts.geturl().rstrip("/")  # `geturl` writes the scheme in lower case

    @field_validator("traces_url")
    @classmethod
    def _traces_url_is_a_web_address(cls, value: str | None) -> str | None:
        parts = web_address(value) if value else None
        if value and (parts is None or parts.query or parts.fragment):
            raise ValueError("must be a collector's address for OTLP, like http://127.0.0.1:4318/v1/traces")
        return value

    @field_validator("metrics_listen")
    @classmethod
    def _metrics_are_for_this_machine_or_by_token(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        found = _LISTEN.fullmatch(value)
        if found is None or int(found[2]) not in range(1, 65_536):
            raise ValueError("must be host:port, like 127.0.0.1:9464")
        if not is_loopback(found[1]) and info.data.get("metrics_token") is None:
            raise ValueError(
                "must be a loopback address, like 127.0.0.1:9464, unless PASSGATE_METRICS_TOKEN is set"
            )
        return value

    @field_validator("link_url")
    @classmethod
    def _link_url_has_its_parts(cls, value: str | None) -> str | None:
        if value is not None and not (value.startswith(("https://", "http://")) and "#{token}" in value):
            raise ValueError("must be like https://app.example.com/{account}/{kind}?locale={locale}#{token}")
        return value

    @field_validator("front_end_url")
    @classmethod
    def _front_end_url_is_a_web_address(cls, value: str | None) -> str | None:
        if value is None or web_address(value):
            return value
        raise ValueError("must be like https://app.example.com/{account}")

    @field_validator("mail_url")
    @classmethod
    def _mail_url_is_readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            parse_mail_url(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender_is_an_address(cls, value: str) -> str:
        with suppress(Exception):  # the parser raises many types of errors
            [(name, address)] = getaddresses([value])
            sender = Address(name, addr_spec=address)
            if sender.username and sender.domain and value.isprintable() and address.isascii():
                return value
        raise ValueError("must be an address like Passgate <no-reply@example.com>")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins_are_comma_separated(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
        for origin in origins:
            parts = web_address(origin)
            if parts is None or parts.path or parts.query or parts.fragment:
                raise ValueError("must be origins like https://app.example.com, comma separated")
        return origins

    @field_validator("fetch_allow_networks", mode="before")
    @classmethod
    def _networks_are_comma_separated(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(network.strip()) for network in value.split(",") if network.strip())
        except ValueError:  # its message quotes the value
            raise ValueError("must be networks like 10.20.0.0/16 or fd00:20::/32, comma separated") from None

    @field_validator("password_limits")
    @classmethod
    def _limits_are_readable(cls, value: str) -> str:
        try:
            PasswordLimits(value)
        except ValueError:
            raise ValueError("must be three limits failures/seconds, like 10/600,100/600,100/3600") from None
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _setting_is_bounded(cls, value: Any) -> Any:  # pydantic runs the last "before" validator first
        if isinstance(value, str) and len(value) > LONGEST_SETTING:
            raise ValueError(f"has more than {LONGEST_SETTING:,} characters")
        return value

    _generated: frozenset[str] = PrivateAttr(frozenset())

    def with_generated(self, **values: Any) -> "Settings":
        """Return a copy with values that nobody has set."""
        copied = self.model_copy(update=values)
        copied._generated = self._generated | values.keys()  # noqa: SLF001 -- of the same class
        return copied

    def origin_of(self, name: str) -> Literal["set", "generated", "default"]:
        """Return where the value of a setting comes from."""
        if name in self._generated:
            return "generated"
        return "set" if name in self.model_fields_set else "default"

    @property
    def mail(self) -> MailServer | MailDirectory:
        """Where e-mails go: by default into files in the data directory."""
        if self.mail_url is None:
            return MailDirectory(self.data_dir / "letters")
        return parse_mail_url(self.mail_url.get_secret_value())

    @property
    def metrics_address(self) -> tuple[str, int]:
        """The host and port of `metrics_listen`, which must be set."""
        host, _, port = (self.metrics_listen or "").rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def fetch_policy(self) -> FetchPolicy:
        """Which addresses may be fetched; loopback ones only if `public_url` is loopback too."""
        host = urlsplit(self.public_url).hostname or ""
        return FetchPolicy(self.fetch_allow_networks, loopback=is_loopback(host))

    @property
    def is_https(self) -> bool:
        """Whether clients reach the service by https; decides about cookie prefixes and HSTS."""
        return self.public_url.startswith("https://")


SECRETS = {
    PREFIX + name.upper(): name
    for name, info in Settings.model_fields.items()
    if SecretStr in (info.annotation, *get_args(info.annotation))
}
"""The secret settings: variable and field. Each can be in a file, which a variable with `_FILE` names."""


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raises `SettingsError` with one line for each bad or unknown one."""
    names = [PREFIX + name.upper() for name in Settings.model_fields]
    known = [*names, *(name + SUFFIX for name in SECRETS)]
    if unknown := describe_unknown(os.environ, known, PREFIX):
        raise SettingsError(*unknown)
    try:
        files = read_secret_files(os.environ, list(SECRETS), LONGEST_SETTING)
    except SecretFileError as error:
        raise SettingsError(*error.lines) from None
    try:
        return Settings(**{SECRETS[name]: value for name, value in files.items()} | overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False, include_input=False):
            name = PREFIX + str(problem["loc"][0]).upper()
            lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
        raise SettingsError(*lines) from None
