"""Settings: a bad one stops the service with a line that names it, never its value."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.settings import PasswordLimits, SettingsError, load_settings
from app.services import make_services

KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
DATABASE = "postgresql://passgate:mArKeR@db/passgate"
LINE = re.compile(r"PASSGATE_[A-Z_]+: [^\n]{5,}")

BAD: dict[str, list[str]] = {
    "PASSGATE_DATABASE_URL": [
        "mArKeR",
        "mysql://mArKeR@db/passgate",
        "postgresql+asyncpg://mArKeR@db/passgate",
        "postgresql:mArKeR",
        "postgresql://passgate:mArKeR#1@db/passgate",
        "postgresql://passgate:mArKeR/1@db:port/passgate",
        "postgresql://passgate:mArKeR 1@db/passgate",
        "postgresql://passgate:mArKeR@[db/passgate",
        "postgresql://passgate:mArKeR@\u2100/passgate:x:y",
        "postgresql://db:mArKeR/passgate",
        "postgresql://db:543210/mArKeR",
        "postgresql://db/passgate\nmArKeR",
        "postgresql://passgate:mArKeR\u2100@db/passgate",
        "host=db password=mArKeR",
        "postgresql://passgate:mArKeR@ss@db/passgate",
        "postgresql://mArKeR/passgate?sslmode=prefer",
        "postgresql://mArKeR/passgate?sslmode=allow",
        "postgresql://mArKeR/passgate?sslmode=require",
        "postgresql://127.0.0.1,mArKeR/passgate?sslmode=prefer",
        "postgresql:///mArKeR?host=/run/postgresql,db&sslmode=prefer",
        "postgresql://db/mArKeR?ss%6Cmode=prefer",
        "postgresql://db/passgate?sslmode=mArKeR",
        "postgresql://db/passgate?sslmode=",
        "postgresql://db/passgate?sslmode=disable&sslmode=prefer",
        "postgresql://mArKeR/passgate?sslmode=verify-ca",
        "postgresql://mArKeR/passgate?sslmode=verify-ca&sslrootcert=system",
        "postgresql://localhost/passgate?host=mArKeR",
        "postgresql://localhost/passgate?hostaddr=mArKeR",
        "postgresql://localhost/passgate?service=mArKeR",
        "postgresql://db/passgate?ssl=mArKeR",
    ],
    "PASSGATE_PUBLIC_URL": [
        "mArKeR",
        "ftp://mArKeR",
        "//mArKeR",
        "https://",
        "https:mArKeR",
        "https://mArKeR:port",
        "https://mArKeR:99999",
        "https://mArKeR:0",
        "https://user:mArKeR@example.com",
        "https://example.com/?mArKeR",
        "https://example.com/#mArKeR",
        "https://[mArKeR]",
        "https://mArKeR\u2100.com",
        "https://mArKeR example.com",
        "https://mArKeR\n.example.com",
    ],
    "PASSGATE_LINK_URL": ["mArKeR", "https://mArKeR/{account}", "ftp://mArKeR/#{token}", "https://mArKeR/{token}"],
    "PASSGATE_FRONT_END_URL": [
        "mArKeR",
        "javascript:mArKeR",
        "//mArKeR.example.com",
        "https://user:mArKeR@app.example.com",
        "https://mArKeR example.com",
    ],
    "PASSGATE_TRACES_URL": [
        "mArKeR",
        "ftp://mArKeR",
        "https://user:mArKeR@example.com/v1/traces",
        "http://example.com/v1/traces?mArKeR",
        "http://example.com/v1/traces#mArKeR",
    ],
    "PASSGATE_METRICS_LISTEN": [
        "mArKeR",
        "9464",
        ":9464",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "mArKeR.example:9464",
        "0.0.0.0:9464",
        "[::]:9464",
        "127.0.0.1:9464/mArKeR",
        "user:mArKeR@127.0.0.1:9464",
    ],
    "PASSGATE_SECRET_KEYS": [
        "mArKeR",
        f"mArKeR {KEY}",
        f"k1:{KEY},",
        "k1:mArKeR",
        f"k1:{KEY}=",
        f"k 1:{KEY}",
        f":{KEY}",
        f"k1:{KEY},k1:{KEY}",
        f"k1:{KEY[:-4]}",
        f"k1:{KEY},k2:mArKeRmArKeR",
    ],
    "PASSGATE_CORS_ORIGINS": [
        "mArKeR",
        "*",
        "null",
        "https://app.example.com/mArKeR",
        "https://app.example.com/",
        "https://app.example.com, mArKeR",
        "https://app.example.com?mArKeR",
        "https://app.example.com:mArKeR",
        "https://user:mArKeR@app.example.com",
        "https://*.mArKeR.com/*",
    ],
    "PASSGATE_FETCH_ALLOW_NETWORKS": ["mArKeR", "10.0.0.1/8", "10.0.0.0/33, fd00::/8", "10.0.0.0/8;mArKeR"],
    "PASSGATE_TRUSTED_PROXY_HOPS": ["mArKeR", "-1", "17", "1.5", "\u0661", "9" * 5000],
    "PASSGATE_PASSWORD_LIMITS": [
        "mArKeR",
        "10/600",
        "10/600,100/600",
        "10/600,100/600,100/3600,1/1",
        "10/600,100/600,100/mArKeR",
        "0/600,100/600,100/3600",
        "10/0,100/600,100/3600",
        "-1/600,100/600,100/3600",
        "10,100,100",
        "\u0661/600,100/600,100/3600",
        "1_0/600,100/600,100/3600",
        "10/99999999999,100/600,100/3600",
        "99999999999/1,100/600,100/3600",
    ],
    "PASSGATE_LOG_LEVEL": ["mArKeR", "INFO ", "trace", "10"],
    "PASSGATE_HASH_THREADS": ["mArKeR", "0", "-1", "257", "1.5"],
}
GOOD: dict[str, list[str]] = {
    "PASSGATE_DATABASE_URL": [
        "postgresql://passgate:secret@db/passgate",
        "postgres://passgate:secret@db:5432/passgate?sslmode=verify-full",
        "postgresql://u:p%2F%23@db1,db2:5433/passgate",
        "postgresql://u:p%40ss@[::1]:5432/passgate",
        "postgresql://db/passgate?sslmode=disable",
        "postgresql://db/passgate?sslrootcert=system",
        "postgresql://db/passgate?sslmode=verify-ca&sslrootcert=/ca.pem",
        "postgresql://localhost,127.0.0.1/passgate?sslmode=prefer",
        "postgresql:///passgate?host=/run/a,/run/b&sslmode=require",
        "postgresql://u:p@/passgate?host=%2Frun%2Fpostgresql&port=5432",
        "postgresql:///passgate",
    ],
    "PASSGATE_PUBLIC_URL": [
        "https://id.example.com",
        "http://localhost:8000/",
        "https://[::1]:8443",
        "http://10.0.0.1",
    ],
    "PASSGATE_LINK_URL": [
        "https://app.example.com/{account}/{kind}#{token}",
        "https://app.example.com/{account}/{kind}?locale={locale}#{token}",
    ],
    "PASSGATE_FRONT_END_URL": [
        "https://app.example.com",
        "http://localhost:5173/{account}",
        "https://{account}.example.com/#/sign-in",
    ],
    "PASSGATE_METRICS_LISTEN": ["127.0.0.1:9464", "[::1]:9464", "localhost:9464"],
    "PASSGATE_SECRET_KEYS": [f"k1:{KEY}", f" k2:{KEY} , k1:{KEY}"],
    "PASSGATE_CORS_ORIGINS": ["https://app.example.com", "https://a.example, http://localhost:3000"],
    "PASSGATE_FETCH_ALLOW_NETWORKS": ["10.20.0.0/16", " 10.20.0.7, fd00:20::/32 ,"],
    "PASSGATE_TRUSTED_PROXY_HOPS": ["0", "16"],
    "PASSGATE_PASSWORD_LIMITS": ["1/1,1/1,1/1", " 10/600 , 100/600 , 100/3600 "],
    "PASSGATE_LOG_LEVEL": ["debug", "info", "warning", "error"],
    "PASSGATE_HASH_THREADS": ["1", "256"],
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PASSGATE_")]:
        monkeypatch.delenv(name)


def lines_for(monkeypatch: pytest.MonkeyPatch, **variables: str) -> tuple[str, ...]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    lines = caught.value.lines
    for line in lines:
        assert LINE.fullmatch(line), line
        assert "mArKeR" not in line
        assert KEY not in line
        assert "Value error" not in line
    return lines


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_setting_is_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    (line,) = lines_for(monkeypatch, **{name: value})

    assert line.startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_a_good_setting_is_accepted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    field = name.removeprefix("PASSGATE_").lower()
    monkeypatch.setenv(name, value)
    settings = load_settings()

    assert field in settings.model_fields_set


def test_several_bad_settings_are_several_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_for(monkeypatch, **{name: values[0] for name, values in BAD.items()})

    assert sorted(line.partition(":")[0] for line in lines) == sorted(BAD)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    untouched = load_settings()
    for name in BAD:
        monkeypatch.setenv(name, "")

    assert load_settings() == untouched
    assert untouched.database_url is None
    assert untouched.data_dir == Path(".passgate")


def test_each_missing_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        make_services(load_settings())
    assert [line.partition(":")[0] for line in caught.value.lines] == [
        "PASSGATE_DATABASE_URL",
        "PASSGATE_SECRET_KEYS",
    ]

    monkeypatch.setenv("PASSGATE_DATABASE_URL", DATABASE)
    with pytest.raises(SettingsError) as caught:
        make_services(load_settings())
    assert [line.partition(":")[0] for line in caught.value.lines] == ["PASSGATE_SECRET_KEYS"]
    assert "mArKeR" not in str(caught.value)


def test_the_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSGATE_DATABASE_URL", DATABASE)
    monkeypatch.setenv("PASSGATE_SECRET_KEYS", f"k1:{KEY}")
    settings = load_settings()

    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "mArKeR" not in shown
        assert KEY not in shown


def test_the_scheme_decides_about_https_in_any_letter_case(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, is_https in (("HTTPS://id.example.com/", True), ("Http://localhost", False)):
        monkeypatch.setenv("PASSGATE_PUBLIC_URL", url)
        assert load_settings().is_https is is_https
        assert not load_settings().public_url.endswith("/")


def test_the_limits_are_read_in_their_order() -> None:
    limits = PasswordLimits("1/2,3/4,5/6")

    found = [(limit.failures, limit.seconds) for limit in (limits.user_and_address, limits.address, limits.user)]
    assert found == [(1, 2), (3, 4), (5, 6)]


def test_a_bad_setting_stops_every_command_with_nothing_but_its_lines(tmp_path: Path) -> None:
    variables = {
        "PASSGATE_DATABASE_URL": "mArKeR",
        "PASSGATE_PUBLIC_URL": "mArKeR",
        "PASSGATE_DATA_DIR": str(tmp_path),
    }
    for command in ("serve", "migrate"):
        done = subprocess.run(
            [sys.executable, "-m", "app", command],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 2
        assert all(re.fullmatch(r"passgate: PASSGATE_[A-Z_]+: .+", line) for line in done.stderr.splitlines())
        assert "mArKeR" not in done.stderr
    assert list(tmp_path.iterdir()) == []
