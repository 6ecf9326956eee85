"""Which class a global belongs to; and the names of real, harmless checkpoints."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sandbox.facts import Verdict
from sandbox.judge import judge
from tests.conftest import ROOT
from tests.judge.rows import CLEAN, RULES, absent, static, use


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("posix.system", "dangerous"),
        ("nt.system", "dangerous"),
        ("__builtin__.eval", "dangerous"),
        ("builtins.exec", "dangerous"),
        ("cPickle.loads", "dangerous"),
        ("torch.hub.load", "dangerous"),
        ("torch.load", "dangerous"),
        ("torch._inductor.codecache.compile_file", "dangerous"),
        ("torch.nn.modules.module.os.system", "dangerous"),
        ("collections.abc.sys.modules.get", "dangerous"),
        ("_collections_abc.sys", "dangerous"),
        ("torch.os.PathLike", "constructor"),
        ("numpy.testing._private.utils.runstring", "dangerous"),
        ("numpy._core.records.fromfile", "dangerous"),
        ("pandas.io.pickle.read_pickle", "dangerous"),
        ("pandas.read_pickle", "dangerous"),
        ("pandas.DataFrame", "constructor"),
        ("pandas.arrays.StringArray", "constructor"),
        ("pandas.HDFStore", "dangerous"),
        ("pandas.ExcelFile", "dangerous"),
        ("numpy.ma.MaskedArray", "constructor"),
        ("joblib.load", "dangerous"),
        ("pathlib.Path.write_text", "dangerous"),
        ("some.vendored.gevent.subprocess.Popen", "dangerous"),
        ("a.b.ProxyCommand", "dangerous"),
        ("uuid._get_command_stdout", "dangerous"),
        ("types.CodeType", "dangerous"),
        ("cloudpickle.cloudpickle_fast._make_function", "code"),
        ("__builtin__.getattr", "resolver"),
        ("operator.methodcaller", "applier"),
        ("copy_reg._reconstructor", "rebuilder"),
        ("functools.partial", "binder"),
        ("pathlib.PosixPath", "constructor"),
        ("pathlib._local.PosixPath", "constructor"),
        ("joblib.numpy_pickle.NumpyArrayWrapper", "constructor"),
        ("torch.BFloat16Storage", "constructor"),
        ("torch.nn.modules.linear.Linear", "type"),
        ("__torch__.models.Net", "type"),
        ("__torch__.torch.nn.modules.container.___torch_mangle_2.Sequential", "type"),
        ("__torch__.posix.system", "dangerous"),
        ("torch.nn.modules.linear.warnings", "unknown"),
        ("torch.nn.functional.relu", "function"),
        ("torch.torch_version.TorchVersion", "constructor"),
        ("torch.utils.data.dataloader.DataLoader", "type"),
        ("torch.utils.data.dataloader._SingleProcessDataLoaderIter", "dangerous"),
        ("random._os.system", "dangerous"),
        ("logging.io.open", "dangerous"),
        ("numpy.random._pickle.__randomstate_ctor", "rebuilder"),
        ("argparse.FileType", "dangerous"),
        ("argparse.ArgumentParser", "type"),
        ("types.GenericAlias", "binder"),
        ("signal.SIGTERM", "constructor"),
        ("signal.signal", "dangerous"),
        ("socket.AF_INET", "constructor"),
        ("decimal.Overflow", "constructor"),
        ("numpy.linalg.LinAlgError", "constructor"),
        ("torch._C.Generator", "constructor"),
        ("torch.utils.data._utils.collate.default_collate", "function"),
        ("dill._dill._load_type", "code"),
        ("dill._dill.loads", "dangerous"),
        ("torch.fx.graph_module.reduce_graph_module", "code"),
        ("spacy.vocab.unpickle_vocab", "code"),
        ("sympy.core.numbers.Integer", "constructor"),
        ("sympy.core.sympify.sympify", "dangerous"),
        ("torch._utils._import_dotted_name", "dangerous"),
        ("torch._vendor.quack._compile_worker._recv", "dangerous"),
        ("torch.cuda._memory_viz.format_flamegraph", "dangerous"),
        ("optparse.Values.read_file", "dangerous"),
        ("numpy._core.memmap.memmap", "dangerous"),
        ("pysftp.Connection", "dangerous"),
        ("win32com.client.Dispatch", "dangerous"),
        ("lupa.LuaRuntime", "dangerous"),
        ("pyspark.SparkContext", "dangerous"),
        ("faiss.read_index", "dangerous"),
        ("keras.src.saving.saving_api.load_model", "dangerous"),
        ("numpy.polynomial.polyutils._gridnd", "unknown"),
        ("numpy._core._ufunc_reconstruct", "resolver"),
        ("weakref.ref", "applier"),
        ("torch.nn.utils.stateless.functional_call", "applier"),
        ("numpy._core.multiarray.scalar", "constructor"),
        ("scipy.sparse._csr.csr_matrix", "constructor"),
        ("scipy.sparse._matrix_io.save_npz", "unknown"),
        ("scipy.sparse.linalg.test", "dangerous"),
        ("models.yolo.Model", "type"),
        ("torch.storage.UntypedStorage.from_file", "dangerous"),
        ("torch.nn.HalfStorage._new_using_filename_cpu", "dangerous"),
        ("statistics.urlopen.eval", "dangerous"),
        ("torch.Tensor.zero_", "unknown"),
        ("pkg.UntypedStorage.from_file", "unknown"),
        ("model.Net", "unknown"),
        ("__main__.Net", "unknown"),
        ("pkg.f.__globals__.get", "inside"),
        ("", "unknown"),
        (".", "unknown"),
    ],
)
def test_class(name: str, cls: str) -> None:
    assert RULES.names.named(name).cls == cls


# How checkpoints made by others use their globals: (name, use, arguments of the first use, count).
ORDINARY = [
    ("collections.OrderedDict", "reduce", "()", 3768),
    ("torch._utils._rebuild_tensor_v2", "reduce", "(<storage>, 0, (16, 3), (3, 1), False, ...)", 2106),
    ("torch._utils._rebuild_parameter", "reduce", "(<tensorview>, True, ...)", 78),
    ("torch._utils._rebuild_qtensor", "reduce", "(...)", 52),
    ("torch.FloatStorage", "reference", "", 1),
    ("torch.per_tensor_affine", "reference", "", 1),
    ("__builtin__.set", "reduce", "([],)", 83),
    ("__builtin__.dict", "reference", "", 1),
    ("_codecs.encode", "reduce", "('x', 'latin1')", 20),
    ("builtins.slice", "reduce", "(0, 2, 1)", 2),
    ("chemprop.nn.utils.Activation", "reduce", "('relu',)", 1),
    ("chemprop.nn.metrics.MSE", "newobj", "('MSE(task_weights=[[1.0]])',)", 1),
    ("collections.Counter", "reduce", "({},)", 2),
    ("collections.defaultdict", "reduce", "(__builtin__.dict,)", 1),
    ("functools.partial", "reduce", "(torch.nn.init.constant_,)", 2),
    ("torch.nn.init.constant_", "reference", "", 1),
    ("torch.nn.functional.silu", "reference", "", 1),
    ("torch.torch_version.TorchVersion", "newobj", "('2.13.0+cpu',)", 1),
    ("numpy.log1p", "reference", "", 1),
    ("numpy.random._pickle.__generator_ctor", "reduce", "(numpy.random._pickle.__bit_generator_ctor(...),)", 1),
    ("numpy.random._pickle.__bit_generator_ctor", "reduce", "(numpy.random._pcg64.PCG64,)", 1),
    ("numpy.random.bit_generator.__pyx_unpickle_SeedSequence", "reduce", "(numpy.random.bit_generator.X, 1, None)", 1),
    ("builtins.getattr", "reduce", "(torch._C._VariableFunctionsClass, 'tanh')", 1),
    ("schnetpack.nn.activations.shifted_softplus", "reference", "", 1),
    ("numpy.core.multiarray._reconstruct", "reduce", "(numpy.ndarray, (0,), b'b')", 235),
    ("numpy._core.numeric._frombuffer", "reduce", "(b'', numpy.dtype(...), (2,), 'C')", 1),
    ("numpy.core.multiarray.scalar", "reduce", "(numpy.dtype('f8',), b'')", 5),
    ("numpy.dtype", "reduce", "('f4', False, True)", 26),
    ("numpy.float64", "reference", "", 1),
    ("pandas._libs.internals._unpickle_block", "reduce", "(...)", 2),
    ("pandas.core.frame.DataFrame", "newobj", "()", 1),
    ("pandas.core.indexes.base._new_Index", "reduce", "(pandas.core.indexes.base.Index, {})", 2),
    ("pandas.core.indexes.range.RangeIndex", "reference", "", 1),
    ("pandas.core.internals.managers.BlockManager", "reduce", "((...), [])", 1),
    ("sklearn.tree._tree.Tree", "reduce", "(2352, ..., 10)", 10),
    ("sklearn.tree.tree.DecisionTreeClassifier", "newobj", "()", 11),
    ("sklearn.svm._classes.SVC", "newobj", "()", 3),
    ("torch.device", "reduce", "('cpu',)", 1),
    ("torch.nn.backends.thnn._get_thnn_function_backend", "reduce", "()", 3),
    ("torch.nn.parameter.Parameter", "reduce", "(<tensorview>,)", 63),
    ("torch.nn.modules.conv.Conv2d", "newobj", "()", 19),
    ("torch.nn.modules.container.Sequential", "persistent", "", 3),
    ("torch.storage._load_from_bytes", "reduce", "(b'...',)", 3),
    ("torch.optim.sgd.SGD", "newobj", "()", 1),
    ("argparse.Namespace", "newobj", "()", 2),
    ("gym.spaces.box.Box", "newobj", "()", 1),
    ("joblib.numpy_pickle.NumpyArrayWrapper", "newobj", "()", 4),
    ("lightning.pytorch.utilities.parsing.AttributeDict", "newobj", "()", 5),
    ("a2c_ppo_acktr.model.Policy", "newobj", "()", 1),
    ("a2c_ppo_acktr.model.Policy", "build", "", 1),
    ("vdsr.Net", "newobj", "()", 1),
    ("model.AddBias", "persistent", "", 1),
    ("running_stat.ObsNorm", "newobj", "()", 1),
    ("onmt.Optim.Optim", "newobj", "()", 1),
    ("torchtext.vocab.Vocab", "newobj", "()", 2),
    ("matgl.data.transformer.Normalizer", "newobj", "()", 1),
]


# Their initialisers evaluate text, download, run a test suite or write a file: no honest pickle calls them.
CALLED = [
    ("models.yolo.Model", "({'backbone': [[-1, 1, ...]]},)"),
    ("models.common.DetectMultiBackend", "('https://example.invalid/x.pt',)"),
    ("scipy.sparse._matrix_io.save_npz", "('/home/user/x', scipy.sparse._csr.csr_matrix(...))"),
    ("torch.nn.utils.stateless.functional_call", "(torch.nn.modules.linear.Identity(), {}, (...))"),
]


@pytest.mark.parametrize(("name", "arguments"), CALLED)
def test_what_acts_on_its_arguments_is_not_harmless_to_call(name: str, arguments: str) -> None:
    assert judge(static(globals=(use(name, "reduce", arguments),)), RULES).verdict is Verdict.SUSPICIOUS


QUIET = "with objects of unknown or absent classes, and nothing of it ran code here"


@pytest.mark.parametrize("row", ORDINARY, ids=lambda row: f"{row[0]}-{row[1]}")
def test_real_files_are_clean(row: tuple[str, str, str, int]) -> None:
    name, how, arguments, count = row
    assert judge(static(globals=(use(name, how, arguments, count=count),)), RULES).verdict is Verdict.CLEAN


def test_a_whole_real_file_is_clean_and_its_absent_classes_are_listed() -> None:
    found = tuple(use(name, how, arguments, count=count) for name, how, arguments, count in ORDINARY)
    evidence = replace(static(globals=found), dynamic=absent("vdsr.Net", "model.AddBias").dynamic)
    judgement = judge(evidence, RULES)
    assert judgement.verdict is Verdict.CLEAN
    assert judgement.summary == f"Ordinary checkpoint: 3 tensors, {QUIET}."
    assert any("(model, vdsr)" in line for line in judgement.not_examined)


def test_a_gadget_is_one_though_its_package_is_absent() -> None:
    evidence = static(globals=(use("transformers.utils.hub.cached_file", arguments="('x',)"),))
    absent_too = replace(evidence, dynamic=absent("transformers.utils.hub.cached_file").dynamic)
    assert judge(absent_too, RULES).verdict is Verdict.MALICIOUS
    assert judge(CLEAN, RULES).verdict is Verdict.CLEAN


def test_whatever_is_in_the_jail_is_surveyed() -> None:
    """A package that comes with torch is on the victim's machine too: a name of it that nobody knows is no accident."""
    lock = (ROOT / "images" / "requirements.lock").read_text(encoding="utf-8")
    packages = {name.replace("-", "_") for name in re.findall(r"^([\w-]+)==", lock, re.MULTILINE)}
    assert "torch" in packages
    known = RULES.names
    assert {name for name in packages if not known.is_surveyed(f"{name}.f")} == set()
