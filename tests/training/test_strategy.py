"""Strategies by name, and batches that replicas can't share."""

from types import SimpleNamespace

import pytest

from sagan_tf.training.strategy import (
    StrategyError,
    check_all_reduce,
    check_batch_size,
    create_strategy,
    runs_on_cpu,
)


def test_strategies_by_name(mirrored):
    said = []
    assert create_strategy("cpu", say=said.append).num_replicas_in_sync == 1
    assert said[0] == "Strategy cpu (as asked for): training on 1 replica(s)" and "device:CPU:0" in said[1]
    check_all_reduce(mirrored)
    with pytest.raises(StrategyError, match=r"one of auto, cpu, .*tpu; received strategy='tpus'"):
        create_strategy("tpus")


def test_auto_says_why(monkeypatch):
    said = []
    monkeypatch.delenv("TF_CONFIG", raising=False)
    create_strategy("auto", say=said.append)
    assert said[0].startswith("Strategy cpu (there is neither GPU nor TPU)")


def test_what_is_not_there_is_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(StrategyError, match="strategy='tpu' needs a TPU; received tpu='local'"):
        create_strategy("tpu")
    with pytest.raises(StrategyError, match="found neither TF_CONFIG nor a Slurm step"):
        create_strategy("multi_worker")


def test_a_batch_that_replicas_cannot_share_is_refused():
    check_batch_size(8, 2)
    with pytest.raises(StrategyError, match=r"batch_size=9 for 2 replicas\. Use a multiple of 2"):
        check_batch_size(9, 2)


def test_a_strategy_without_accelerator_is_told_from_others(mirrored):
    assert runs_on_cpu(mirrored) and runs_on_cpu(create_strategy("cpu"))
    for devices in (["/job:worker/replica:0/task:0/device:GPU:0"], ["/device:CPU:0", "/device:TPU:0"]):
        assert not runs_on_cpu(SimpleNamespace(extended=SimpleNamespace(worker_devices=devices)))
