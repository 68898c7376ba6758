"""The settings: read from the environment once, when a command starts, and handed on from there."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "PASSGATE_"


class SettingsError(Exception):
    """Settings that the service cannot run with; `lines` has one clear line for each."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Limit:
    """At most `failures` in `seconds`, refilled evenly."""

    def __init__(self, text: str) -> None:
        failures, _, seconds = text.strip().partition("/")
        self.failures, self.seconds = int(failures), int(seconds)
        if self.failures < 1 or self.seconds < 1:
            raise ValueError("not positive")


class PasswordLimits:
    """How many wrong passwords are judged: for a user and an address together, an address, a user."""

    def __init__(self, text: str) -> None:
        self.user_and_address, self.address, self.user = (Limit(part) for part in text.split(","))


class Settings(BaseSettings):
    """Every setting of contract section 11; the field `data_dir` is the variable `PASSGATE_DATA_DIR`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, hide_input_in_errors=True)

    database_url: SecretStr | None = None
    data_dir: Path = Path(".passgate")
    public_url: str = "http://127.0.0.1:8000"
    secret_keys: SecretStr | None = None
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    trusted_proxy_hops: int = Field(default=0, ge=0, le=16)
    password_limits: str = "10/600,100/600,100/3600"  # noqa: S105 -- no password
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("database_url")
    @classmethod
    def _database_url_is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value and urlsplit(value.get_secret_value()).scheme not in {"postgresql", "postgres"}:
            raise ValueError("must be postgresql://user:password@host[,host2]:port/db")
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url_is_a_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be http://host[:port] or https://host[:port]")
        return value.rstrip("/")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins_are_comma_separated(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
                raise ValueError("must be origins like https://app.example.com, comma separated")
        return origins

    @field_validator("password_limits")
    @classmethod
    def _limits_are_readable(cls, value: str) -> str:
        try:
            PasswordLimits(value)
        except ValueError:
            raise ValueError("must be three limits failures/seconds, like 10/600,100/600,100/3600") from None
        return value

    @property
    def is_https(self) -> bool:
        """Whether clients reach the service by https: decides about cookie prefixes and HSTS."""
        return self.public_url.startswith("https://")


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of the environment, or raise `SettingsError` with one line for each bad one."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False, include_input=False):
            name = PREFIX + str(problem["loc"][0]).upper()
            lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
        raise SettingsError(*lines) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
