"""Tokens: one request per credential, shared, renewed early, forgotten when refused."""

import asyncio

import pytest

from mailport.errors import TransportError
from mailport.tokens import Token, TokenCache


class Issuer:
    def __init__(self, lifetime=3600.0):
        self.asked, self.lifetime, self.failure = 0, lifetime, None

    async def __call__(self):
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.failure:
            raise self.failure
        return Token(f"token-{self.asked}", self.lifetime)


async def test_at_most_one_request_is_under_way():  # REL-07
    """Many who need a token at once share one request."""
    cache, issuer = TokenCache(), Issuer()
    assert set(await asyncio.gather(*(cache.get("a", issuer) for _ in range(50)))) == {"token-1"}
    assert issuer.asked == 1


async def test_a_token_is_reused_until_shortly_before_its_end():  # SND-06
    """A token is renewed a minute early, and a short-lived one is still used."""
    now = [0.0]
    cache, issuer = TokenCache(lambda: now[0]), Issuer()
    await cache.get("a", issuer)
    now[0] = 3539
    assert await cache.get("a", issuer) == "token-1"
    now[0] = 3541
    assert await cache.get("a", issuer) == "token-2"
    brief = Issuer(lifetime=10)
    await cache.get("b", brief)
    await cache.get("b", brief)
    assert brief.asked == 1


async def test_a_refused_token_is_forgotten_once():  # SND-06
    """Forgetting a token that was renewed meanwhile keeps the new one."""
    cache, issuer = TokenCache(), Issuer()
    old = await cache.get("a", issuer)
    cache.forget("a", old)
    new = await cache.get("a", issuer)
    cache.forget("a", old)
    assert (old, new, await cache.get("a", issuer)) == ("token-1", "token-2", "token-2")


async def test_a_failure_reaches_everybody_and_is_not_remembered():
    """The next call asks again."""
    cache, issuer = TokenCache(), Issuer()
    issuer.failure = ValueError("no")
    failures = await asyncio.gather(*(cache.get("a", issuer) for _ in range(3)), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ValueError] * 3
    issuer.failure = None
    assert await cache.get("a", issuer) == "token-2"


async def test_cancelling_one_leaves_the_request_to_the_others():
    """A message that is withdrawn does not cost the others their token."""
    cache, issuer = TokenCache(), Issuer()
    first, second = (asyncio.ensure_future(cache.get("a", issuer)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "token-1"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_token_is_never_shown():  # CFG-07
    """Neither the token nor the cache shows its value."""
    cache = TokenCache()
    await cache.get("a", Issuer())
    assert "token-1" not in repr(cache) + repr(Token("token-1", 1))


@pytest.mark.parametrize("value", ["", "two\r\nlines", "Grüße", "nul\0", "tab\there"])
def test_a_token_is_printable_ascii(value):
    """Whatever else an endpoint calls a token never reaches a header or a command."""
    with pytest.raises(TransportError) as caught:
        Token(value, 60)
    assert caught.value.code == "authentication.token_malformed"
    assert value not in repr(caught.value) or not value


@pytest.mark.parametrize(
    "answer", [{}, [], None, {"access_token": 7}, {"access_token": "a\nb"}, {"access_token": "a", "expires_in": "x"}]
)
def test_an_answer_without_a_token_blames_the_endpoint(answer):
    """The error names the setting that says where the endpoint is."""
    with pytest.raises(TransportError) as caught:
        Token.from_answer(answer, field="token_url", remedy="Check Token URL.")
    error = caught.value
    assert (error.code, error.field, error.remedy) == ("authentication.token_malformed", "token_url", "Check Token URL.")


@pytest.mark.parametrize(("said", "lifetime"), [({}, 3600), ({"expires_in": "90"}, 90), ({"expires_in": None}, 3600)])
def test_an_answer_that_names_no_end_is_good_for_an_hour(said, lifetime):
    """The lifetime comes as a number, as a text, or not at all."""
    assert Token.from_answer({"access_token": "a"} | said, field="", remedy="") == Token("a", lifetime)
