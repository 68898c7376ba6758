"""Letters written as files when no mail server is configured."""

from pathlib import Path

import pytest

from app.delivery.jobs import send_letter
from app.delivery.mailer import check_connection
from app.services import Services
from tests.delivery.conftest import a_letter, settings_with
from tests.support.account.services import with_changes
from tests.support.programs.mail import files_in, letters_in, mode_of


async def test_a_letter_is_a_file_that_a_mail_program_opens(services: Services, letters_dir: Path) -> None:
    await send_letter(with_changes(services, mail_url=f"file:{letters_dir}"), **a_letter().to_json())

    assert [path.name for path in files_in(letters_dir)] == [f"{a_letter().id}.eml"]
    [mail] = letters_in(letters_dir)
    assert mail["To"].addresses[0].addr_spec == "alice@example.com"
    assert "Firefox on Windows" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # the part exists


async def test_a_letter_sent_twice_is_one_file(services: Services, letters_dir: Path) -> None:
    by_file = with_changes(services, mail_url=f"file:{letters_dir}")

    for _ in range(2):
        await send_letter(by_file, **a_letter().to_json())

    assert len(files_in(letters_dir)) == 1


async def test_only_the_owner_can_read_the_files(services: Services, letters_dir: Path) -> None:
    await send_letter(with_changes(services, mail_url=f"file:{letters_dir}"), **a_letter().to_json())

    assert mode_of(letters_dir) == 0o700
    assert {mode_of(path) for path in files_in(letters_dir)} == {0o600}


async def test_without_mail_url_letters_go_to_the_data_directory(services: Services, tmp_path: Path) -> None:
    await send_letter(with_changes(services, mail_url=None, data_dir=tmp_path), **a_letter().to_json())

    assert len(letters_in(tmp_path / "letters")) == 1


async def test_checking_the_directory_leaves_no_file(letters_dir: Path) -> None:
    assert str(letters_dir) in await check_connection(settings_with(mail_url=f"file:{letters_dir}"))
    assert files_in(letters_dir) == []


async def test_the_error_names_a_directory_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        await check_connection(settings_with(mail_url=f"file:{tmp_path}/file/letters"))
