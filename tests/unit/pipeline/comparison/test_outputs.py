"""What cells showed is the same but for what differs from process to process."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from jupyter_mlops.pipeline.comparison.outputs import Reader, compare
from jupyter_mlops.pipeline.comparison.values import Tolerance

EXACT = Tolerance()


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def displayed(**data):
    mimes = {
        "plain": "text/plain",
        "html": "text/html",
        "png": "image/png",
        "svg": "image/svg+xml",
        "json": "application/json",
    }
    return {
        "output_type": "display_data",
        "data": {mimes[key]: value for key, value in data.items()},
        "metadata": {},
    }


def raised(name, value):
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": []}


def picture(colour, **options):
    stream = io.BytesIO()
    Image.fromarray(np.full((2, 3, 3), colour, dtype="u1")).save(stream, "png", **options)
    return base64.b64encode(stream.getvalue()).decode()


def difference(left, right, tolerance=EXACT):
    return compare(Reader().read(left), Reader().read(right), tolerance)


SAME = {
    "address": ("<Axes at 0x7f00aa11bb22>", "<Axes at 0x7f99aa11bb22>"),
    "time": ("CPU times: user 1 ms\nWall time: 2.1 s\n3", "CPU times: user 9 ms\nWall time: 3 ms\n3"),
    "timeit": ("1.2 ms ± 3 µs per loop (mean ± std. dev. of 7 runs, 1,000 loops each)", "2.2 s ± 30 ms per loop (mean ± std. dev. of 7 runs, 1 loop each)"),
    "minutes": ("1min 2s ± 3 ms per loop (mean ± std. dev. of 7 runs, 1 loop each)", "59 s ± 3 ms per loop (mean ± std. dev. of 7 runs, 1 loop each)"),
    "progress": ("\r 10%|█         | 1/10 [00:01<00:09,  1.0it/s]\r100%|██████████| 10/10 [00:10<00:00,  1.02it/s]", "\r100%|██████████| 10/10 [00:02<00:00, 5.5it/s]"),
    "cell": ("/t/ipykernel_12/345.py:3: x", "/u/ipykernel_99/77.py:3: x"),
    "count": ("Cell In[3], line 1", "Cell In[1], line 1"),
    "colours": ("\x1b[31mred\x1b[0m", "red"),
    "uuid": ("id 01234567-89ab-cdef-0123-456789abcdef", "id 11234567-89ab-cdef-0123-456789abcdef"),
    "summary": ("Date: Sat, 21 Nov 2026  AIC: 1\nTime:   12:06:47   BIC: 2", "Date: Sun, 22 Nov 2026  AIC: 1\nTime:   12:09:00   BIC: 2"),
    "summary's html": ("<th>Time:</th>  <td>12:06:47</td>", "<th>Time:</th>  <td>12:07:46</td>"),
    "version": ("ModelVersion(created_at='2026', name='m', run_id='')", "ModelVersion(created_at='2027', name='m', run_id='r')"),
}  # fmt: skip


@pytest.mark.parametrize("left, right", SAME.values(), ids=SAME)
def test_what_differs_from_process_to_process_is_no_difference(left, right):
    assert difference([printed(left)], [printed(right)]) == ""
    assert difference([displayed(plain=left)], [displayed(plain=right)]) == ""


DIFFERENT = {
    "text": ([printed("a\nb 1\n")], [printed("a\nb 2\n")], "printed: line 2: 'b 1' in the notebook, 'b 2' in the pipeline"),
    "line": ([printed("a\n")], [printed("a\nb\n")], "1 lines in the notebook, 2 in the pipeline; only in the pipeline: 'b'"),
    "nothing": ([printed("a")], [], "only the notebook prints 'a'"),
    "extra": ([displayed(plain="1")], [printed("x"), displayed(plain="1")], "only the pipeline prints 'x'"),
    "display": ([], [displayed(plain="7")], "only the pipeline displays '7'"),
    "stderr": ([printed("w", "stderr")], [], "only the notebook writes to stderr 'w'"),
    "error": ([raised("ValueError", "a")], [raised("ValueError", "b")], "raised: line 1"),
    "mime": ([displayed(plain="a", html="b")], [displayed(plain="a")], "displayed as text/html, text/plain"),
    "html": ([displayed(plain="a", html="<b>1</b>")], [displayed(plain="a", html="<b>2</b>")], "displayed text/html"),
    "json": ([displayed(json={"a": 1})], [displayed(json={"a": 2})], "displayed application/json"),
    "long": ([printed("x" * 500 + "1")], [printed("x" * 500 + "2")], "…"),
    "picture": ([displayed(png=picture(1))], [displayed(png=picture(2))], "displayed image/png: 6 of 6 pixels differ"),
    "not a picture": ([displayed(png="AAAA")], [displayed(png="BBBB")], "the bytes differ"),
}  # fmt: skip


@pytest.mark.parametrize("left, right, words", DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_told(left, right, words):
    assert words in difference(left, right)
    assert difference(right, left)


def test_chunks_of_a_stream_are_one():
    assert difference([printed("a"), printed("b\n")], [printed(["ab\n"])]) == ""


def test_the_two_streams_are_compared_apart():
    left = [printed("w", "stderr"), printed("a")]
    assert difference(left, left[::-1]) == ""


def test_pictures_are_compared_by_pixels():
    assert difference([displayed(png=picture(1))], [displayed(png=picture(1, compress_level=0))]) == ""


def test_numbers_may_differ_by_the_tolerance():
    left, right = [printed("loss 1.0000 (3 rows)")], [printed("loss 1.0001 (3 rows)")]
    assert difference(left, right)
    assert difference(left, right, Tolerance(rtol=1e-3)) == ""
    assert difference(left, [printed("cost 1.0001 (3 rows)")], Tolerance(rtol=1e-3))
    assert difference(left, [printed("loss 2.0 (3 rows)")], Tolerance(rtol=1e-3))


def test_backspaces_take_away():
    assert difference([printed("1\b2\b3")], [printed("3")]) == ""
    assert difference([printed("\b\b3")], [printed("3")]) == ""


def test_counters_of_libraries_are_no_content():
    html = '<div id="sk-container-id-{0}" class="x"><table id="T_{1}"></table></div>'
    assert (
        difference([displayed(html=html.format(1, "abcde"))], [displayed(html=html.format(7, "01234"))]) == ""
    )


def test_a_warning_that_was_shown_before_is_no_difference():
    warning = "/lib/a.py:3: UserWarning: careful\n  warnings.warn('careful')\n"
    reader = Reader()
    assert reader.read([printed(warning, "stderr")]) != []
    assert reader.read([printed(warning, "stderr")]) == []
    assert reader.read([printed(warning + "else\n", "stderr")]) == [("stderr", "else")]


def test_paths_have_names():
    reader = Reader(paths={"/t/x1": "<project>"})
    assert reader.read([printed("in /t/x1/a")]) == [("stdout", "in <project>/a")]
