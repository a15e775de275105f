"""What the analysis knows by heart about names, methods and functions of the field."""

from __future__ import annotations

import builtins
import re


def words(text: str) -> frozenset[str]:
    """Return the words of a text; long tables read best so."""
    return frozenset(text.split())


BUILTINS = frozenset(dir(builtins)) | {
    "__name__",
    "__doc__",
    "__builtin__",
    "__builtins__",
    "__annotations__",
}
IPYTHON = frozenset(
    {"display", "get_ipython", "In", "Out", "exit", "quit", "open", "_", "__", "___", "_i", "_ii", "_iii", "_ih",
     "_oh", "_dh", "_exit_code", "_sh"}
)  # fmt: skip
HISTORY = frozenset({"_", "__", "___", "_i", "_ii", "_iii", "In", "Out", "_ih", "_oh"})
_numbered = re.compile(r"_i?\d+")

# Methods that change their object, but not what it holds.
SHALLOW = words(
    "append appendleft extend extendleft insert add update pop popleft popitem remove discard clear setdefault sort "
    "reverse rotate difference_update intersection_update symmetric_difference_update move_to_end __setitem__ "
    "__delitem__ put put_nowait fill resize itemset setfield write writelines"
)
# Methods that may change what it holds as well: a pipeline fits its steps, an optimizer steps its network.
DEEP = words(
    "fit partial_fit fit_transform fit_predict fit_resample load_state_dict load_weights set_weights step train_step "
    "train_on_batch backward zero_grad seed manual_seed shuffle train compile set_params register_buffer "
    "add_module requires_grad_ cuda add_node add_edge add_nodes_from add_edges_from remove_node remove_edge add_argument "
    "set_index_ set_flags add_trace update_layout update_traces update_xaxes update_yaxes set_state __setstate__ "
    "__setattr__ learn train_model reset_states"
)
# ``model.eval()`` changes a network, ``frame.eval("a + b")`` reads a frame.
DEEP_WITHOUT_ARGUMENTS = frozenset({"eval", "double", "half", "freeze", "unfreeze", "next", "__next__"})
# Functions that change their first argument.
FIRST_ARGUMENT = words(
    "shuffle heappush heappop heapify heapreplace heappushpop insort insort_left insort_right setattr delattr next "
    "copyto fill_diagonal put place putmask setitem delitem vector_to_parameters load_checkpoint"
)
# Methods that hand on their argument into the object.
TAKES_IN = words("append appendleft extend insert add update setdefault put push add_module")
# Methods and attributes whose value shares memory or elements with the object.
VIEWS = words(
    "items values keys get parameters named_parameters modules children state_dict reshape view ravel transpose swapaxes "
    "squeeze unsqueeze to_numpy numpy detach expand flat iter __iter__ pop popitem setdefault iterrows getattr "
    "add_subplot gca as_strided diagonal"
)
VIEW_FUNCTIONS = words(
    "asarray asanyarray from_numpy atleast_1d atleast_2d broadcast_to iter next getattr vars"
)
# Attributes whose value is never shared.
PLAIN = words(
    "shape size ndim dtype dtypes itemsize nbytes __name__ __class__ __doc__ name device suffix stem parent"
)
# Functions that give an object which holds their arguments; so does every class (a capital first).
HOLDERS = words(
    "partial zip enumerate reversed sorted map filter chain cycle product dict list tuple set make_pipeline "
    "make_column_transformer iter namedtuple deque defaultdict"
)
COPIES = words("DataFrame Series Index Path Counter Decimal Fraction Timestamp Timedelta DatetimeIndex")
WRAPPERS = words("njit jit vectorize cache lru_cache wraps make_scorer vmap grad compile vectorise memoize")
# Functions that give an object of a kind worth knowing, whatever they belong to.
MAKES = {
    "default_rng": "random", "RandomState": "random", "Random": "random", "Generator": "random",
    "subplots": "figure", "figure": "figure", "gca": "figure", "gcf": "figure", "add_subplot": "figure",
    "TemporaryFile": "file", "NamedTemporaryFile": "file", "fdopen": "file", "urlopen": "connection",
    "create_engine": "connection", "Popen": "connection", "cursor": "connection", "socket": "connection",
    "Lock": "lock", "RLock": "lock", "Thread": "thread", "ThreadPoolExecutor": "pool", "ProcessPoolExecutor": "pool",
    "Pool": "pool", "iter": "iterator", "zip": "iterator", "map": "iterator", "filter": "iterator",
    "enumerate": "iterator", "reversed": "iterator", "getLogger": "logger",
    "Condition": "lock", "Semaphore": "lock", "BoundedSemaphore": "lock", "Barrier": "lock", "Timer": "thread",
    "finditer": "generator", "scandir": "generator", "iglob": "generator", "MongoClient": "connection", "iterparse": "generator",
    "sessionmaker": "connection", "getOrCreate": "connection", "create_task": "task", "ensure_future": "task",
}  # fmt: skip
# The same by full name, where the last part alone could be anything.
MAKES_BY_NAME = {
    "subprocess.Popen": "process", "multiprocessing.Process": "process", "h5py.File": "file", "zipfile.ZipFile": "file",
    "tarfile.open": "file", "gzip.GzipFile": "file", "netCDF4.Dataset": "file", "pandas.HDFStore": "file", "pandas.ExcelWriter": "file",
    "csv.reader": "reader", "csv.writer": "file", "csv.DictReader": "reader", "csv.DictWriter": "file", "os.walk": "generator",
    "os.popen": "file", "mmap.mmap": "file", "threading.Event": "lock", "queue.Queue": "queue", "socket.create_connection": "connection",
    "tempfile.TemporaryDirectory": "folder", "smtplib.SMTP": "connection", "ftplib.FTP": "connection", "redis.Redis": "connection",
    "sqlalchemy.orm.Session": "connection", "asyncio.Queue": "queue", "asyncio.Lock": "lock", "dbm.open": "file", "shelve.open": "file",
}  # fmt: skip
# Methods of a connection that give one more thing tied to it.
OF_A_CONNECTION = words("execute executemany executescript cursor connect begin session scalars")
# Readers that give their file bit by bit when they are told so.
BIT_BY_BIT = words("chunksize iterator")
# Modules whose ``open`` gives a file; ``Image.open`` gives a picture, which can be passed on.
FILE_MODULES = frozenset({"io", "gzip", "bz2", "lzma", "codecs", "os", "tokenize"})
# Methods that return their object.
RETURNS_ITSELF = words("fit partial_fit set_params train eval to cuda cpu requires_grad_ compile")
# Kinds of objects that change whenever they are used.
LIVE = frozenset({"random", "figure", "iterator", "generator"})
# Kinds that pickle, but that a stage further on may find different: they are best used up where they are made.
FRAGILE = frozenset({"figure", "iterator"})
# Kinds of which an attribute or element is of the same kind.
ALIKE = frozenset({"figure", "random", "module"})
CONSTANTS = words("int float str bool len round abs hash ord chr repr format isinstance bytes complex")
# Functions whose results share nothing with each other.
DISTINCT = words("train_test_split random_split divmod array_split split hsplit vsplit partition")
# Kinds that can't be passed on, with what to do instead.
UNPASSABLE = {
    "file": ("an open file", "read it where it is opened, and pass on what was read"),
    "connection": ("an open connection", "open it again in the stage that needs it, or in a setup cell"),
    "generator": ("a generator", "make it a list: list(...)"),
    "lock": ("a lock", "make it in the stage that needs it, or in a setup cell"),
    "thread": ("a thread", "join it and pass on its result"),
    "process": ("a running process", "wait for it and pass on its result"),
    "task": ("a task", "await it and pass on its result"),
    "reader": ("a reader that goes through its file", "read it where it is made, and pass on what was read"),
    "queue": ("a queue", "pass on a list of its items"),
    "folder": (
        "a temporary folder, which goes with its kernel",
        "make it in the stage that needs it, or keep a folder",
    ),
    "pool": ("a worker pool", "open it again in the stage that needs it"),
}


def is_history(name: str) -> bool:
    """Tell whether a name is the session's own memory of what was run and shown."""
    return name in HISTORY or bool(_numbered.fullmatch(name))


def is_provided(name: str) -> bool:
    """Tell whether Python or IPython defines the name."""
    return name in BUILTINS or name in IPYTHON or bool(_numbered.fullmatch(name))


def changes_in_place(name: str) -> bool:
    """Tell whether torch's convention says so: ``add_``, ``clip_grad_norm_``."""
    return len(name) > 1 and name.endswith("_") and not name.startswith("_") and not name.endswith("__")
