"""Every sentence in another language: that of people who write in capitals, and amounts as in Germany."""

from __future__ import annotations

import re
from typing import Final

from gett_checkout.messages import ENGLISH, Messages

SENTENCES: Final = {
    code: re.sub(
        r"{\w+}|[^{]+", lambda part: part[0] if part[0][0] == "{" else part[0].upper(), said
    )
    for code, said in ENGLISH.items()
}
TRANSLATED: Final = Messages(SENTENCES, locale="de-DE")
