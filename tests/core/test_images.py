"""Embedded Image Type: whatever form an image has, it leaves in the form that the account asks for."""

import re
import time
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport import Attachment, Message
from mailport.policies.images import attach_images, embed_images

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
GIF = b"GIF89a" + bytes(range(100))
DATA = f"data:image/png;base64,{b64encode(PNG).decode()}"
GIF_DATA = f"data:image/gif;base64,{b64encode(GIF).decode()}"


def image(content_id="logo@example.org", **more):
    return Attachment(
        **(
            {"filename": "logo.png", "content": PNG, "content_type": "image/png", "content_id": content_id, "inline": True}
            | more
        )
    )


def mail_with(html, *files):
    return Message.compose(sender="desk@example.org", to="ann@example.org", text="t", html=html, attachments=files)


def shown(message):
    """Return the contents of the related parts, once for each place of the HTML that shows one."""
    by_id = {file.content_id: file.content for file in message.attachments if file.inline}
    return [by_id[found.replace("%40", "@")] for found in re.findall(r"cid:([^\s\"'),>&]+)", message.html)]


async def test_with_cid_an_inline_image_becomes_a_related_part(mail, memory, outgoing):  # SND-14
    """The part is referenced by its content id, and lies beside the HTML."""
    await mail.submit(mail_with(f'<p><img src="{DATA}"></p>'), outgoing)
    stored = memory.accepted[0].raw
    assert b"multipart/related" in stored
    back = Message.read(stored)
    assert shown(back) == [PNG]
    assert [(file.content_type, file.inline) for file in back.attachments] == [("image/png", True)]
    assert back.html == f'<p><img src="cid:{back.attachments[0].content_id}"></p>'


async def test_with_base64_the_image_is_in_the_html(mail, memory, values):  # SND-15
    """There is a data URI, and no related part."""
    account = mail.account(values | {"embedded_image_type": "base64"})
    await mail.submit(mail_with('<p><img src="cid:logo@example.org"></p>', image()), account)
    stored = memory.accepted[0].raw
    assert b"multipart/related" not in stored
    assert Message.read(stored).html == f'<p><img src="{DATA}"></p>'
    assert Message.read(stored).attachments == ()


PLACES = [
    '<img src="{}">',
    "<IMG alt=x SRC='{}'/>",
    "<img src={}>",
    '<img\n src = " {}\n" alt="a > b">',
    '<td background="{}">',
    "<div style=\"background: url('{}') no-repeat, url({})\">",
    '<div style="background:url(&quot;{}&quot;)">',
    "<style>td {{ background-image: url( {} ) }}</style>",
    '<img srcset="{} 1x, {} 2x" src="{}">',
    "<source srcset='{}, https://example.org/a,b.png 2x'>",
    '<!--[if gte mso 9]><v:fill type="tile" src="{}" color="#fff"/><![endif]-->',
    '<svg><image xlink:href="{}"/><image href="{}"/></svg>',
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("url", [DATA, DATA.replace("+", "%2B").replace("=", "%3D"), "DATA:image/PNG;BASE64," + DATA[22:]])
def test_images_inside_the_html_are_found_wherever_html_shows_them(place, url):  # SND-14
    """Quoted or not, in CSS and srcset, escaped, in what only Outlook reads: each becomes a reference to one part."""
    message = attach_images(mail_with(place.format(*[url] * 3)))
    assert "data:" not in message.html.lower()
    assert shown(message) == [PNG] * place.count("{}")
    assert len(message.attachments) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("content_id", ["logo@example.org", "a b&c'd@example.org"])
def test_parts_are_found_wherever_html_shows_them(place, content_id):  # SND-15
    """Their ids are percent-encoded in URLs."""
    url = "cid:" + quote(content_id)
    message = embed_images(mail_with(place.format(*[url] * 3), image(content_id)))
    assert message.html.count(DATA) == place.count("{}")
    assert "cid:" not in message.html
    assert message.attachments == ()


@pytest.mark.parametrize(
    "html",
    [
        "<p>cid:logo@example.org and " + DATA + "</p>",
        '<a href="' + DATA + '">x</a>',
        '<img src="data:image/png;base64,">',
        '<img src="data:text/html,hi"><img src="data:image/,x"><img src="data:image/png">',
        '<img src="https://example.org/cid:logo@example.org">',
        '<img title="data:image/png;base64,AAAA" src="cid:nobody@example.org">',
        "<style>a { src: url(data:font/woff2;base64,AAAA) }",
    ],
)
def test_what_shows_no_image_stays_as_it_is(html):
    """Text, links, other media and broken URLs are not touched, in either direction."""
    message = mail_with(html)
    assert attach_images(message) is message
    assert embed_images(message) is message


def test_equal_images_become_one_part():
    """Whether they came as data or as parts; different ones stay apart."""
    html = f'<img src="{DATA}"><img src="{DATA}"><img src="{GIF_DATA}"><img src="cid:one"><img src="cid:two">'
    message = attach_images(mail_with(html, image("one"), image("two")))
    assert shown(message) == [PNG, PNG, GIF, PNG, PNG]
    assert len(message.attachments) == 2


def test_images_that_the_html_does_not_show_stay_attachments():
    """In either direction, and a file that a link names is kept."""
    html = '<img src="cid:shown"><a href="cid:linked">large</a>'
    files = [image("shown"), image("linked", content=GIF), image("other", content=b"x"), image(None, inline=False)]
    attached = attach_images(mail_with(html, *files))
    assert [(file.content_id, file.inline) for file in attached.attachments] == [
        ("shown", True), ("linked", True), ("other", False), (None, False)]  # fmt: skip
    embedded = embed_images(mail_with(html, *files))
    assert [(file.content_id, file.inline) for file in embedded.attachments] == [
        ("linked", True), ("other", False), (None, False)]  # fmt: skip


def test_images_of_unknown_type_are_known_by_their_name():
    """Outlook sends some as application/octet-stream, and shown ones as attachments."""
    odd = image(content_type="application/octet-stream", inline=False)
    html = '<img src="cid:logo@example.org">'
    assert embed_images(mail_with(html, odd)).html == f'<img src="{DATA}">'
    assert attach_images(mail_with(html, odd)).attachments[0].inline


@pytest.mark.parametrize("content_type", ["multipart/signed; boundary=b", "application/pkcs7-mime"])
async def test_signed_and_encrypted_mail_leaves_as_it_is(mail, memory, outgoing, content_type):
    """Nobody could verify it any more."""
    raw = mail_with(f'<img src="{DATA}">').to_bytes().replace(b"multipart/alternative", content_type.encode())
    await mail.submit(Message.read(raw), outgoing)
    assert memory.accepted[0].raw == raw


async def test_bytes_without_data_uris_leave_as_they_came(mail, memory, outgoing):
    """How a foreign message marks its parts is its writer's affair."""
    raw = mail_with("<p>no image</p>", image()).to_bytes()
    await mail.submit(Message.read(raw), outgoing)
    assert memory.accepted[0].raw == raw


CONTENTS = st.lists(st.tuples(st.sampled_from(["image/png", "image/gif", "image/svg+xml"]), st.binary(min_size=1)), max_size=5)


@given(CONTENTS, st.sampled_from(PLACES))
def test_there_and_back_again_gives_the_same_images(contents, place):
    """CID to Base64 to CID shows the same images, and each step done twice equals once."""
    files = [image(f"{at}@x", content_type=kind, content=content) for at, (kind, content) in enumerate(contents)]
    message = mail_with("".join(place.format(*[f"cid:{at}@x"] * 3) for at in range(len(files))), *files)
    embedded = embed_images(message)
    again = attach_images(embedded)
    assert shown(again) == shown(message)
    assert {(file.content_type, file.content) for file in again.attachments} == set(contents)
    assert embed_images(embedded) is embedded
    assert attach_images(again) is again


@given(st.text(alphabet="<>img src=\"'=/cid:data,(url)&;"))
def test_any_html_is_gone_through(html):
    """Broken HTML raises nothing, and twice equals once."""
    once = attach_images(mail_with(html))
    assert attach_images(once) is once


@pytest.mark.parametrize(
    "html", ["<a " * 300_000, '<a x="' * 200_000, "<a x='\"" * 200_000, "<style>url(" * 100_000, "<img src=" + "," * 500_000]
)
def test_hostile_html_takes_no_longer_than_its_length(html):  # SEC-07
    """Nothing is looked at twice: a megabyte of unfinished tags takes a second at most."""
    started = time.perf_counter()
    attach_images(mail_with(html + "cid:"))
    assert time.perf_counter() - started < 3
