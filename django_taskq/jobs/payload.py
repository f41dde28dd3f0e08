"""The one strict JSON that every backend stores: string keys, no NaN, nothing but JSON types."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

# ASCII only, so that NUL and lone surrogates survive databases that refuse them as characters.
_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_make_c_encoder = getattr(json.encoder, "c_make_encoder", None)
# JSONEncoder makes a C encoder anew for every value: five times the work of writing a small one.
# Ours keeps no list of the containers it is in, since `normalize` has made a tree of them.
_pieces: Callable[[Any, bool], Iterable[str]] = (
    _make_c_encoder(
        None, _encoder.default, json.encoder.encode_basestring_ascii, None, ":", ",",
        _encoder.sort_keys, _encoder.skipkeys, _encoder.allow_nan,
    )
    if _make_c_encoder
    else _encoder.iterencode
)  # fmt: skip

_SHORT = {"[]": list, "{}": dict}


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Expected JSON without {name}, which only some parsers read.")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


def normalize(value: Any, path: str = "the value") -> Any:
    """Return the value as plain JSON types; tuples become lists, UTF-8 bytes become text.

    Raise TypeError for what JSON has no type for, ValueError for NaN, infinities and bytes
    that are not UTF-8; both name the place.
    """
    if value is None or value is True or value is False:
        return value
    match value:
        case str() | int():
            return value
        case float():
            if math.isfinite(value):
                return value
            raise ValueError(f"Expected a finite number at {path}, got {value!r}.")
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"Unsupported value at {path}: bytes that are not UTF-8 text."
                ) from error
        case dict() | Mapping():
            return {_key(key, path): normalize(item, path) for key, item in value.items()}
        case list() | tuple() | Sequence():
            return [normalize(item, path) for item in value]
    raise TypeError(
        f"Unsupported type at {path}: {type(value)}. Jobs carry JSON only: text, numbers, "
        "booleans, None, lists and dicts."
    )


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return key
    raise TypeError(f"Expected text as a dict key at {path}, got {type(key)}: {key!r}.")


def encode(value: Any, what: str) -> str:
    """Write a value as strict JSON text; `what` names it in errors.

    Raise TypeError or ValueError as `normalize` does, ValueError for nesting too deep to read
    back.
    """
    if not value and type(value) in (tuple, list, dict):
        return "{}" if type(value) is dict else "[]"
    try:
        return "".join(_pieces(normalize(value, what), False))
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply, or contains itself.") from None
    except ValueError as error:
        if "set_int_max_str_digits" not in str(error):
            raise
        most = sys.get_int_max_str_digits()
        raise ValueError(
            f"Expected whole numbers of at most {most} digits in {what}, got one with more."
        ) from None


def decode(text: str) -> Any:
    """Read stored JSON text. Raise ValueError where it is not strict JSON."""
    short = _SHORT.get(text)
    if short is not None:
        return short()
    try:
        return _read(text)
    except RecursionError:
        raise ValueError("The stored JSON is nested too deeply to be read.") from None


def _read(text: str) -> Any:
    """Read JSON; what has no space around it, as what we write, without a search for some."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _decoder.decode(text)
    return value if end == len(text) else _decoder.decode(text)


def storable(text: str) -> str:
    """Return text without what some databases refuse: no NUL, no lone surrogates."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def printable(text: str, limit: int) -> str:
    """Make text storable anywhere, its middle cut beyond `limit`."""
    clean = storable(text)
    if len(clean) <= limit:
        return clean
    half = limit // 2
    cut = len(clean) - 2 * half
    return f"{clean[:half]}\n... {cut} characters left out ...\n{clean[-half:]}"
