from lightune.server.fair_queue import FairQueue, Unit


def units(owner: str, count: int, tokens: int) -> list[Unit[str]]:
    return [Unit(owner, place, "lora", f"{owner}{place}", tokens) for place in range(count)]


def batches(queue: FairQueue[str], budget: int) -> list[list[str]]:
    found = []
    while taken := queue.take(budget):
        found.append([unit.text for unit in taken])
    return found


def test_a_batch_holds_no_more_than_its_budget_and_every_unit_comes_once_in_its_owners_order():
    queue: FairQueue[str] = FairQueue()
    for owner, count, tokens in (("a", 7, 30), ("b", 3, 100), ("c", 5, 1)):
        queue.add(owner, units(owner, count, tokens))
    sizes = {f"{owner}{at}": tokens for owner, tokens in (("a", 30), ("b", 100), ("c", 1)) for at in range(9)}
    found = batches(queue, 120)
    assert all(sum(sizes[text] for text in batch) <= 120 for batch in found)
    flat = [text for batch in found for text in batch]
    assert sorted(flat) == sorted(
        [f"a{at}" for at in range(7)] + [f"b{at}" for at in range(3)] + [f"c{at}" for at in range(5)]
    )
    for owner in "abc":
        own = [text for text in flat if text[0] == owner]
        assert own == sorted(own)
    assert len(queue) == 0


def test_small_requests_come_before_a_huge_one_is_done():
    queue: FairQueue[str] = FairQueue()
    queue.add("huge", units("huge", 1000, 50))
    for owner in "abc":
        queue.add(owner, units(owner, 1, 10))
    assert {unit.owner for unit in queue.take(200)} == {"huge", "a", "b", "c"}


def test_a_huge_request_goes_on_while_small_ones_keep_coming():
    queue: FairQueue[str] = FairQueue()
    queue.add("huge", units("huge", 20, 50))
    done = 0
    for at in range(100):
        queue.add(f"small{at}", units(f"small{at}", 1, 100))
        done += sum(unit.owner == "huge" for unit in queue.take(200))
        if done == 20:
            return
    raise AssertionError(f"the huge request got {done} of 20 units in 100 batches")


def test_one_request_alone_fills_the_batch():
    queue: FairQueue[str] = FairQueue()
    queue.add("a", units("a", 100, 10))
    assert len(queue.take(200)) == 20


def test_a_text_larger_than_a_batch_is_one_by_itself():
    queue: FairQueue[str] = FairQueue()
    queue.add("a", units("a", 2, 500))
    queue.add("b", units("b", 1, 10))
    assert batches(queue, 100) == [["a0"], ["b0"], ["a1"]]


def test_what_is_dropped_is_never_taken():
    queue: FairQueue[str] = FairQueue()
    queue.add("a", units("a", 5, 10))
    queue.add("b", units("b", 1, 10))
    queue.take(10)
    queue.drop("a")
    assert [unit.owner for unit in queue.take(100)] == ["b"]
    assert queue.take(100) == []
