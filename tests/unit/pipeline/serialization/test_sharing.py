"""What shares memory before it is pickled shares it after."""

from __future__ import annotations

import io
import pickle
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from jupyter_mlops.pipeline.serialization.memory import shared_roots
from jupyter_mlops.pipeline.serialization.pickling import Pickled, Scope, Unpickler, pickled

if TYPE_CHECKING:
    from pathlib import Path


def whole(value: Any) -> Pickled:
    """Pickle a value as a stage's component is pickled."""
    return pickled(value, Scope({}), roots=shared_roots([pickled(value, Scope({})).memory]))


def there(value: Any) -> Any:
    """Return a value as the next stage has it; reading it must be no change."""
    made = whole(value)
    found = Unpickler(
        io.BytesIO(made.data), buffers=[memoryview(bytearray(raw)) for raw in made.buffers]
    ).load()
    assert whole(found).digest == made.digest
    return found


def test_windows_and_broadcasts_stay_views() -> None:
    x = np.arange(5)
    x, windows, wide, strided = there(
        (x, sliding_window_view(x, 3), np.broadcast_to(x[:1], (3,)), as_strided(x, (2, 2), (16, 8)))
    )
    x[0] = 99
    assert windows[0, 0] == wide[2] == strided[0, 0] == 99
    assert not wide.flags.writeable


def test_parts_that_overlap_need_no_array_that_has_both() -> None:
    x = np.arange(1_000_000)
    low, high = x[:6], x[4:8]
    assert len(whole((low, high)).data) < 1000
    low, high = there((low, high))
    low[5] = 99
    assert high[1] == 99


def test_arrays_over_one_buffer_share_it() -> None:
    raw = bytearray(16)
    as_bytes, as_numbers = there((np.frombuffer(raw, "u1"), np.frombuffer(raw, "<i4")[1:]))
    as_bytes[4] = 3
    assert as_numbers[0] == 3


def test_arrays_of_objects_and_of_texts_stay_views() -> None:
    objects = np.array([[1], [2], None], dtype=object)
    objects, part = there((objects, objects[::2]))
    objects[2] = "x"
    assert part[1] == "x"
    texts = np.array(["a", "bb", "c"], dtype=np.dtypes.StringDType())
    texts, turned = there((texts, texts[::-1]))
    texts[0] = "changed"
    assert turned[2] == "changed"


def test_an_array_s_own_class_keeps_its_attributes_and_its_memory() -> None:
    plain = np.zeros(2)
    tagged = plain.view(Tagged)
    tagged.tag = "mine"
    plain, tagged = there((plain, tagged))
    plain[0] = 5
    assert (type(tagged), tagged.tag, tagged[0]) == (Tagged, "mine", 5)
    records = there(np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]))
    assert (type(records), records.b[0], records[0].a) == (np.recarray, 2.0, 1)


class Tagged(np.ndarray[Any, Any]):
    def __array_finalize__(self, found: Any) -> None:
        self.tag = getattr(found, "tag", "none")


def test_tensors_views_and_arrays_share_their_memory() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6000.0)
    made = whole((tensor, tensor.view(2, -1)[1]))
    assert [raw.nbytes for raw in made.buffers] == [24_000]
    tensor, row, array = there((tensor, tensor.view(2, -1)[1], tensor[:2].numpy()))
    tensor[3000], tensor[1] = 7, 8
    assert (row[0], array[1]) == (7, 8)
    array = np.zeros(3)
    array, tensor, every_other = there((array, torch.from_numpy(array), torch.from_numpy(array[::2])))
    tensor[2] = 5
    assert array[2] == every_other[1] == 5


def test_an_optimizer_goes_on_with_its_network() -> None:
    torch = pytest.importorskip("torch")
    network, tied = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    tied.weight = network.weight
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    network, tied, optimizer, data = there((network, tied, optimizer, network.weight.data))
    assert network.weight is tied.weight is optimizer.param_groups[0]["params"][0]
    assert torch.equal(network.weight.grad, torch.ones(2, 3))
    data.zero_()
    assert not network.weight.any()
    optimizer.step()
    assert data.any()


def test_a_tensor_that_cannot_be_passed_on_says_why() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.ones(2, requires_grad=True)
    with pytest.raises(pickle.PicklingError, match="how it was computed"):
        whole(weight * 2)
    weight.register_hook(print)
    with pytest.raises(pickle.PicklingError, match="hooks"):
        whole(weight)


def test_tensors_of_other_kinds_come_back_as_they_were() -> None:
    torch = pytest.importorskip("torch")
    kinds = [
        torch.zeros(0, 4),
        torch.ones(2, dtype=torch.bfloat16),
        torch.tensor([1 + 2j]).conj(),
        torch.nn.Buffer(torch.ones(2)),
        torch.eye(2).to_sparse(),
    ]
    for before, after in zip(kinds, there(kinds), strict=True):
        assert (type(after), repr(after)) == (type(before), repr(before))


def test_two_that_hold_one_function_are_two_components() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("def double(x: int, *, by: int = 2): return x * by", namespace)  # noqa: S102 - a cell's function is needed
    alone, held = (pickled(value, Scope(namespace)) for value in (namespace["double"], [namespace["double"]]))
    assert not set(alone.objects) & set(held.objects)


@pytest.mark.parametrize("size", [3, 200_000])
def test_an_array_that_owns_its_memory_is_what_others_look_into(size: int) -> None:
    x = np.arange(float(size)).copy()
    x, y = there((x, x[1:]))
    assert y.base is x
    assert x.view().base is x
    alone = there(np.zeros(size))
    assert alone.flags.writeable
    assert not isinstance(alone.base, np.ndarray)


def test_a_small_array_can_grow() -> None:
    x = there(np.arange(3))
    x.resize(5, refcheck=False)
    assert x.tolist() == [0, 1, 2, 0, 0]
    fixed = np.arange(3)
    fixed.flags.writeable = False
    assert not there(fixed).flags.writeable


def test_an_array_in_a_file_is_written_through(tmp_path: Path) -> None:
    x = np.memmap(tmp_path / "x", "i4", "w+", shape=(2, 3), order="F")
    x[0, 1] = 7
    found = there(x)
    found[1, 2] = 8
    found.flush()
    assert (x[0, 1], x[1, 2], found.flags.f_contiguous) == (7, 8, True)
    for part in (x[:1], np.asarray(x)):
        with pytest.raises(pickle.PicklingError, match="mapped into memory"):
            whole(part)
    assert there(x + 1).tolist() == (x + 1).tolist()


def test_weak_references_refer_to_what_comes_with_them() -> None:
    class Thing:
        pass

    thing, gone = Thing(), weakref.ref(Thing())
    by_key, by_value = weakref.WeakKeyDictionary({thing: 1}), weakref.WeakValueDictionary({1: thing})
    thing, reference, gone, by_key, by_value = there((thing, weakref.ref(thing), gone, by_key, by_value))
    assert reference() is thing is by_value[1]
    assert by_key[thing] == 1
    assert gone() is None
    with pytest.raises(pickle.PicklingError, match="callback"):
        whole(weakref.ref(thing, print))


@pytest.mark.parametrize("mode", ["r", "w", "rb", "wb"])
def test_a_closed_file_is_a_closed_file(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    with path.open(mode) as file:
        pass
    found = there(file)
    assert (found.closed, found.name, found.mode) == (True, str(path), mode)
