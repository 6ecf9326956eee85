"""Which templates reach for Python, and which only fill in what they are given."""

from __future__ import annotations

import pytest
from guest.readers.templates import escape, is_template

HONEST = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' }}{% endfor %}",
    "{%- if messages[0]['role'] == 'system' %}{%- set rest = messages[1:] %}{%- endif %}",
    "{{ messages[(messages|length) - 1]['content'] }}{{ messages[loop.index0 - 1].role }}{{ messages[-1] }}",
    "{{ tools | map(attribute='function') | list | tojson(indent=4) }}{{ names | join(', ') }}",
    "{{ builtin_tools | reject('equalto', 'code_interpreter') | join(', ') }}",
    "{% set ns = namespace(found=false) %}{% set ns.found = true %}{{ joiner(', ') }}",
    "{{ content.split('</think>')[-1].lstrip('\\n') }}{{ text | replace('-', '_') | lower }}",
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('No') }}{% endif %}",
    "{{ 'Today: ' + strftime_now('%d %b %Y') }}{{ tool.parameters.items() | sort }}",
    "def f(self): return self.__class__.__init__  # no template",
    "{{ x }} and outside of it __class__",
)

REACHING = (
    "{{ ''.__class__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ ''|attr('__cl'~'ass__') }}",
    "{{ ''|attr(['_','_class_','_']|join) }}",
    "{{ [lipsum]|map('attr', name) }}",
    "{{ messages|groupby('__cl'+'ass__') }}",
    "{{ messages|map(attribute='_' ~ name)|list }}",
    "{{ ('{0._'~'_class_'~'_}').format(messages) }}",
    "{% set a='__glo' %}{% set b='bals__' %}{{ messages[a+b] }}",
    "{{ messages['%s%s' % ('__glob','als__')] }}",
    "{{ messages['__ssalc__'|reverse] }}",
)


@pytest.mark.parametrize("template", HONEST)
def test_an_honest_template_reaches_for_nothing(template: str) -> None:
    assert escape(template) == ""


@pytest.mark.parametrize("template", REACHING)
def test_a_name_of_pythons_machinery_is_found_however_it_is_put_together(template: str) -> None:
    assert is_template(template)
    assert escape(template)


def test_nothing_hides_behind_a_long_beginning() -> None:
    assert escape("{# x #}" * 100_000 + REACHING[0])
