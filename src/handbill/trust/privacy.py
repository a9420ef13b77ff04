"""What must not reach the disk: people's names, addresses, numbers and secrets in free fields."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

PERSONAL = frozenset(
    """
    name firstname lastname middlename fullname username displayname nickname title salutation
    givenname familyname realname phone phonenumber mobile telephone tel
    address address1 address2 street streetaddress postalcode postcode zip zipcode billingaddress
    shippingaddress birthday birthdate dateofbirth dob ip ipaddress ssn passport nationalid
    password passwd pwd token accesstoken refreshtoken apikey secret authorization cookie creditcard
    cardnumber cvc cvv iban advertisingid idfa idfv gaid latitude longitude wechat openid unionid qq
    """.split()  # noqa: SIM905  a list of sixty strings is harder to read
)
"""Names of free fields that are left out, in lower case without separators."""

EMAIL = frozenset({"email", "emailaddress", "mail"})
THINGS = frozenset({"page", "campaign", "app", "library", "os", "screen", "item"})
"""Objects in which `name` and `title` are a thing's."""

_EMAIL = re.compile(r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_SECRET_IN_URL = re.compile(
    r"([?&#](?:[a-z_]*(?:token|email|e-mail|phone|password|secret|session|auth)[a-z_]*)=)[^&#\s\"]*",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\s_.-]+")

MAX_DEPTH = 8


def scrub(
    fields: Mapping[str, Any], pseudonym: Callable[[str], str], *, parent: str = ""
) -> dict[str, Any]:
    """Free fields without what identifies a person.

    Args:
        fields: Parsed JSON.
        pseudonym: Turns an e-mail address, in small letters, into a pseudonym.
        parent: Name of the object that the fields are in.

    Returns:
        The fields without the personal ones; addresses inside texts are pseudonyms.

    Example:
        >>> scrub({"phone": "1", "note": "ask a@b.com", "email": "a@b.com"}, lambda address: "p_x")
        {'note': 'ask p_x', 'email': 'p_x'}
    """

    def clean_text(text: str) -> str:
        if "=" in text:
            text = _SECRET_IN_URL.sub(r"\1", text)
        if "@" in text or "%40" in text:
            text = _EMAIL.sub(
                lambda found: pseudonym(found.group().replace("%40", "@").lower()), text
            )
        return text

    def clean_object(fields: Mapping[str, Any], parent: str, depth: int) -> dict[str, Any]:
        cleaned = {}
        for name, value in fields.items():
            kind = kind_of(name, parent)
            if kind == "email":
                known = isinstance(value, str) and value.strip()
                cleaned[name] = pseudonym(value.strip().lower()) if known else None
            elif kind == "free":
                cleaned[clean_text(name)] = clean(value, name, depth + 1)
        return cleaned

    def clean(value: Any, parent: str, depth: int) -> Any:
        if isinstance(value, str):
            return clean_text(value)
        if depth > MAX_DEPTH:
            return None
        if isinstance(value, dict):
            return clean_object(value, parent, depth)
        if isinstance(value, list):
            return [clean(one, parent, depth + 1) for one in value]
        return value

    return clean_object(fields, parent, 0)


@lru_cache(maxsize=4_096)
def kind_of(name: str, parent: str = "") -> Literal["free", "email", "personal"]:
    """What a field's name says of its value.

    Args:
        name: Of the field.
        parent: Of the object that it is in.

    Example:
        >>> kind_of("First_Name"), kind_of("title"), kind_of("title", "page"), kind_of("E-Mail")
        ('personal', 'personal', 'free', 'email')
    """
    plain = _SEPARATORS.sub("", name).lower()
    if plain in EMAIL:
        return "email"
    things = plain in ("name", "title") and parent in THINGS
    return "personal" if plain in PERSONAL and not things else "free"
