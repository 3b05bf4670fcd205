"""Ray Data reads each ticket in a task of Ray's workers."""
import socket

import pyarrow as pa
import pytest

import ray_dataset
from conftest import COMMANDS

ray = ray_dataset.ray


@pytest.fixture(scope="module", autouse=True)
def local_ray():
    # Ray replaces 127.0.0.1 by another address of the machine, if it has one, and listens there.
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    assert not others, f"Ray would listen on {others}; .ci/engines runs this where there is only loopback"
    ray.cloudpickle.register_pickle_by_value(ray_dataset)  # The workers can't import it.
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
    assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.1"]
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    yield
    ray.shutdown()


def read(uri, command):
    return ray.data.read_datasource(ray_dataset.FlightDatasource(uri, command))


def rows(dataset):
    return pa.concat_tables(ray.get(dataset.to_arrow_refs()))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dataset_has_the_rows_and_types_of_the_table(server, truth, command):
    assert rows(read(server.uri, command)).equals(truth(command.partition("?")[0]))


def test_each_ticket_is_one_read_task(server, truth):
    tasks = ray_dataset.FlightDatasource(server.uri, "usage_daily?partitions=8").get_read_tasks(parallelism=200)
    assert len(tasks) == 8
    parts = [pa.concat_tables(task()) for task in tasks]
    assert all(part.num_rows > 0 for part in parts)
    assert pa.concat_tables(parts).equals(truth("usage_daily"))


def test_advertised_replicas_share_the_work(advertised_replicas):
    one, other = advertised_replicas
    assert read(one.uri, "usage_daily?partitions=8").count() > 0
    assert min(one.sent, other.sent) > 0.4 * (one.sent + other.sent)


def test_an_unreachable_replica_is_skipped(advertised_replicas, truth):
    one, other = advertised_replicas
    dataset = read(one.uri, "usage_daily?partitions=8")
    other.stop()
    assert rows(dataset).equals(truth("usage_daily"))


def test_another_replica_replaces_one_that_dies_in_mid_stream(advertised_replicas, truth):
    one, other = advertised_replicas
    ((uris, ticket),) = ray_dataset.FlightDatasource(one.uri, "usage_daily?partitions=1").parts
    first = one if uris[0] == one.uri else other
    first.limit = first.sent + 8_000_000
    assert pa.concat_tables(ray_dataset.read_part(uris, ticket)).equals(truth("usage_daily"))
    assert first.sent >= first.limit


def test_the_example_prints_the_minutes_of_the_first_day(server, truth, capsys):
    ray_dataset.main(server.uri)
    first = truth("usage_daily?columns=usage_minutes&to=2023-07-01")["usage_minutes"]
    assert f"'sum(usage_minutes)': {sum(first.to_pylist())}" in capsys.readouterr().out
