"""Dask reads each partition of a table as a partition of a DataFrame."""
import subprocess
import sys

import dask
import pandas as pd
import pyarrow.flight as flight
import pytest

from conftest import COMMANDS, EXAMPLES
from dask_dataframe import read_table


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dataframe_has_the_rows_and_types_of_the_table(server, truth, command):
    frame = read_table(server.uri, command)
    rows = frame.compute(scheduler="threads").reset_index(drop=True)
    expected = truth(command.partition("?")[0]).to_pandas(types_mapper=pd.ArrowDtype)
    assert (frame.dtypes == expected.dtypes).all()
    pd.testing.assert_frame_equal(rows, expected)


def test_processes_read_a_partition_in_each_task(server, truth):
    frame = read_table(server.uri, "usage_daily?partitions=8&columns=customer_id,sessions")
    assert frame.npartitions == 8
    parts = dask.compute(*frame.to_delayed(), scheduler="processes", num_workers=2)
    assert all(len(part) > 0 for part in parts)
    whole = pd.concat(parts, ignore_index=True)
    expected = truth("usage_daily?columns=customer_id,sessions").to_pandas(types_mapper=pd.ArrowDtype)
    pd.testing.assert_frame_equal(whole, expected)


def test_advertised_replicas_share_the_work(advertised_replicas):
    one, other = advertised_replicas
    frame = read_table(one.uri, "usage_daily?partitions=8")
    assert len(frame.compute(scheduler="threads")) > 0
    assert min(one.sent, other.sent) > 0.4 * (one.sent + other.sent)


def test_an_unreachable_replica_is_skipped(advertised_replicas, truth):
    one, other = advertised_replicas
    frame = read_table(one.uri, "usage_daily?partitions=8")
    other.stop()
    rows = frame.compute(scheduler="threads").reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, truth("usage_daily").to_pandas(types_mapper=pd.ArrowDtype))
    one.stop()
    with pytest.raises(flight.FlightUnavailableError):
        frame.compute(scheduler="threads")


def test_the_example_prints_every_plan(server):
    command = [sys.executable, EXAMPLES / "dask_dataframe.py", server.uri]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert all(plan in ran.stdout for plan in ("Basic", "Enterprise", "Free", "Pro"))
