"""Settings from the environment, a .env file and the section."""

from pathlib import Path

import pytest

from holdfast.adapters.zerodha.connection.environment import (
    ZerodhaLoginSection,
    ZerodhaSection,
    check_section,
    load_zerodha,
)
from holdfast.errors import ConfigError

SECTION = ZerodhaSection(api_key="sectionkey", api_secret="sectionsecret", user_id="AB1234")


def test_the_environment_comes_first_then_the_file_then_the_section(tmp_path: Path) -> None:
    """Each by itself; a secret is in no text of the settings."""
    file = tmp_path / ".env"
    file.write_text("ZERODHA_API_SECRET=filesecret1\nZERODHA_USER_ID=\n")
    settings = load_zerodha({"ZERODHA_API_KEY": "environmentkey"}, file, SECTION)
    assert settings.api_key.reveal() == "environmentkey"
    assert settings.api_secret is not None
    assert settings.api_secret.reveal() == "filesecret1"
    assert (settings.user_id, settings.access_token, settings.api_url) == ("AB1234", None, "https://api.kite.trade")
    assert "filesecret1" not in repr(settings)
    assert "sectionkey" not in repr(SECTION)


def test_a_login_has_its_own_app() -> None:
    """Nothing of one serves another; addresses are the same for all."""
    logins = {"two": ZerodhaLoginSection(api_key="secondkey", redirect_port=9000)}
    section = ZerodhaSection(
        api_key="sectionkey", api_secret="firstsecret", api_url="http://127.0.0.1:8180", logins=logins
    )
    settings = load_zerodha({"ZERODHA_TWO_ACCESS_TOKEN": "giventoken"}, None, section, "two")
    assert (settings.api_key.reveal(), settings.api_secret, settings.redirect_port) == ("secondkey", None, 9000)
    assert settings.access_token is not None
    assert (settings.api_url, settings.login) == ("http://127.0.0.1:8180", "two")
    with pytest.raises(ConfigError, match="ZERODHA_THREE_API_KEY is not set"):
        load_zerodha({}, None, section, "three")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"api_url": "http://api.kite.trade"}, "would send the keys in the clear"),
        ({"api_url": "https://api.kite.trade/api"}, "/api would be dropped"),
        ({"socket_url": "https://ws.kite.trade"}, "begins with wss://"),
        ({"logins": {"Two": ZerodhaLoginSection()}}, "named by small letters"),
    ],
)
def test_a_section_that_cannot_be(given: dict[str, object], text: str) -> None:
    """Is refused before anything is asked."""
    with pytest.raises(ConfigError, match=text):
        check_section(ZerodhaSection(**given))  # type: ignore[arg-type]
