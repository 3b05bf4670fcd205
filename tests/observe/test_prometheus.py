"""A real Prometheus scrapes the metrics of a server, and answers queries about what a client has read."""
import json
import os
import re
import subprocess
import time
import urllib.parse
import urllib.request

import pyarrow as pa
import pyarrow.flight as flight
import pytest

SAASGEN, PROMETHEUS = os.environ["SAASGEN"], os.environ["PROMETHEUS"]
CONFIG = """
global: {{scrape_interval: 500ms}}
scrape_configs:
  - job_name: saasgen
    static_configs: [{{targets: ["{target}"]}}]
"""


def wait_for(stream, pattern):
    """Reads the output of a process up to the first line that matches `pattern`, and returns the match."""
    seen = []
    for line in stream:
        seen.append(line)
        if match := re.search(pattern, line):
            return match
    raise AssertionError(f"ended before `{pattern}`:\n{''.join(seen)}")


@pytest.fixture
def server():
    command = [SAASGEN, "serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--customers", "20000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics = wait_for(process.stderr, r"metrics at http://(\S+)/metrics")[1]
    yield process.stdout.readline().strip(), metrics
    process.terminate()
    assert process.wait(timeout=60) == 0


@pytest.fixture
def query(server, tmp_path):
    """Runs a Prometheus that scrapes the server. Yields a function that runs a query and returns values by labels."""
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(target=server[1]))
    log = (tmp_path / "log").open("w+")
    command = [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
               "--web.listen-address=127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)

    def address():
        """Prometheus does not log the port that it got for port 0. This finds it among the process's sockets."""
        inodes = set()
        for fd in os.scandir(f"/proc/{process.pid}/fd"):
            inodes.add(os.readlink(fd.path).removeprefix("socket:[").removesuffix("]"))
        for line in open(f"/proc/{process.pid}/net/tcp").readlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                return f"127.0.0.1:{int(fields[1].split(':')[1], 16)}"
        return None

    def query(text):
        url = f"http://{listening}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
        answer = json.load(urllib.request.urlopen(url, timeout=30))
        assert answer["status"] == "success", answer
        results = answer["data"]["result"]
        return {tuple(sorted(result["metric"].items())): float(result["value"][1]) for result in results}

    try:
        listening = until(address)
        yield query
    finally:
        process.terminate()
        process.wait(timeout=60)
        log.seek(0)
        print(log.read())  # pytest shows it if the test fails.
        log.close()


def until(ask):
    """Calls `ask` until its answer is true, and returns the answer."""
    deadline = time.monotonic() + 60
    while not (answer := ask()):
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.1)
    return answer


def test_prometheus_has_the_counts_of_rows_streams_and_refusals(server, query):
    uri, _ = server
    read = {}
    with flight.connect(uri) as client:
        for table in ("usage_daily", "customers", "billing"):
            read[table] = client.do_get(flight.Ticket(table)).read_all().num_rows
        read["customers"] += client.do_get(flight.Ticket("customers?last_id=7")).read_all().num_rows
        for _ in range(3):
            with pytest.raises(pa.ArrowInvalid):
                client.do_get(flight.Ticket("customers?sed=1")).read_all()

    total = sum(read.values())
    # The refusals came last, so a scrape that has them also has all that came before.
    until(lambda: query("sum by (cause) (saasgen_refusals_total) > 0") == {(("cause", "misuse"),): 3})
    assert query("sum(saasgen_rows_total)") == {(): total}
    by_table = query("sum by (table) (saasgen_rows_total) > 0")
    assert by_table == {(("table", table),): rows for table, rows in read.items()}
    assert query('sum(saasgen_streams_total{outcome="complete"})') == {(): 4}
    assert query('sum(saasgen_streams_total{outcome!="complete"})') == {(): 0}
    assert query("sum(saasgen_streams_open)") == {(): 0}
    assert query("sum(saasgen_bytes_total)")[()] > 10 * total
    assert query("sum(saasgen_first_batch_seconds_count)") == {(): 4}
    assert 0 < query("histogram_quantile(0.9, saasgen_first_batch_seconds_bucket)").popitem()[1] <= 10
    assert query("sum(saasgen_generator_seconds_total)")[()] > 0
    assert query("sum(saasgen_generator_queue_depth)") == {(): 0}
    assert query("count by (version) (saasgen_build_info)").popitem()[1] == 1
    assert query('up{job="saasgen"}').popitem()[1] == 1
