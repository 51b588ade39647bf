"""Tensors of a file that `torch.save` wrote before version 1.6, read without running anything.

Such a file is five pickles and then the bytes of every storage: a magic number, the protocol, the
machine's sizes, the names and tensors, and the storages' keys in the order of their bytes. The
pickles are taken apart operation by operation (the standard library's `pickletools` lists them,
and calls nothing); what is not an operation of plain tensors in a dictionary is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.errors import FetchError

MAGIC = 0x1950A86A20F9469CFC6C
PICKLES = 5
DTYPES = {
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
}
DICTIONARY = "collections OrderedDict"
TENSOR = "torch._utils _rebuild_tensor_v2"
NAMES = {*DTYPES, DICTIONARY, TENSOR}
"""All that a file may name; each is a text here, and none is looked up."""

VALUES = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
}
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Refused(ValueError):
    """What is in the file is not plain tensors."""


class _Mark:
    """Where a tuple or the items of a dictionary begin on the stack."""


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage, in elements."""

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass
class _Machine:
    """The stack and memory that a pickle's operations work on."""

    stack: list[Any] = field(default_factory=list)
    memory: dict[int, Any] = field(default_factory=dict)

    def take(self, name: str, argument: Any) -> None:
        """One operation."""
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in TUPLES:
            self.stack.append(tuple(reversed([self.stack.pop() for _ in range(TUPLES[name])])))
        elif name not in _OPERATIONS:
            raise _Refused(f"the operation {name}")
        else:
            _OPERATIONS[name](self, argument)

    def marked(self) -> list[Any]:
        """All above the last mark, taken off with it."""
        at = max(i for i, value in enumerate(self.stack) if isinstance(value, _Mark))
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return values


def _push_name(machine: _Machine, argument: str) -> None:
    if argument not in NAMES:
        raise _Refused(f"the name {argument}")
    machine.stack.append(argument)


def _reduce(machine: _Machine, _argument: None) -> None:
    """A dictionary, or a view of a storage: nothing else may be made."""
    arguments, name = machine.stack.pop(), machine.stack.pop()
    if name == DICTIONARY and arguments == ():
        machine.stack.append({})
    elif name == TENSOR:
        (storage, dtype), offset, shape, strides = arguments[:4]
        machine.stack.append(_Tensor(storage, dtype, offset, tuple(shape), tuple(strides)))
    else:
        raise _Refused(f"a call of {name}")


def _push_storage(machine: _Machine, _argument: None) -> None:
    kind, dtype, key = machine.stack.pop()[:3]
    if kind != "storage" or dtype not in DTYPES:
        raise _Refused(f"a {kind} of {dtype}")
    machine.stack.append((key, DTYPES[dtype]))


def _set_items(machine: _Machine, _argument: None) -> None:
    values = machine.marked()
    machine.stack[-1].update(zip(values[::2], values[1::2], strict=True))


def _set_item(machine: _Machine, _argument: None) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.stack[-1][key] = value


def _append_all(machine: _Machine, _argument: None) -> None:
    values = machine.marked()
    machine.stack[-1].extend(values)


def _remember(machine: _Machine, place: int) -> None:
    machine.memory[place] = machine.stack[-1]


_OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, argument: None,
    "STOP": lambda machine, argument: None,
    "MARK": lambda machine, argument: machine.stack.append(_Mark()),
    "TUPLE": lambda machine, argument: machine.stack.append(tuple(machine.marked())),
    "EMPTY_DICT": lambda machine, argument: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, argument: machine.stack.append([]),
    "BINPUT": _remember,
    "LONG_BINPUT": _remember,
    "BINGET": lambda machine, place: machine.stack.append(machine.memory[place]),
    "LONG_BINGET": lambda machine, place: machine.stack.append(machine.memory[place]),
    "GLOBAL": _push_name,
    "REDUCE": _reduce,
    "BINPERSID": _push_storage,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPENDS": _append_all,
    # What an object is given beside its items: of a state_dict, the versions of its modules.
    "BUILD": lambda machine, argument: machine.stack.pop(),
}


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a saved state_dict by name, as they were when it was written.

    Raises FetchError where the file is anything else.
    """
    try:
        file = BytesIO(path.read_bytes())
        magic, _, _, tensors, keys = (_unpacked(file) for _ in range(PICKLES))
        if magic != MAGIC or not isinstance(tensors, dict):
            raise _Refused("no magic number, or no dictionary")
        storages = dict(_storages(file, keys, tensors))
        return {str(name): _view(storages, tensor) for name, tensor in tensors.items()}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise FetchError(
            "The weights are not plain tensors in the format of torch.save before version 1.6.",
            place=str(path),
            expected="a dictionary of names and tensors",
            found=str(error) or type(error).__name__,
            remedy="Remove the folder `partial` of Journeyman's home, and fetch again.",
        ) from error


def _unpacked(file: BytesIO) -> Any:
    machine = _Machine()
    for operation, argument, _ in pickletools.genops(file):
        machine.take(operation.name, argument)
    return machine.stack.pop()


def _storages(
    file: BytesIO, keys: list[str], tensors: dict[str, _Tensor]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each key and its values: how many they are stands before their bytes."""
    dtypes = {tensor.storage: np.dtype(tensor.dtype) for tensor in tensors.values()}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        size = count * dtypes[key].itemsize
        content = file.read(size)
        if len(content) != size:
            raise _Refused(f"a file that ends within storage {key}")
        yield key, np.frombuffer(content, dtypes[key])


def _view(storages: dict[str, NDArray[Any]], tensor: _Tensor) -> NDArray[Any]:
    values = storages[tensor.storage][tensor.offset :]
    furthest = sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if min((*tensor.shape, *tensor.strides, tensor.offset, 0)) < 0 or furthest >= len(values):
        raise _Refused("a tensor that is larger than its storage")
    strides = [stride * values.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(values, tensor.shape, strides)
    return np.ascontiguousarray(view).reshape(tensor.shape)
