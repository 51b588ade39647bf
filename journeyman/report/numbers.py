"""Numbers as a reader wants them: few digits, honest about their interval, never NaN."""

from __future__ import annotations

import math

DASH = "–"
MINUS = "−"
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_TIGHT_UNITS = ("%", "°")


def finite(value: object) -> float | None:
    """`value` as a float, or None when it is no number or not a finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def number(value: float | int | str | None, decimals: int | None = None) -> str:
    """Four significant digits, thousands separated; integers whole; text as it is.

    `decimals` fixes the digits after the point instead. What is missing is a dash.
    """
    if isinstance(value, str):
        return value
    if value is None or finite(value) is None:
        return DASH
    if isinstance(value, int) and decimals is None:
        return f"{value:,}".replace("-", MINUS)
    if decimals is not None:
        return _signed(f"{value:,.{decimals}f}")
    return _significant(float(value))


def _significant(value: float) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4 or exponent > 14:
        mantissa, power = f"{value:.3e}".split("e")
        return f"{_signed(mantissa)} × 10{str(int(power)).translate(_SUPERSCRIPTS)}"
    text = f"{value:,.{max(0, 3 - exponent)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return _signed(text)


def _signed(text: str) -> str:
    is_zero = not text.strip("-0.,")
    return text.lstrip("-") if is_zero else text.replace("-", MINUS)


def decimals_of(low: float, high: float) -> int:
    """Digits after the point that show an interval's half width with two significant digits."""
    half = (high - low) / 2
    if half <= 0:
        return 3
    return min(4, max(0, 1 - math.floor(math.log10(half))))


def measured(
    value: float | int | str | None, low: float | None, high: float | None, unit: str = ""
) -> tuple[str, str]:
    """The value, and its interval in brackets (empty where there is none).

    Both with the same digits, as many as the width of the interval deserves.
    """
    bottom, top, middle = finite(low), finite(high), finite(value)
    if bottom is None or top is None or middle is None:
        return with_unit(number(value), unit), ""
    if abs(middle) >= 1e15 or top - bottom < 1e-5:
        shown = [number(middle), number(bottom), number(top)]
    else:
        decimals = decimals_of(bottom, top)
        shown = [number(part, decimals) for part in (middle, bottom, top)]
    return with_unit(shown[0], unit), f"[{shown[1]}, {shown[2]}]"


def with_unit(text: str, unit: str) -> str:
    """`text` with its unit after a space that does not break; a dash carries no unit."""
    if not unit or text == DASH:
        return text
    return f"{text}\u00a0{unit}" if unit not in _TIGHT_UNITS else f"{text}\u202f{unit}"
