"""
The decision about one call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ._options import AuthorizationOptions
from ._paths import read_path
from ._rule import Headers, Rule


class Verdict(NamedTuple):
    """What *rule* says of a call: empty where none took it, and *reason* tells why then."""

    allowed: bool
    rule: str
    reason: str


class Decision(NamedTuple):
    """
    Whether a call goes on, and whose word that is.

    *rule* is the name of the rule that decided; empty for the default and for a path that
    is refused as such. *shadow* is what the decision would be if nothing were in shadow,
    None where nothing is.
    """

    allowed: bool
    rule: str
    reason: str
    shadow: Verdict | None = None

    @property
    def differs(self) -> bool:
        """Whether what is in shadow would have decided otherwise."""
        return self.shadow is not None and self.shadow.allowed is not self.allowed

    def __str__(self) -> str:
        text = f"{'allowed' if self.allowed else 'denied'}: {self.reason}"
        if self.differs and self.shadow is not None:
            would = "allow" if self.shadow.allowed else "deny"
            text += f" (in shadow: would {would}: {self.shadow.reason})"
        return text


class Policy:
    """
    Decides by the rules of *options*. Thread-safe, as it never changes.

    `decide` never raises, whatever it is asked.
    """

    __slots__ = ("_all", "_enforced", "_refuses_unclear", "_shadow", "options")

    def __init__(self, options: AuthorizationOptions) -> None:
        self.options = options
        self._shadow = options.mode == "shadow"
        self._refuses_unclear = options.ambiguous_paths == "refuse"
        rules = [Rule(each, ignore_case=options.ignore_case) for each in options.rules]
        self._all = _Rules(rules, options.default)
        enforced = [rule for rule in rules if not rule.shadow]
        self._enforced = self._all
        if len(enforced) != len(rules):
            self._enforced = _Rules(enforced, options.default)

    def __repr__(self) -> str:
        return f"<Policy of {len(self.options.rules)} rules, {self.options.mode}>"

    def decide(
        self,
        caller: str | Iterable[str] | None,
        service: str,
        method: str,
        path: str,
        headers: Headers = (),
        *,
        decoded: bool = False,
    ) -> Decision:
        """
        Whether *caller* may call *method* and *path* of *service*.

        *caller* is one verified name or several that belong to the same peer; None when
        nobody was verified. *path* is as on the wire, or *decoded* by a server; its query
        does not count. Names of *headers* are in lower case.
        """
        if caller is None or isinstance(caller, str):
            callers: tuple[str, ...] = (caller,) if caller else ()
        else:
            callers = tuple(filter(None, caller))
        readings = read_path(path, decoded=decoded)
        unclear = readings.unclear if self._refuses_unclear else ""
        asked = callers, service.lower(), method, readings.forms, headers
        trial = self._all.judge(*asked, unclear)
        if self._shadow:
            return Decision(True, "", "the policy is in shadow", trial)
        if self._enforced is self._all:
            return Decision(*trial)
        return Decision(*self._enforced.judge(*asked, unclear), trial)


class _Rules:
    __slots__ = ("_allow", "_default", "_deny")

    def __init__(self, rules: Iterable[Rule], default: str | None) -> None:
        rules = tuple(rules)
        self._deny = tuple(rule for rule in rules if not rule.allows)
        self._allow = tuple(rule for rule in rules if rule.allows)
        denies = bool(self._allow) if default is None else default == "deny"
        self._default = Verdict(
            not denies, "", "no rule allows it" if denies else "no rule denies it"
        )

    def judge(
        self,
        callers: Sequence[str],
        service: str,
        method: str,
        forms: Collection[str],
        headers: Headers,
        unclear: str,
    ) -> Verdict:
        """The verdict on the first reading that is refused, or else on the first."""
        if unclear:
            return Verdict(False, "", f"the path is ambiguous: {unclear}")
        verdict = self._default
        for number, path in enumerate(forms):
            one = self._read(callers, service, method, path, headers)
            if not one.allowed:
                return one
            if not number:
                verdict = one
        return verdict

    def _read(
        self, callers: Sequence[str], service: str, method: str, path: str, headers: Headers
    ) -> Verdict:
        for rule in self._deny:
            if rule.takes(callers, service, method, path, headers):
                return Verdict(False, rule.name, f"the rule {rule.name!r} denies it")
        for rule in self._allow:
            if rule.takes(callers, service, method, path, headers):
                return Verdict(True, rule.name, f"the rule {rule.name!r} allows it")
        return self._default
