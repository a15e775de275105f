from __future__ import annotations

from jupyter_mlops.serving.metrics import Metrics


def test_the_exposition_counts_cumulatively() -> None:
    metrics = Metrics('ch"urn', 3, "d1")
    metrics.request("mlflow", 200, 0.003, 5)
    metrics.request("mlflow", 400, 99.0, 0)
    metrics.batch(5)
    text = metrics.render()
    labels = 'model="ch\\"urn",version="3"'
    assert f'mlops_requests_total{{{labels},protocol="mlflow",status="400"}} 1' in text
    assert f"mlops_predicted_rows_total{{{labels}}} 5" in text
    assert f'mlops_request_seconds_bucket{{{labels},le="0.0025"}} 0' in text
    assert f'mlops_request_seconds_bucket{{{labels},le="0.005"}} 1' in text
    assert f'mlops_request_seconds_bucket{{{labels},le="+Inf"}} 2' in text
    assert f"mlops_request_seconds_count{{{labels}}} 2" in text
    assert f'mlops_batch_rows_bucket{{{labels},le="4"}} 0' in text
    assert f'mlops_batch_rows_bucket{{{labels},le="8"}} 1' in text
    assert text.endswith("\n")


def test_every_line_is_a_comment_or_a_sample() -> None:
    for line in Metrics("m", 1, "d").render().splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or float(line.rpartition(" ")[2]) >= 0
