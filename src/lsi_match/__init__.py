"""Privacy-preserving data matching for casustafels, as a library.

>>> import lsi_match as lsi
>>> manifest = lsi.Manifest.read("configs/samenloop/manifest.yaml")
>>> manifest.partners[:3]
('uwv', 'svb', 'gemeente')
>>> print(manifest.explain("en", partner="svb"))  # doctest: +ELLIPSIS
# ...
>>> [verdict.gate.value for verdict in lsi.check(manifest) if verdict.error is None]  # doctest: +ELLIPSIS
['manifest', ...

What `dir(lsi_match)` shows is public and documented in docs/reference/library.md (`lsi-match docs reference/library`).
Everything else is internal and may change. A name is loaded when it is asked for; when the extra that it needs is not
installed, `ExtraMissingError` names it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lsi_match.base.version import VERSION

if TYPE_CHECKING:
    from lsi_match.agreement.gates import GateVerdict as GateVerdict
    from lsi_match.base.errors import ExtraMissingError as ExtraMissingError
    from lsi_match.base.errors import LsiError as LsiError
    from lsi_match.library.counts import Analysis as Analysis
    from lsi_match.library.counts import analyse as analyse
    from lsi_match.library.logs import Log as Log
    from lsi_match.library.manifests import Manifest as Manifest
    from lsi_match.library.manifests import check as check
    from lsi_match.library.partners import Partner as Partner
    from lsi_match.library.sites import Site as Site
    from lsi_match.log.events import Recorded as Recorded
    from lsi_match.log.verify import Verification as Verification

__version__ = VERSION

#: Public name → the module that has it.
_MODULES = {
    "Analysis": "library.counts",
    "ExtraMissingError": "base.errors",
    "GateVerdict": "agreement.gates",
    "Log": "library.logs",
    "LsiError": "base.errors",
    "Manifest": "library.manifests",
    "Partner": "library.partners",
    "Recorded": "log.events",
    "Site": "library.sites",
    "Verification": "log.verify",
    "analyse": "library.counts",
    "check": "library.manifests",
}


if not TYPE_CHECKING:  # a type checker knows the names by the imports above, and no other

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module 'lsi_match' has no attribute '{name}'")
        try:
            return getattr(import_module(f"lsi_match.{_MODULES[name]}"), name)
        except ModuleNotFoundError as error:
            from lsi_match.base.errors import UnexpectedError

            raise UnexpectedError.of(error) from None


def __dir__() -> list[str]:
    return sorted(_MODULES)
