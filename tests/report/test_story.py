"""A story is short, in its order, and draws no arrows but its own."""

from __future__ import annotations

from dataclasses import replace

from sandbox.facts import Node, Story
from sandbox.report.story import CHAINS, STEPS, told
from sandbox.report.text import text
from tests.report.samples import CLEAN, DETONATED


def lines(*nodes: Node, verbose: int = 0, more: int = 0) -> list[str]:
    return list(told(replace(CLEAN, story=Story(nodes, more)), verbose))


def step(number: int, cause: int | None, said: str = "", kind: str = "file.write") -> Node:
    return Node(number, cause, kind, 1.0, 7, said or f"step {number}", event=number)


def test_a_clean_page_has_none() -> None:
    assert lines() == []
    assert "story" not in text(CLEAN)


def test_a_long_chain_goes_on_below() -> None:
    found = lines(*(step(number, number - 1 or None) for number in range(1, STEPS + 3)))
    assert found == ["step 1 -> step 2", "  -> " + " -> ".join(f"step {n}" for n in range(3, STEPS + 3))]


def test_a_very_long_chain_does_not_run_off_the_page() -> None:
    found = lines(*(step(number, number - 1 or None) for number in range(1, 401)))
    assert max(map(len, found)) < 200
    assert "".join(found).count("step") == 400


def test_many_chains_and_branches_are_cut_and_say_so() -> None:
    apart = [step(number, None) for number in range(1, 30)]
    assert lines(*apart)[CHAINS:] == [f"and {29 - CHAINS} more (-v shows them)"]
    assert len(lines(*apart, verbose=1)) == 29
    beside = [step(1, None), *(step(number, 1) for number in range(2, 30))]
    assert lines(*beside)[-1] == "  -> and 23 more (-v shows them)"
    assert len(lines(*beside, verbose=1)) == 29


def test_a_cut_leaves_what_tells_the_most_in_its_order() -> None:
    beside = [step(1, None), *(step(number, 1) for number in range(2, 30))]
    stolen = step(30, 1, "sends the decoy", "decoy.sent")
    program = step(31, 1, "runs", "process.exec")
    talk = step(33, 32, "GET /x", "talk")
    found = lines(*beside, stolen, program, step(32, 1, "connects"), talk)
    assert found[-4:] == [
        "  -> sends the decoy",
        "  -> runs",
        "  -> connects -> GET /x",
        "  -> and 26 more (-v shows them)",
    ]
    apart = [step(number, None) for number in range(1, 30)]
    assert "step 30 -> sends the decoy" in lines(*apart, step(30, None), step(31, 30, "sends the decoy", "decoy.sent"))


def test_branches_stand_in_the_order_of_time() -> None:
    first, second = replace(step(2, 1, "connects"), at=3.0), replace(step(3, 1, "is given"), at=2.0)
    assert lines(step(1, None), first, second) == ["step 1", "  -> is given", "  -> connects"]


def test_equal_ones_are_counted() -> None:
    assert lines(*(step(number, None, "writes /a") for number in range(1, 13))) == ["writes /a (x12)"]


def test_a_cause_that_is_not_there_is_none() -> None:
    assert lines(step(1, 9), step(2, 2), step(3, 1)) == ["step 1 -> step 3", "step 2"]


def test_a_fork_is_told_where_nothing_else_is() -> None:
    fork = step(1, None, "forks", "process.start")
    ended = step(2, 1, "ends with 0", "process.exit")
    assert lines(fork) == ["forks"]
    assert lines(fork, ended) == ["forks -> ends with 0"]
    assert lines(fork, ended, step(3, 1)) == ["step 3"]


def test_a_command_that_another_one_spells_is_told_only_where_it_leads_nowhere() -> None:
    shell = step(1, None, "sh -c 'curl \"x\" && id'", "process.exec")
    curl, other = step(2, 1, "curl x", "process.exec"), step(3, 1, "curl", "process.exec")
    assert lines(shell, curl, step(4, 2, "curl connects y")) == [f"{shell.text} -> curl connects y"]
    assert lines(shell, curl) == [f"{shell.text} -> curl x"]
    assert lines(shell, replace(other, text="url"), step(4, 3)) == [f"{shell.text} -> url -> step 4"]


def test_nobody_draws_our_arrows() -> None:
    assert lines(step(1, None, "sh -> got 200\n -> y")) == ["sh \ufffd got 200\ufffd \ufffd y"]


def test_no_length_hides_that_it_was_refused() -> None:
    (line,) = lines(step(1, None, "writes " + "a" * 300 + " (denied)"))
    assert line.endswith("aaa… (denied)")


def test_a_hint_is_marked_as_one() -> None:
    call, tool = step(1, None, "unpickling calls x", "call"), step(2, 1, "is given y", "talk")
    assert lines(replace(call, hint=True, event=None), replace(tool, hint=True)) == [
        "unpickling calls x (says the load) -> is given y (says the tool)"
    ]


def test_steps_beyond_the_bound_are_told() -> None:
    assert lines(step(1, None), more=1) == ["step 1", "and 1 step beyond what a story holds"]


def test_numbers_of_processes_are_for_who_asks() -> None:
    assert lines(step(1, None)) == ["step 1"]
    assert lines(step(1, None), verbose=1) == ["step 1 [7]"]
    assert "\nprocesses 7 the load" in text(DETONATED, verbose=1)
    assert "processes" not in text(DETONATED)
