"""The bench's page, from sample figures; nothing is measured here."""

from __future__ import annotations

from bench.budgets import lines
from bench.contest import COPY, IMPORT, MAPPED, OUTSIDE, STATIC, full, unwatched, watched
from bench.measure import Sample
from bench.results import Results, Samples
from bench.tables import page

OURS = {"host_peak": 40e6, "jail_peak": 230e6, "jail_private_peak": 150e6, "tensors": 100}


def size(copy: float, plain: float, ours: float) -> Samples:
    return {
        COPY: [Sample(copy, 0.1)],
        IMPORT: [Sample(1.5, 1.5, {"host_peak": 220e6})],
        MAPPED: [Sample(plain, 2.0, {"host_peak": 1200e6})],
        STATIC: [Sample(ours, 1.0, OURS | {"jail_private_peak": 0})],
        full("bubblewrap"): [Sample(ours + 0.1, 1.5, OURS), Sample(9.0, 9.0, OURS), Sample(ours, 1.5, OURS)],
        full("docker"): [Sample(ours, 1.5, OURS)],
    }


def results() -> Results:
    seconds = {
        watched("bubblewrap"): 0.0102,
        watched("gvisor"): 0.03,
        unwatched("bubblewrap"): 0.01,
        unwatched("gvisor"): 0.02,
        OUTSIDE: 0.008,
        "strace -f": 0.012,
    }
    load = {peer: [Sample(2, 2, {"load_seconds": value})] for peer, value in seconds.items()}
    return Results(
        sizes={"10M": size(0.02, 1.8, 1.6), "1G": size(0.5, 3.0, 1.4), "4G": size(2.0, 6.0, 6.5)},
        loads={"10 MB, mapped": load},
        calls={"not watched": 3.0, "watched, bubblewrap": 24.0, "strace -f": 45.0},
        largest={"10M": 10**6, "1G": 10**7, "4G": 2 * 10**7},
        load_average=0.5,
    )


def test_page_shows_every_peer_as_a_ratio_of_medians() -> None:
    text = page(results(), "a machine")
    assert "| sandbox-load, bubblewrap | 1.50 | 3.00 | 0.50 | 1.50 | 40 | 230 (150) |" in text
    assert "| strace -f | 45.0 | 15.0 |" in text
    assert "| 10 MB, mapped | watched, bubblewrap | 10.20 | 10.00 | 1.020 |" in text
    assert "| 10 MB, mapped | watched, gvisor | 30.00 | 20.00 | 1.500 |" in text
    assert "| 10 MB, mapped | strace -f | 12.00 | 8.00 | 1.500 |" in text
    assert "| 10 MB, mapped | no jail |" not in text
    assert "| 10 MB, mapped | not watched" not in text


def test_budgets_say_what_is_reached_and_what_is_not() -> None:
    reached = {line.what: line.reached for line in lines(results())}
    assert reached["1 GB, --static: 2 x (cp + fsync) + 0.3 s"] is False
    assert reached["4 GB, sandbox-load, docker: torch.load(mmap) + save_file"] is False
    assert reached["10 MB, bubblewrap: import torch + 0.25 s"] is True
    assert reached["a watched openat and close, bubblewrap"] is True
    assert reached["loading 10 MB, mapped: watched, bubblewrap / not watched"] is True
    assert reached["loading 10 MB, mapped: watched, gvisor / not watched"] is False
    assert len(reached) == len(list(lines(results())))


def test_a_run_of_one_size_says_only_what_it_measured() -> None:
    one = Results(sizes={"10M": size(0.02, 1.8, 1.6)}, largest={"10M": 10**6})
    assert [line.what[:5] for line in lines(one)] == ["10 MB"] * 4
    assert "## 4 GB" not in page(one, "a machine")
