"""Embedded Image Type: images in the HTML travel as related parts (CID) or inside the HTML (Base64) (SND-14, SND-15)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import blake2b
from urllib.parse import quote, unquote, unquote_to_bytes

from mailport.account import Account
from mailport.content import Attachment, Composed
from mailport.errors import ConfigurationError
from mailport.message import Message
from mailport.policies import Policy, Stage
from mailport.policies.html_urls import exchange
from mailport.policies.sealed import is_sealed
from mailport.reading.transfer import from_base64
from mailport.rules import EmbeddedImageType, OutgoingRules

__all__ = ["Images", "attach_images", "embed_images"]


class Images(Policy):
    """Gives every image of the HTML the form that the account asks for, whatever form it has."""

    name = "images"
    stage = Stage.CONTENT
    realises = frozenset({"embedded_image_type"})

    def apply(self, message: Message, account: Account) -> Message:
        """Return the message with its images in that form, or as it is; signed and encrypted mail is left alone."""
        if not isinstance(account.rules, OutgoingRules) or not _concerns(message) or is_sealed(message):
            return message
        wants_parts = account.rules.embedded_image_type is EmbeddedImageType.CID
        return attach_images(message) if wants_parts else embed_images(message)


def _concerns(message: Message) -> bool:
    """Whether it is worth looking closer; a scheme in any other mixture of cases was written by nobody."""
    html = message.html
    named = any(scheme in html for scheme in ("cid:", "data:", "CID:", "DATA:", "Cid:", "Data:"))
    return named or (bool(html) and any(file.inline and file.content_id for file in message.attachments))


def attach_images(message: Message) -> Message:
    """Return the message with every image of the HTML as a related part, equal images as one.

    Images that the HTML does not show are attachments.
    """
    parts = _Parts(message)
    html = exchange(message.html, parts.to_part)
    return _changed(message, html, parts.kept())


def embed_images(message: Message) -> Message:
    """Return the message with every image of the HTML inside it, as data URIs, and without their parts."""
    parts = _Parts(message)
    html = exchange(message.html, parts.to_data)
    return _changed(message, html, parts.left())


def _changed(message: Message, html: str, attachments: tuple[Attachment, ...]) -> Message:
    """Where the HTML stays as it is, bytes that were read stay too: how they mark their parts is their writer's affair."""
    if html is message.html and (message.original is not None or attachments == message.attachments):
        return message
    return message.replace(content=Composed(text=message.text, html=html, attachments=attachments))


class _Parts:
    """The parts of one message that images may be in, and what became of them while its HTML was gone through."""

    def __init__(self, message: Message) -> None:
        self._files = message.attachments
        self._by_id = {file.content_id: file for file in self._files if file.content_id}
        self._by_content: dict[tuple[str, bytes], str] = {}
        for content_id, file in self._by_id.items():
            if _image_type(file):
                self._by_content.setdefault((_image_type(file), file.content), content_id)
        self._domain = message.sender.ascii_mailbox.rpartition("@")[2] if message.sender else "localhost"
        self._data_urls: dict[str, str] = {}
        self._named = set[str]()
        self._merged = set[str]()
        self._added: list[Attachment] = []

    def to_part(self, url: str, shown: bool) -> str | None:
        """Return the ``cid:`` URL for an image in the HTML, or for an equal part."""
        content_id = _content_id(url)
        if content_id in self._by_id:
            return self._to_equal_part(content_id, shown=shown)
        image = _from_data(url) if shown else None
        if image is None:
            return None
        known = self._by_content.get(image) or self._add(*image)
        self._named.add(known)
        return _cid(known)

    def to_data(self, url: str, shown: bool) -> str | None:
        """Return the ``data:`` URL for an image in a part."""
        file = self._by_id.get(_content_id(url))
        content_id = file.content_id if file else None
        if file is None or content_id is None:
            return None
        if not shown or not _image_type(file):
            self._named.add(content_id)
            return None
        if content_id not in self._data_urls:
            self._data_urls[content_id] = f"data:{_image_type(file)};base64,{b64encode(file.content).decode()}"
        return self._data_urls[content_id]

    def kept(self) -> tuple[Attachment, ...]:
        """Return the attachments of a message whose images are parts: shown is what the HTML names."""
        files = (file for file in self._files if file.content_id not in self._merged - self._named)
        return (*(replace(file, inline=self._is_shown(file)) for file in files), *self._added)

    def left(self) -> tuple[Attachment, ...]:
        """Return the attachments of a message whose images are in its HTML."""
        inside = self._data_urls.keys() - self._named
        return tuple(replace(file, inline=self._is_shown(file)) for file in self._files if file.content_id not in inside)

    def _is_shown(self, file: Attachment) -> bool:
        return file.content_id in self._named if file.content_id else file.inline

    def _to_equal_part(self, content_id: str, *, shown: bool) -> str | None:
        file = self._by_id[content_id]
        known = self._by_content[_image_type(file), file.content] if shown and _image_type(file) else content_id
        self._named.add(known)
        if known == content_id:
            return None
        self._merged.add(content_id)
        return _cid(known)

    def _add(self, content_type: str, content: bytes) -> str:
        """Add a part named by its content: the same image has the same name in every mail."""
        digest = blake2b(content, digest_size=16).hexdigest()
        file = Attachment(
            filename=f"image-{digest[:8]}{_suffix(content_type)}",
            content=content,
            content_type=content_type,
            content_id=f"{digest}@{self._domain}",
            inline=True,
        )
        self._added.append(file)
        self._by_content[content_type, content] = f"{digest}@{self._domain}"
        return f"{digest}@{self._domain}"


def _content_id(url: str) -> str:
    """Return what a ``cid:`` URL names, percent-encoded as RFC 2392 says, or an empty string."""
    return unquote(url[4:]).strip("<> ") if url[:4].lower() == "cid:" else ""


def _cid(content_id: str) -> str:
    return "cid:" + quote(content_id, safe="@!$*+=:")


def _from_data(url: str) -> tuple[str, bytes] | None:
    """Return media type and content of a ``data:`` URL (RFC 2397) that holds an image, or None."""
    if url[:11].lower() != "data:image/":
        return None
    head, _, payload = url.partition(",")
    content_type, *parameters = (part.strip().lower() for part in head[5:].split(";"))
    octets = unquote_to_bytes(payload) if "%" in payload else payload.encode()
    content = from_base64(octets) if parameters[-1:] == ["base64"] else octets
    try:
        checked = Attachment(filename="", content=content, content_type=content_type)
    except ConfigurationError:  # no media type: a browser would show nothing either
        return None
    return (checked.content_type, content) if content else None


_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/svg+xml": ".svg",
    "image/vnd.microsoft.icon": ".ico",
    "image/x-icon": ".ico",
    **{f"image/{kind}": f".{kind}" for kind in ("avif", "bmp", "gif", "png", "tiff", "webp")},
}
_TYPES = {suffix: content_type for content_type, suffix in _SUFFIXES.items()} | {".jpeg": "image/jpeg"}


def _suffix(content_type: str) -> str:
    return _SUFFIXES.get(content_type, "")


def _image_type(file: Attachment) -> str:
    """Return the media type of an image, by its name where the sender knew none; empty for what is no image."""
    if file.content_type.startswith("image/"):
        return file.content_type
    is_unknown = file.content_type == "application/octet-stream"
    return _TYPES.get("." + file.filename.lower().rpartition(".")[2], "") if is_unknown else ""
