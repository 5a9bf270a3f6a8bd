import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.actions.core.http_url import MAX_URL_LENGTH, BadUrl, target_of


@pytest.mark.parametrize(
    ("url", "netloc", "sent"),
    [
        ("http://h", "h", "/"),
        ("HTTP://H.Ex:80?a", "h.ex", "/?a"),
        ("https://h:443/", "h", "/"),
        ("https://h:80/?", "h:80", "/?"),
        ("http://h:/#fragment?no", "h", "/"),
        ("http://[::1]:8/", "[::1]:8", "/"),
        ("http://bücher.de/ä?ö=ü", "xn--bcher-kva.de", "/%C3%A4?%C3%B6=%C3%BC"),
        ("http://h/?a=%2C%41%7e%2B+b%20c", "h", "/?a=%2C%41%7e%2B+b%20c"),
        ("http://h/a%2Fb c/%zz", "h", "/a%2Fb%20c/%zz"),
        ('http://h/<"`{}>?<"`{}>\'', "h", "/%3C%22%60%7B%7D%3E?%3C%22`{}%3E'"),
        ("http://h/a/../b/./c/..", "h", "/b/"),
        ("http://h/../../a/.", "h", "/a/"),
        ("http://h/..", "h", "/"),
        ("http://h/a/.b/..c/...", "h", "/a/.b/..c/..."),
        ("http://h/?x=/..", "h", "/?x=/.."),
    ],
)
def test_a_url_is_sent_as_it_is_given_but_for_what_must_be_quoted(url: str, netloc: str, sent: str) -> None:
    """Servers may tell `%2C` from a comma, so nothing is unquoted."""
    target = target_of(url)
    assert (target.netloc, target.request_target) == (netloc, sent)


@pytest.mark.parametrize(
    "url",
    [
        "", "/path", "h", "http:/h", "http://", "http:///x", "http://h /", "http://h:port/", "http://h:70000/",
        "http://h\n/", "http://h/\r\nX: y", "http://h/\x00", "http://h/\ud800", "http://\ud800:a@h/", "http://[::1/",
        "http://u:\ud800@h/", "http://a|b/", "http://[v1.a]b[v1.a]@", "http://h/" + "x" * MAX_URL_LENGTH,
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused_without_a_word_of_it(url: str) -> None:
    """It may contain a password."""
    with pytest.raises(BadUrl, match=r"^$"):
        target_of(url)


def test_port_0_is_not_the_default_port() -> None:
    """No server listens there. The request must not go to another one."""
    assert target_of("http://h:0/").port == 0


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_can_break_out_of_the_request_line(path: str, query: str) -> None:
    """Whatever is in a URL, path and query are printable ASCII without a space."""
    try:
        target = target_of(f"http://h/{path}?{query}")
    except BadUrl:
        return
    assert all("!" <= character <= "~" for character in target.request_target)
    assert target.host == "h"


@given(st.text(max_size=20))
def test_no_text_can_break_out_of_the_host_header(authority: str) -> None:
    """Nor is any host with a space, a control character or more than ASCII."""
    try:
        target = target_of(f"http://{authority}/")
    except BadUrl:
        return
    assert all("!" <= character <= "~" for character in target.netloc + target.host)


def test_user_and_password_are_unquoted_for_the_header() -> None:
    """In UTF-8."""
    assert target_of("http://u%40:p%3A@h/").authorization == "Basic dUA6cDo="
    assert target_of("http://u@h/").authorization == "Basic dTo="
    assert target_of("http://ä:ö@h/").authorization == "Basic w6Q6w7Y="
    assert target_of("http://h/").authorization is None


def test_parameters_are_added_to_the_query_which_stays_as_it_is() -> None:
    """Also for the same names, and quoted as in a form."""
    target = target_of("http://h/?a=1&b=2&a=3&bare").with_params({"a": ["ä b", "&"], "c": [""]})
    assert target.query == "a=1&b=2&a=3&bare&a=%C3%A4+b&a=%26&c="
    assert target_of("http://h/").with_params({}).query == ""


def test_messages_show_neither_secrets_nor_long_urls() -> None:
    """User, password, fragment and the values of the query are left out."""
    assert (
        target_of("http://me:pa55@h:81/a/b?token=s3cret&x=1&bare#frag").masked == "http://h:81/a/b?token=...&x=...&..."
    )
    assert target_of("http://h/" + "x" * 1000).masked == "http://h/" + "x" * 291 + "..."


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("b", "http://h:81/a/b"), ("/b?x", "http://h:81/b?..."), ("?x", "http://h:81/a/p?..."),
        ("//other/b", "http://other/b"), ("https://other/", "https://other/"), ("../../b", "http://h:81/b"),
        ("http:///b", "http://h:81/b"), ("#x", "http://h:81/a/p"), ("", "http://h:81/a/p"), ("ä b", "http://h:81/a/%C3%A4%20b"),
    ],
)  # fmt: skip
def test_a_location_is_joined_to_the_url(location: str, url: str) -> None:
    """As of RFC 3986. User and password are not part of what it is joined to."""
    joined = target_of("http://u:p@h:81/a/p?q").joined(location)
    assert joined.masked == url
    assert joined.authorization is None
