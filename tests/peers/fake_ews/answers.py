"""SOAP as Exchange writes it."""

from typing import Any

from lxml import etree
from lxml.builder import ElementMaker

from tests.peers.fake_ews.contract import SOAP
from tests.peers.fake_ews.store import FolderBox, Mail

MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"

s = ElementMaker(namespace=SOAP, nsmap={"s": SOAP})
m = ElementMaker(namespace=MESSAGES, nsmap={"m": MESSAGES, "t": TYPES})
t = ElementMaker(namespace=TYPES, nsmap={"t": TYPES})


class Failed(Exception):
    """The outcome of one item: a response code."""

    def __init__(self, code: str, text: str = "", *, back_off: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or f"{code} happened."
        self.back_off = back_off  # milliseconds


def envelope(body: Any) -> Any:
    """A whole answer."""
    version = t.ServerVersionInfo(
        MajorVersion="15", MinorVersion="1", MajorBuildNumber="2507", MinorBuildNumber="6", Version="V2017_07_11"
    )
    return s.Envelope(s.Header(version), s.Body(body))


def answer(operation: str, outcomes: list[Any]) -> Any:
    """The answer to an operation: one response message for each outcome, an element's children or `Failed`."""
    name = f"{operation}ResponseMessage"
    messages = [_failed(name, each) if isinstance(each, Failed) else _good(name, each) for each in outcomes]
    return envelope(getattr(m, f"{operation}Response")(m.ResponseMessages(*messages)))


def _good(name: str, children: list[Any]) -> Any:
    return getattr(m, name)(m.ResponseCode("NoError"), *children, ResponseClass="Success")


def _failed(name: str, failed: Failed) -> Any:
    # The schema wants an Items element where items are answered, also beside an error.
    parts = [m.MessageText(failed.text), m.ResponseCode(failed.code), m.DescriptiveLinkKey("0")]
    if failed.back_off is not None:
        parts.append(m.MessageXml(t.Value(str(failed.back_off), Name="BackOffMilliseconds")))
    operation = name.removesuffix("ResponseMessage")
    if operation in ("CreateItem", "GetItem", "MoveItem", "UpdateItem"):
        parts.append(m.Items())
    return getattr(m, name)(*parts, ResponseClass="Error")


def fault(failed: Failed) -> Any:
    """A SOAP fault, which Exchange sends with HTTP 500."""
    e = ElementMaker(namespace=ERRORS, nsmap={"e": ERRORS})
    detail = etree.Element("detail")
    detail.extend([e.ResponseCode(failed.code), e.Message(failed.text)])
    if failed.back_off is not None:
        detail.append(t.MessageXml(t.Value(str(failed.back_off), Name="BackOffMilliseconds")))
    code, text = etree.Element("faultcode"), etree.Element("faultstring")
    code.text, text.text = f"a:{failed.code}", failed.text
    return s.Envelope(s.Body(s.Fault(code, text, detail)))


def item_id(mail: Mail) -> Any:
    return t.ItemId(Id=mail.id, ChangeKey=f"K{mail.edition}")


def folder_element(box: FolderBox, children: int) -> Any:
    return t.Folder(
        t.FolderId(Id=box.id, ChangeKey="K1"),
        t.DisplayName(box.name),
        t.TotalCount(str(len(box.mails))),
        t.ChildFolderCount(str(children)),
    )


def to_bytes(document: Any) -> bytes:
    written: bytes = etree.tostring(document, xml_declaration=True, encoding="utf-8")
    return written
