"""The command line, as its user meets it: one sentence for every mistake, nothing left behind; JSON; help; late imports."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.studies.grids import parse_grid
from etude.studies.options_file import read_toml
from etude.studies.spec import StudySpec, make_spec
from etude.studies.stored import read_stored
from etude.studies.study import Study

FLAGS = ("--lr", "0.01:1:4", "--seeds", "2", "--steps", "20", "--batch-size", "32", "--workers", "0")
OPTIONS = {"lr": "0.01:1:4", "seeds": 2, "steps": 20, "batch_size": 32}
CONVERGENCE = {"best_lr", "basin", "edge", "recommended_lr", "sensitivity"}
GENERALIZATION = CONVERGENCE | {"best_lr_validation", "generalization_gap", "sharpness"}

TASKS = """
import sys
import torch
import etude
from torch import nn
from torch.utils.data import TensorDataset

X = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()
Z = X.clone()
Z[3, 1] = float("nan")


def net():
    return nn.Linear(4, 2)


def task(train, model=net, **options):
    return etude.Task("mine", model, train=train, **options)


def good():
    return task((X, Y))


def dataset():
    return task(TensorDataset(X, Y))


def regression():
    return task((X, X.sum(1, keepdim=True)), lambda: nn.Linear(4, 1))


def nothing():
    return None


def fails():
    raise RuntimeError("no luck\\nat all")


def leaves():
    sys.exit(3)


def wrong_model():
    return task((X, Y), lambda: nn.Linear(5, 2))


def broken_model():
    return task((X, Y), lambda: nn.Linear(4, "two"))


def not_finite():
    return task((Z, Y))


def one_class():
    return task((X, 0 * Y))


def out_of_range():
    return task((X, Y + 1))


def negative():
    return task((X, Y - 1))


def empty():
    return task((X[:0], Y[:0]))


def unequal():
    return task((X, Y[:50]))


def shapes():
    return task((X, X[:, 0]), lambda: nn.Linear(4, 1))


def vector_loss():
    return task((X, Y), loss=nn.CrossEntropyLoss(reduction="none"))


number = 3
"""

BAD_TOML = """
lrr = "1:2:3"
seeds = "five"
hidden = "wide"
optimizer = "adamm"
task = {file = "x.py"}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of the study that FLAGS make; not to be altered."""
    folder = tmp_path_factory.mktemp("finished") / "study"
    Study("convergence", out=folder, **OPTIONS).run(workers=0)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with files that options may name."""
    monkeypatch.chdir(tmp_path)
    files = {
        "tasks.py": TASKS,
        "cannot_import.py": "import there_is_no_such_module\n",
        "syntax.py": "def f(:\n",
        "bad.toml": BAD_TOML,
        "no.toml": "lr = [1,\n",
        "a-file": "text\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for name, images in (
        ("no-idx", b"garbage that is no IDX file"),
        ("cut-short", b"\0\0\x08\x03\0\0\0\x05\0\0\0\x08\0\0\0\x08xy"),
    ):
        (tmp_path / name).mkdir()
        for split in ("train", "t10k"):
            (tmp_path / name / f"{split}-images-idx3-ubyte").write_bytes(images)
            (tmp_path / name / f"{split}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01\0")
    (tmp_path / "not-a-study").mkdir()
    (tmp_path / "not-a-study" / "thesis.tex").write_text("years of work")
    return tmp_path


def only_names_the_study(out):
    return re.fullmatch(r"(study: .*\n)?", out) is not None


REFUSED = {
    "--lr 0:1:4": "learning rates must be positive and finite, got '0:1:4': write for example 1e-4:1:24",
    "--lr=-1:1:4": "learning rates must be positive and finite, got '-1:1:4'",
    "--lr nan:1:4": "learning rates must be positive and finite, got 'nan:1:4'",
    "--lr 0.1:inf:4": "learning rates must be positive and finite, got '0.1:inf:4'",
    "--lr 1:0.1:4": "the lowest learning rate must be below the highest, got '1:0.1:4'",
    "--lr 1:1:4": "the lowest learning rate must be below the highest, got '1:1:4'",
    "--lr 0.1:1:1": "needs between 2 and 1000 learning rates, got 1 in '0.1:1:1'",
    "--lr 0.1:1:0": "needs between 2 and 1000 learning rates, got 0 in '0.1:1:0'",
    "--lr 0.1": "a grid of learning rates is LOW:HIGH:N, got '0.1': write for example 1e-4:1:24",
    "--lr 1:2:3:4": "a grid of learning rates is LOW:HIGH:N, got '1:2:3:4'",
    "--lr 1:1.0000000000001:9": "needs 9 different learning rates, got '1:1.0000000000001:9': widen the range",
    "--lr ''": "a grid of learning rates is LOW:HIGH:N, got ''",
    "--seeds 0": "needs seeds >= 1, got 0: pass a positive whole number",
    "--seeds -1": "needs seeds >= 1, got -1",
    "--seeds 100000": "needs at most 20000 runs, got 24 learning rates × 100000 seeds: lower one of them",
    "--seeds five": "invalid value for '--seeds': Input should be a valid integer, "
    "unable to parse string as an integer, got 'five'; see etude run --help",
    "--steps 0": "needs steps >= 1, got 0: pass a positive whole number",
    "--steps=-4": "needs steps >= 1, got -4",
    "--steps 10000000000": "needs at most 1000000000 steps, got 1e+10: lower steps or epochs",
    "--batch-size 0": "needs batch_size >= 1, got 0: pass a positive whole number",
    "--batch-size -3": "needs batch_size >= 1, got -3",
    "--batch-size 2000": "needs batch size <= 1437, the number of training examples, got 2000: lower it",
    "--epochs 0": "needs epochs > 0, got 0.0: pass a positive number",
    "--epochs nan": "option 'epochs' must be a finite number, got nan",
    "--epochs 1e300": "needs at most 1000000000 steps, got 2.2e+301: lower steps or epochs",
    "--steps 10 --epochs 1": "got both steps = 10 and epochs = 1.0: pass one of them",
    "--data digitz": "unknown data 'digitz': did you mean 'digits'?",
    "--data ''": ". has neither train-images-idx3-ubyte nor",
    "--data not-a-study": "not-a-study has neither train-images-idx3-ubyte nor",
    "--data no-idx": "no-idx/train-images-idx3-ubyte",
    "--data cut-short": "cut-short/train-images-idx3-ubyte",
    "--data digits --task tasks.py:good": "needs either data or a task of one's own, not both: "
    "pass --data NAME or --task FILE.py:FUNCTION",
    "--model mpl": "unknown model 'mpl': did you mean 'mlp'?",
    "--hidden wide": "hidden widths are whole numbers with commas between, got 'wide': write 128,64",
    "--hidden 0": "needs hidden widths >= 1, got (0,): pass positive whole numbers",
    "--model cnn --hidden 3": "a cnn has no hidden widths, got (3,): leave them out",
    "--activation rellu": "unknown activation 'rellu': did you mean 'relu'?",
    "--model gru --activation tanh": "a gru has its own activations, got 'tanh': leave it out",
    "--optimizer adm": "there is no optimizer 'adm': did you mean 'adam'?",
    "--optimizer adam --momentum 0.9": "adam has no momentum, got 0.9: leave it out",
    "--optimizer adam --momentum 0": "adam has no momentum, got 0.0: leave it out",
    "--optimizer adam --nesterov": "adam has no nesterov, got True: leave it out",
    "--beta1 0.9": "sgd has no beta1, got 0.9: leave it out",
    "--eps 0": "sgd has no eps, got 0.0: leave it out",
    "--momentum 1": "needs 0 <= momentum < 1, got 1.0: 0.9 is usual",
    "--momentum 0 --nesterov": "Nesterov momentum needs momentum > 0, got 0: pass --momentum 0.9",
    "--optimizer adam --beta2 1": "needs 0 <= beta2 < 1, got 1.0",
    "--weight-decay -1": "needs weight_decay >= 0, got -1.0: pass 0 to switch it off",
    "--schedule cosin": "unknown segment 'cosin' (character 1): did you mean 'cosine'?",
    "--schedule 'warmup(600) > cosine'": "the given lengths take 600 of 500 steps and leave none for 'cosine'",
    "--clip 0": "needs clip > 0, got 0.0: leave it out to train without clipping",
    "--tolerance -1": "needs tolerance >= 0, got -1.0: 0.02 means 2 %",
    "--target nan": "option 'target' must be a finite number, got nan",
    "--engine fast": "invalid value for '--engine': 'fast' is not one of 'auto', 'stack', 'loop'; see etude run --help",
    "--device tpu": "there is no device 'tpu' here (",
    "--device meta": "there is no device 'meta' here (",
    "--workers -1": "needs workers >= 0, got -1: 0 trains in this process",
    "--nosuch 3": "no such option: --nosuch",
    "--spec no-file.toml": "cannot read no-file.toml (No such file or directory): check the path given to --spec",
    "--spec not-a-study": "cannot read not-a-study (Is a directory): check the path given to --spec",
    "--spec no.toml": "no.toml is no TOML (",
    "--task no_file.py:f": "there is no file no_file.py: check the path, relative to ",
    "--task tasks.py": "a task is given as FILE.py:FUNCTION, got 'tasks.py': write for example my_task.py:task",
    "--task ''": "a task is given as FILE.py:FUNCTION, got ''",
    "--task tasks.py:goood": "tasks.py has no function goood: did you mean good?",
    "--task tasks.py:number": "number in tasks.py is of type int, not a function",
    "--task cannot_import.py:f": "cannot_import.py cannot be imported at line 1 (ModuleNotFoundError: ",
    "--task syntax.py:f": "syntax.py cannot be imported at line 1 (SyntaxError: ",
    "--task tasks.py:nothing": "nothing() of tasks.py must return an etude Task, got NoneType: return Task(...)",
    "--task tasks.py:fails": "fails() of tasks.py failed at line 39 (RuntimeError: no luck): correct it",
    "--task tasks.py:leaves": "leaves() of tasks.py failed at line 43 (SystemExit: 3): correct it",
    "--task tasks.py:wrong_model": "the model does not accept a training batch, torch.float32 of shape (64, 4)",
    "--task tasks.py:broken_model": "the model cannot be made (",
    "--task tasks.py:not_finite": "training inputs must be finite, but 1 of 320 values are NaN or infinite",
    "--task tasks.py:one_class": "all 80 training labels are 0: there is nothing to tell apart",
    "--task tasks.py:out_of_range": "the largest training label is 2 but the model has 2 outputs",
    "--task tasks.py:negative": "the smallest training label is -1: number the classes from 0",
    "--task tasks.py:empty": "train is empty: it needs at least one example",
    "--task tasks.py:unequal": "train has 100 inputs but 50 targets: each input needs exactly one target",
    "--task tasks.py:shapes": "the model's outputs have shape (64, 1) but the targets (64,)",
    "--task tasks.py:vector_loss": "the loss must return a scalar tensor, got a tensor of shape (64,)",
    "--task tasks.py:good --model cnn": "a task of one's own brings its model: leave model, hidden and activation out",
    "--task tasks.py:good --batch-size 81": "needs batch size <= 80, the number of training examples, got 81",
}


@pytest.mark.parametrize("options", REFUSED)
def test_a_mistake_gets_one_sentence_and_leaves_nothing_behind(place, etude_says, options):
    before = sorted(place.rglob("*"))
    code, out, err = etude_says("run", "convergence", *shlex.split(options))
    assert code == 2
    assert only_names_the_study(out)
    assert len(err.splitlines()) == 1, err
    assert err.startswith(f"etude: {REFUSED[options]}"), err
    assert [path for path in sorted(place.rglob("*")) if "__pycache__" not in path.parts] == before


def test_several_mistakes_in_a_file_are_told_together(place, etude_says):
    code, _, err = etude_says("run", "convergence", "--spec", "bad.toml")
    assert code == 2
    assert len(err.splitlines()) == 1
    for part in (
        "'lrr': did you mean 'lr'?",
        "'seeds'",
        "got 'five'",
        "'hidden'",
        "there is no optimizer 'adamm': did you mean 'adam'?",
        "'task'",
    ):
        assert part in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "missing argument 'ETUDE'; see etude run --help"),
        (["runn"], "no such command 'runn'. Did you mean 'run'?"),
        (["run", "convergense"], "there is no étude 'convergense': did you mean 'convergence'?"),
        (["run", "tuning"], "there is no étude 'tuning': there are descent, convergence, generalization"),
        (["run", "convergence", "--out", "a-file"], "a-file cannot be the study's folder (File exists)"),
        (["run", "convergence", "--out", "a-file/x"], "a-file/x cannot be the study's folder (Not a directory)"),
        (
            ["run", "convergence", "--out", "not-a-study"],
            "not-a-study is not a study: it holds thesis.tex and no study.db",
        ),
        (["show"], "missing argument 'DIR'; see etude show --help"),
        (["show", "nowhere"], "nowhere is not a study: it holds no study.db; pass the folder that --out named"),
        (["show", "not-a-study"], "not-a-study is not a study"),
        (["show", "a-file"], "a-file is not a study"),
        (["report", "nowhere"], "nowhere is not a study"),
        (["report", "not-a-study"], "not-a-study is not a study"),
    ],
)
def test_a_wrong_name_or_folder_gets_one_sentence(place, etude_says, words, sentence):
    before = sorted(place.rglob("*"))
    code, out, err = etude_says(*words)
    assert code == 2
    assert only_names_the_study(out)
    assert len(err.splitlines()) == 1
    assert err.startswith(f"etude: {sentence}")
    assert sorted(place.rglob("*")) == before


def test_a_name_too_long_for_a_folder_is_told_like_any_other(place, etude_says):
    for words in (["show", "x" * 300], ["run", "convergence", "--out", "x" * 300]):
        code, out, err = etude_says(*words)
        assert code in (1, 2)
        assert only_names_the_study(out)
        assert len(err.splitlines()) == 1
        assert "File name too long" in err


def test_without_words_there_is_help(etude_says):
    code, out, err = etude_says()
    assert code == 2
    assert err == ""
    assert "Usage: etude" in out


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["show", "--help"], ["report", "--help"], ["list", "--help"]]
)
def test_every_command_has_help(etude_says, words):
    code, out, err = etude_says(*words)
    assert (code, err) == (0, "")
    assert "Usage: etude" in out


def test_the_etudes_are_listed_with_their_questions(etude_says):
    code, out, err = etude_says("list")
    assert (code, err) == (0, "")
    names = "descent convergence generalization decay adaptive warmup updates gradients find clinic"
    assert " ".join(line.split()[0] for line in out.splitlines()) == names
    assert all(line.endswith("?") for line in out.splitlines())


@pytest.mark.parametrize(("etude", "names"), [("convergence", CONVERGENCE), ("generalization", GENERALIZATION)])
def test_json_is_all_there_is_on_stdout_and_show_says_the_same(tmp_path, etude_says, etude, names):
    folder = tmp_path / "study"
    code, out, err = etude_says("run", etude, *FLAGS, "--out", folder, "--json")
    assert code == 0
    said = json.loads(out)
    assert said["study"] == etude
    assert {finding["name"] for finding in said["findings"]} >= names
    for finding in said["findings"]:
        assert set(finding) >= {"name", "question", "verdict", "statement", "estimate", "interval", "unit"}
    assert f"study: {folder}" in err
    assert etude_says("show", folder, "--json") == (0, out, "")
    assert etude_says("show", folder)[0] == 0
    for language, word in (("en", "learning rate"), ("zh", "学习率")):
        assert word in etude_says("show", folder, "--language", language)[1]
    assert etude_says("report", folder) == (0, f"{folder / 'report.html'}\n", "")


def test_a_study_goes_on_only_with_its_own_options(finished, etude_says):
    folder = finished
    assert etude_says("run", "convergence", *FLAGS, "--out", folder)[0] == 0
    words = shlex.join(FLAGS).replace("--steps 20", "--steps 21").split()
    code, _, err = etude_says("run", "convergence", *words, "--out", folder)
    assert code == 2
    assert err == (
        f"etude: the study in {folder} was begun with other options (steps was 20, now 21): "
        "choose another --out, or give the same options to go on with it\n"
    )
    code, _, err = etude_says("run", "convergence", *FLAGS, "--engine", "loop", "--out", folder)
    assert code == 2
    assert "was begun with --engine stack, whose last bits differ from loop's" in err


def test_an_unfinished_study_names_the_command_that_finishes_it(tmp_path, etude_says, monkeypatch):
    from etude.core.errors import Interrupted
    from etude.studies import conductor

    def stop(*arguments):
        raise Interrupted("stopped", 15)

    folder = tmp_path / "study"
    with monkeypatch.context() as patch:
        patch.setattr(conductor.Conductor, "train", stop)
        code, _, err = etude_says("run", "convergence", *FLAGS, "--out", folder)
    assert code == 143
    assert err.count("\n") == 1
    for command in ("show", "report"):
        code, out, err = etude_says(command, folder)
        assert (code, out) == (2, "")
        assert err.startswith(
            f"etude: the study in {folder} is not finished (0 of 8 runs are done): go on with etude run "
        )
    going_on = shlex.split(err.partition("go on with ")[2])
    assert etude_says(*going_on[1:], "--workers", "0")[0] == 0
    assert etude_says("show", folder)[0] == 0


def test_ctrl_c_outside_the_training_is_no_traceback(tmp_path, etude_says, monkeypatch):
    from etude.studies.study import Answer

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Answer, "write_report", interrupted)
        code, _, err = etude_says("run", "convergence", *FLAGS, "--out", tmp_path / "s")
    assert code == 130
    assert err == "etude: stopped by Ctrl-C: the same command starts again, or goes on with what is saved\n"
    assert etude_says("run", "convergence", *FLAGS, "--out", tmp_path / "s")[0] == 0


def test_a_reader_that_closes_the_pipe_is_no_accident(finished):
    for options in ("", "--json"):
        line = f"{sys.executable} -m etude show {shlex.quote(str(finished))} {options} | head -c 1"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert len(done.stdout) == 1
        assert done.stderr == ""


def test_a_file_of_options_and_flags_combine_and_flags_win(place, etude_says, monkeypatch):
    (place / "study.toml").write_text('lr = "0.01:1:4"\nseeds = 2\nsteps = 20\nbatch_size = 32\nhidden = [8, 4]\n')
    folder = place / "study"
    assert (
        etude_says("run", "convergence", "--spec", "study.toml", "--steps", "10", "--workers", "0", "--out", folder)[0]
        == 0
    )
    spec = read_stored(folder).spec
    assert (spec.lr, spec.seeds, spec.steps, spec.batch_size, spec.hidden) == ("0.01:1:4", 2, 10, 32, (8, 4))
    assert spec.data == "digits"


@pytest.mark.parametrize("name", ["good", "dataset", "regression"])
def test_a_task_of_ones_own_runs_to_its_report(place, etude_says, name):
    folder = place / "study"
    words = ("run", "convergence", "--task", f"tasks.py:{name}", *FLAGS[:-4], "--batch-size", "16", "--workers", "0")
    code, out, _ = etude_says(*words, "--out", folder)
    assert code == 0
    assert "Report" in out
    assert read_stored(folder).spec.task == f"tasks.py:{name}"
    assert (folder / "report.html").stat().st_size < 7 * 2**20
    (place / "tasks.py").write_text(TASKS.replace("manual_seed(0)", "manual_seed(1)"))
    code, _, err = etude_says(*words, "--out", folder)
    assert code == 2
    assert "fingerprint of data, model and loss was " in err


BLOCK_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("no torch here")
sys.meta_path.insert(0, NoTorch())
sys.argv = ["etude", *sys.argv[1:]]
from etude.cli import main
main()
"""


def test_a_finished_study_is_shown_and_reported_without_torch(finished, tmp_path, etude_says):
    folder = shutil.copytree(finished, tmp_path / "study")
    right, report = etude_says("show", folder, "--json")[1], (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    for words, said in ((["show", folder, "--json"], right), (["report", folder], f"{folder / 'report.html'}\n")):
        done = subprocess.run([sys.executable, "-c", BLOCK_TORCH, *words], capture_output=True, text=True)
        assert done.stderr == ""
        assert done.stdout == said
    assert (folder / "report.html").read_bytes() == report


def test_the_command_line_imports_nothing_heavy_until_it_must():
    code = "import sys, etude.cli; print([m for m in ('torch', 'numpy', 'scipy', 'pydantic', 'plotly') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.lists(st.integers(-2, 200), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=1),
)  # fmt: skip
LIKELY = {
    "etude": st.just("convergence"),
    "data": st.sampled_from(["digits", "mnist", ""]),
    "task": st.sampled_from(["file.py:function", "name"]),
    "model": st.sampled_from(["mlp", "cnn", "gru"]),
    "hidden": st.lists(st.integers(-1, 300), max_size=3),
    "lr": st.sampled_from(["1e-4:1:24", "0.1:1:2", "1:0.1:3", "0:1:2"]),
    "seeds": st.integers(-1, 10**6),
    "steps": st.integers(-1, 10**12),
    "epochs": st.floats(-1, 1e9),
    "batch_size": st.integers(-1, 5000),
    "optimizer": st.sampled_from(["sgd", "adam", "adamw", "lion"]),
    "momentum": st.floats(-0.1, 1.1),
    "nesterov": st.booleans(),
    "weight_decay": st.floats(-0.1, 1.1),
    "clip": st.floats(-1, 2),
    "tolerance": st.floats(-1, 1),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries({}, optional={n: st.one_of(s, s, s, ANYTHING) for n, s in LIKELY.items()} | {"lrr": ANYTHING})
)
def test_options_are_a_study_or_a_spec_error(options):
    try:
        spec = make_spec(options)
    except SpecError:
        return
    assert make_spec(json.loads(json.dumps(spec.stored()))) == spec
    assert len(spec.lrs) * spec.seeds <= 20_000


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=20),
        st.tuples(st.floats(), st.floats(), st.integers(-3, 2000)).map(lambda p: f"{p[0]}:{p[1]}:{p[2]}"),
        st.text("0123456789.:e-+_naif ", max_size=15),
    )
)
def test_a_grid_is_ascending_and_positive_or_a_spec_error(text):
    try:
        lrs = parse_grid(text)
    except SpecError:
        return
    assert len(lrs) >= 2
    assert all(0 < low < high < float("inf") for low, high in pairwise(lrs))


SPECS = [
    {"data": "digits"},
    {"data": "digits", "lr": "1e-3:3:7", "seeds": 2, "epochs": 1.5, "batch_size": 16, "momentum": 0.0, "clip": 1.0},
    {"data": "digits", "hidden": (64, 32), "activation": "tanh", "nesterov": True, "schedule": "warmup(5%) > cosine"},
    {
        "data": "my data/of digits",
        "model": "cnn-bn",
        "optimizer": "adamw",
        "beta1": 0.8,
        "eps": 1e-6,
        "weight_decay": 0.0,
    },
    {"task": "my file.py:make", "steps": 17, "tolerance": 0.0, "target": -0.5},
]


@pytest.mark.parametrize("options", SPECS)
def test_the_command_in_the_report_makes_the_same_study(tmp_path, etude_says, monkeypatch, options):
    from etude.studies import study

    made = []
    monkeypatch.setattr(study.Study, "run", lambda self, **_: made.append(self) or study.Answer(self.folder))
    monkeypatch.setattr("etude.cli.study.print_answer", lambda *_, **__: None)
    spec = make_spec({"etude": "convergence"} | options)
    words = shlex.split(spec.command(tmp_path / "a folder"))
    assert words[0] == "etude"
    assert etude_says(*words[1:])[0] == 0
    assert made[0].spec == spec
    assert made[0].folder == tmp_path / "a folder"


def test_a_task_made_in_python_is_made_again_in_python(tmp_path):
    spec = StudySpec(etude="convergence", task="my task", seeds=2, optimizer="adam", beta1=0.8)
    assert spec.command(tmp_path) == (
        f"etude.Study('convergence', task=task, seeds=2, optimizer='adam', beta1=0.8, out='{tmp_path}').run()"
    )


def test_toml_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('seeds = 3\nlr = "0.1:1:2"\n')
    assert read_toml(path) == {"seeds": 3, "lr": "0.1:1:2"}
