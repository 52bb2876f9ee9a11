"""What holds for every rule: a case that it finds and one that it does not, and sentences of its own."""

from __future__ import annotations

from rule_cases import cases

from backend.doctor.examine import RULES
from resources.doctor import sentences


def test_every_rule_has_its_cases_and_nobody_else() -> None:
    """A Case holds a node of which the rule speaks and one of which it does not; test_*_rules.py tries both."""
    assert set(cases()) == {rule.code for rule in RULES}


def test_codes_are_there_once() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES) >= 45


def test_every_rule_says_what_is_so_what_it_means_and_what_to_do() -> None:
    for rule in RULES:
        said = sentences()[rule.code]
        assert said.title, rule.code
        assert said.means, rule.code
        assert said.do, rule.code
