"""Taking secrets out of a text: the quick look at its words before the patterns passes over nothing that they would find."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.telemetry.redact import _RULES, HIDDEN, Redactor
from tests.budget import examples

PIECES = st.sampled_from(
    [
        *("api_key", "secret", "password", "passwd", "passphrase", "pwd", "access_token", "Signature", "checksum", "TOTP", "key_id"),
        *("apca-api-key-id", "Authorization", "proxy-authorization", "Set-Cookie", "bearer", "Basic", "token", "sig", "code", "pin"),
        *("hf_", "hf_abcdefgh_", "whsec_", "eyJ", "eyj", "https://", "amqp://", "hooks.slack.com/services/", "discord.com/api/webhooks/"),
        *("discordapp.com/api/webhooks/", "api.telegram.org/bot", "\u017f", "\u212a", "ı"),
        *(":", "=", "@", "?", "&", "/", " ", "\n", "'", '"', "\\", "{", ",", "."),
        *("hunter22hunter22hunter22", "AbC+/_.=-0123456789abcdef", "user:word", "x"),
    ]
)  # fmt: skip


def by_patterns_alone(text: str) -> str:
    """Every pattern, whatever the text looks like."""
    for pattern, instead, _ in _RULES:
        text = pattern.sub(instead, text)
    return text


@settings(max_examples=examples(300, 20_000))
@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
@example("\u017fecret=hunter22hunter22")
@example("to\u212aen: x; api_\u212aey=hunter22")
@example("AUTHORIZATION: Basic abcdefghijklmnop")
def test_a_text_comes_out_as_if_every_pattern_had_been_tried(text: str) -> None:
    """However words and signs meet, with letters too that a pattern takes for others."""
    assert Redactor().text(text) == by_patterns_alone(text)


def test_every_pattern_has_words_of_its_own_that_are_looked_for() -> None:
    """One text for each pattern: it is found, and a text of the word alone isn't taken for one."""
    texts = [
        "api_key: 'hunter22'", "authorization: hunter22", "cookie: hunter22", "pwd=hunter22", "?pin=hunter22", "hooks.slack.com/services/hunter22",
        "bearer hunter22hunter22", "whsec_hunter22hunter22hunter22", "amqp://hunter22@there",
    ]  # fmt: skip
    assert len(texts) == len(_RULES)
    for text, (pattern, _, words) in zip(texts, _RULES, strict=True):
        assert pattern.search(text)
        assert any(word in text.lower() for word in words)
        assert "hunter22" not in Redactor().text(text)
        assert HIDDEN in Redactor().text(text)
