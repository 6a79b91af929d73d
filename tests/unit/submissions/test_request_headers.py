"""Which headers Codat gets, and which bodies can be recorded."""

import pytest

from codat_sync.core.errors import InvalidBodyError, UnsupportedMediaTypeError
from codat_sync.submissions.request_headers import require_recordable_body, select_forwarded_headers


def test_what_describes_the_request_is_forwarded_unchanged() -> None:
    """Without Content-Encoding a compressed body is unreadable."""
    described = {
        "accept": "application/json, */*;q=0.1",
        "accept-language": "en-GB",
        "content-disposition": 'attachment; filename="a b.pdf"',
        "content-encoding": "gzip",
        "content-language": "en",
        "content-md5": "Q2hlY2sgSW50ZWdyaXR5IQ==",
        "content-type": "multipart/form-data; boundary=x",
        "idempotency-key": "any",
    }
    assert select_forwarded_headers(described) == described


@pytest.mark.parametrize(
    "name",
    [
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "forwarded",
        "host",
        "transfer-encoding",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
    ],
)
def test_what_concerns_the_connection_or_changes_the_request_is_not_forwarded(name: str) -> None:
    """A GET that a server takes for a POST would not be recorded. The response is decoded here."""
    assert select_forwarded_headers({name: "POST"}) == {}


@pytest.mark.parametrize("name", ["accept", "idempotency-key", "content-type"])
@pytest.mark.parametrize("value", ["é", "\u20ac", "a\r\nb: c", "a\0"])
def test_a_value_that_http_cannot_transmit_is_rejected(name: str, value: str) -> None:
    """It is an error of the request, not of the function."""
    with pytest.raises(InvalidBodyError, match=name):
        select_forwarded_headers({name: value})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": 'application/json;charset="UTF-8"; version=1'},
        {"content-type": "text/plain; charset=us-ascii"},
        {"content-encoding": "identity"},
        {"content-encoding": ""},
    ],
)
def test_plain_text_can_be_recorded(headers: dict[str, str]) -> None:
    """Whatever its media type is called: it has to be JSON."""
    require_recordable_body(headers)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, identity", "identity, gzip", "x"])
def test_a_compressed_body_is_rejected(encoding: str) -> None:
    """It is kept as text, to be sent again."""
    with pytest.raises(UnsupportedMediaTypeError, match="Content-Encoding"):
        require_recordable_body({"content-encoding": encoding})


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", '"Windows-1252"', "utf-7"])
def test_text_in_another_encoding_is_rejected(charset: str) -> None:
    """The same bytes may be another text in UTF-8."""
    with pytest.raises(UnsupportedMediaTypeError, match="charset"):
        require_recordable_body({"content-type": f"application/json; charset={charset}"})


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset*=utf-8''utf-8; charset*0=x", "application/json; charset*" + "1" * 4400 + "=x"],
)
def test_a_malformed_charset_is_rejected(content_type: str) -> None:
    """The library that reads it raises errors of its own."""
    with pytest.raises(UnsupportedMediaTypeError):
        require_recordable_body({"content-type": content_type})


def test_blanks_around_a_header_are_not_sent() -> None:
    """HTTP does not transmit them."""
    assert select_forwarded_headers({"accept": " application/json\t"}) == {"accept": "application/json"}
