"""A stage shows the same on a warm kernel as on a stock one, whatever way it has of showing something."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.execution.local import Local
from tests.integration import stages

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="warm kernels need Linux"),
]

PLAIN = (
    "import sys, os, subprocess, threading\nprint('a'); print('b', file=sys.stderr); print('c')",
    ("from IPython.display import display, HTML, Markdown, clear_output, update_display\n"
    "handle = display(HTML('<b>x</b>'), display_id='one')\nMarkdown('# hi')"),
    "update_display(HTML('<i>y</i>'), display_id='one')",
    "print('gone'); clear_output(); print('stays'); clear_output(wait=True); print('new')",
    "input('name? ')",
    "%%capture caught\nprint('caught'); 5",
    "caught.stdout",
    "!echo from a shell",
    "found = !ls -d /etc\nfound",
    "print(subprocess.run(['echo', 'sub'], capture_output=True, text=True).stdout)",
    "def f(x):\n    return 1 / x\nf(0)",
    "not python at all",
    "import not_there_at_all",
    "from os import not_there",
    "kernel = get_ipython().kernel\ntype(kernel), type(get_ipython()), type(sys.stdout), sys.stdout.encoding",
    "import asyncio\nawait asyncio.sleep(0)\nprint('awaited')",
    "%autoawait",
    "thread = threading.Thread(target=print, args=('from a thread',)); thread.start(); thread.join(); thread.name",
    ("import multiprocessing\n"
    "def child():\n    print('from a child', flush=True)\n"
    "forked = multiprocessing.get_context('fork').Process(target=child); forked.start(); forked.join()"),
    "import operator\nwith multiprocessing.get_context('spawn').Pool(1) as pool:\n    print(pool.starmap(operator.add, [(1, 2)]))",
    "%%bash\necho from bash",
    "%run -n no_such_file.py",
    "sys.path, sys.flags, sys.warnoptions, sys.argv[0], sys.argv[3:], sys.executable",
    "sorted(os.environ), __name__, __doc__, sorted(name for name in globals() if not name.startswith('_i'))",
    "import warnings; warnings.warn('careful'); warnings.warn('old', DeprecationWarning)\nwarnings.filters",
    "import logging; logging.warning('to the root'); logging.getLogger('tornado').handlers",
    "import signal; [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)]",
    "sys.stdin.read(), os.getcwd(), os.getpgid(0) == os.getsid(0) == os.getpid()",
    "from ipykernel.comm import Comm\nComm(target_name='nobody', data={}).close()",
    "sys.excepthook, sys.getrecursionlimit(), sys.gettrace(), threading.active_count()",
    "import random; random.seed(1); random.random()",
    "%history -n 1-2",
    "In[1][:10], sorted(Out), _",
)  # fmt: skip
SCIENCE = (
    ("import numpy as np, pandas as pd\nimport matplotlib.pyplot as plt\nfrom sklearn.datasets import load_iris\n"
    "from sklearn.ensemble import RandomForestClassifier\nimport pyarrow as pa"),
    # Before threads of scikit-learn's take turns at putting their filters back.
    "import warnings; sorted(set(map(str, warnings.filters)))",
    "plt.plot([1, 2, 3])",
    "%matplotlib inline\nfig, ax = plt.subplots(); ax.hist(np.arange(20)); plt.show()",
    "fig, plt.get_backend(), plt.isinteractive(), plt.rcParams['figure.dpi']",
    "frame = pd.DataFrame(np.arange(60).reshape(3, 20)); frame",
    "pd.get_option('display.max_columns'), pd.get_option('display.width'), frame.describe()",
    "X, y = load_iris(return_X_y=True); forest = RandomForestClassifier(n_estimators=5, random_state=0, n_jobs=2).fit(X, y)",
    "forest, forest.score(X, y)",
    "from joblib import Parallel, delayed\nParallel(n_jobs=2)(delayed(abs)(each) for each in (-1, 2))",
    "pa.table({'a': [1, 2]}).to_pandas()",
    "np.sqrt(-1), np.random.seed(0), np.random.rand(2)",
    "frame[0].apply(lambda value: 1 / value)",
    "from sklearn import nothing_of_that_name",
    "import threadpoolctl; [(each['internal_api'], each['num_threads']) for each in threadpoolctl.threadpool_info()]",
    "import os; {name: value for name, value in os.environ.items() if name.startswith(('KMP', 'OMP', 'MPL'))}",
    "get_ipython().events.callbacks['post_execute']",
    "plt.figure(); plt.plot([1]); 1 / 0",
)  # fmt: skip
_varying = [
    (re.compile(r"0x[0-9a-f]{6,}"), "<address>"),
    (re.compile(r"ipykernel_\d+/\d+"), "<cell>"),
    (re.compile(r"forked_from_\d+|pid=\d+"), "<process>"),
]


def shown(engine: Local, name: str) -> list[list[Any]]:
    """Return what each cell showed, pieces of one stream joined, without what differs from run to run anyway."""
    found = []
    for cell in stages.outputs(engine, name):
        joined: list[Any] = []
        for output in cell:
            if output["output_type"] == "stream":
                text = "".join(output["text"])
                if joined and joined[-1][0] == output["name"]:
                    joined[-1] = (output["name"], joined[-1][1] + text)
                else:
                    joined.append((output["name"], text))
            else:
                joined.append((output["output_type"], repr(output)))
        found.append([(kind, _steady(text)) for kind, text in joined])
    return found


def _steady(text: str) -> str:
    for pattern, instead in _varying:
        text = pattern.sub(instead, text)
    return text


@pytest.mark.parametrize("cells", [PLAIN, SCIENCE], ids=["plain", "science"])
def test_both_kernels_show_the_same(tmp_path: Path, cells: tuple[str, ...]) -> None:
    stages.write(tmp_path, "a", *cells, tags=("raises-exception",))
    both = []
    for warm in (True, False):
        engine = Local(tmp_path, {}, warm=warm)
        try:
            # An error in a stage's cell is its end; the cells here may raise.
            done = stages.run(engine, "a")
            assert done.kernel == ("warm" if warm else "stock: warm_kernels is off")
            both.append(shown(engine, "a"))
        finally:
            engine.close()
    for source, warm_cell, stock_cell in zip(cells, *both, strict=True):
        assert warm_cell == stock_cell, source
