from types import SimpleNamespace

import pytest

from lightune.clusters import Needs, Node, cpus_each, nodes


def node(cpus: float, gpus: float = 0, memory: int = 10**10, name: str = "10.0.0.1") -> Node:
    return Node(f"{name} {cpus}", name, cpus, gpus, memory)


@pytest.mark.parametrize(
    ("there", "tasks", "gpus", "each"),
    [
        ([8, 8], 4, 0, 4),
        ([8, 8], 3, 0, 4),  # of 5, the third would wait
        ([8, 8], 1, 0, 8),
        ([8, 2], 2, 0, 4),
        ([2], 5, 0, 1),
        ([], 2, 0, 1),
    ],
)
def test_all_tasks_run_at_once_where_that_can_be(there, tasks, gpus, each):
    assert cpus_each([node(cpus) for cpus in there], tasks, gpus) == each


def test_no_gpu_lies_idle_for_want_of_a_cpu():
    there = [node(16, gpus=4)]
    assert cpus_each(there, 1, 1.0) == 4
    assert cpus_each(there, 1, 0.5) == 2
    assert cpus_each(there, 1, 0.0) == 16
    assert cpus_each([node(2, gpus=8)], 1, 1.0) == 1


def test_a_node_holds_what_it_has_all_of():
    assert node(2, 1).holds(Needs(2, 1, 10**10))
    for needs in (Needs(3, 0, 0), Needs(1, 2, 0), Needs(1, 0, 10**11)):
        assert not node(2, 1).holds(needs)
    assert [node(5, 2).fits(needs) for needs in (Needs(2, 0, 0), Needs(1, 0.5, 0), Needs(1, 1, 10**11))] == [2, 4, 0]
    assert str(node(1, 2)) == "10.0.0.1 (1 CPU, 2 GPUs and 10.0 GB of memory)"
    assert str(Needs(2, 0, 500_000_000)) == "2 CPUs, no GPU and 0.5 GB of memory"
    assert str(Needs(1, 0.5, 0)) == "1 CPU and 0.5 GPUs"


def test_nodes_that_are_gone_or_take_nothing_are_none():
    def told(name, alive, **has):
        return {"NodeID": name, "NodeManagerAddress": name, "Alive": alive, "Resources": has}

    ray = SimpleNamespace(
        nodes=lambda: [
            told("b", True, CPU=2.0, GPU=1.0, memory=5.0),
            told("gone", False, CPU=2.0),
            told("head", True, memory=5.0),
            told("a", True, CPU=1.0),
        ]
    )
    assert nodes(ray) == (Node("a", "a", 1.0, 0.0, 0), Node("b", "b", 2.0, 1.0, 5))
