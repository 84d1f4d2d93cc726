from __future__ import annotations

import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hashmatch
from commands import environment
from hashmatch import HashList, Matcher, SettingsError
from hashmatch.examine.sandbox import AnyPool, ThreadPool
from hashmatch.scan import make_pool, scan
from pictures import encode, photo


def run_python(code: str) -> str:
    """Run code in a fresh interpreter, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    return done.stdout


def test_public_names_are_what_can_be_imported() -> None:
    """``__all__``, ``dir()`` and the package's exports are the same sorted names."""
    assert hashmatch.__all__ == sorted(hashmatch.__all__)
    assert dir(hashmatch) == hashmatch.__all__
    assert set(hashmatch.__all__) == {*hashmatch._HOMES, "__version__"}
    assert len(hashmatch.__all__) < 25
    for name in hashmatch.__all__:
        home = getattr(hashmatch, name)
        assert home is not None
        if hasattr(home, "__module__"):
            assert home.__module__.startswith("hashmatch.")
    everything: dict[str, object] = {}
    exec("from hashmatch import *", everything)
    assert set(hashmatch.__all__) <= set(everything)


def test_no_public_name_is_that_of_a_module() -> None:
    """No module has a public name: importing it would replace what the name means."""
    modules = {module.name for module in pkgutil.iter_modules(hashmatch.__path__)}
    assert "match" in modules
    assert not modules & set(hashmatch.__all__)


def test_unknown_names_are_attribute_errors() -> None:
    """A name that is not public fails as on any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Matchers'"):
        _ = hashmatch.Matchers
    with pytest.raises(ImportError):
        exec("from hashmatch import lookup_of_nothing")


def test_import_takes_nothing_heavy_along() -> None:
    """Importing hashmatch, its errors and values loads neither NumPy nor Pillow nor Typer."""
    loaded = run_python(
        "import sys, hashmatch; hashmatch.Verdict, hashmatch.HashListError, hashmatch.Limits\n"
        "print({'numpy', 'PIL', 'imagehash', 'typer'} & set(sys.modules))"
    )
    assert loaded.strip() == "set()"


def test_command_line_is_parsed_without_numpy() -> None:
    """``--help`` and ``--version`` load neither NumPy nor Pillow."""
    loaded = run_python(
        "import sys; from hashmatch.cli.main import run; run(['scan', '--help'])\n"
        "print({'numpy', 'PIL', 'imagehash'} & set(sys.modules))"
    )
    assert loaded.splitlines()[-1] == "set()"


def test_layers_import_downwards_only() -> None:
    """Each layer imports only layers below it, and only decode imports Pillow."""
    program = Path(sys.executable).with_name("lint-imports")
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [program, "--no-cache"],
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_examples_of_the_package_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples in the package's documentation work unchanged."""
    root = Path(__file__).resolve().parent.parent / "fixtures"
    originals = sorted((root / "benign_images/originals").iterdir())
    upload = (root / "benign_images/variants/harbour-half-size.jpg").read_bytes()
    held: list[tuple[str, int]] = []
    (tmp_path / "hashes.txt").write_bytes((root / "hashes.txt").read_bytes())
    (tmp_path / "pictures").mkdir()
    for name, path in zip(("a.jpg", "b.jpg"), originals, strict=False):
        (tmp_path / name).write_bytes(path.read_bytes())
    for number in range(20):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(encode(photo(number, 64, 48), "PNG"))
    monkeypatch.chdir(tmp_path)
    lines = [line[4:] for line in (hashmatch.__doc__ or "").splitlines() if line[:4] == "    "]
    names = {"upload": upload, "hold": lambda *found: held.append(found)}
    exec("\n".join(lines), names)
    assert held == [("synthetic-0001", 0)]
    assert names["distance"] > 8
    assert len(names["evaluation"].pictures.names) == 20


@pytest.mark.parametrize("error", [hashmatch.HashListError, hashmatch.SettingsError])
def test_errors_are_one_family_and_name_the_place(error: type[hashmatch.HashmatchError]) -> None:
    """An error says where it happened, and can be caught with its whole family."""
    with pytest.raises(hashmatch.HashmatchError) as caught:
        raise error("it is wrong", path="list.txt", line=7)
    assert str(caught.value) == "list.txt:7: it is wrong"
    assert isinstance(caught.value, ValueError)
    assert str(error("it is wrong")) == "it is wrong"


def test_nothing_that_holds_a_list_is_pickled() -> None:
    """Lists and matchers cannot be pickled: a hash list never leaves its process by accident."""
    hash_list = hashmatch.HashList.loads("# algorithm: phash\nca9a11fe0123bead one\n")
    matcher = hashmatch.Matcher(hash_list)
    for secret in (hash_list, matcher):
        with pytest.raises(TypeError):
            pickle.dumps(secret)


def test_mistakes_of_callers_are_told(tmp_path: Path) -> None:
    """A path in place of a list, no workers, or one path in place of several is an error."""
    hash_list = HashList.loads("# algorithm: phash\n0123456789abcdef far\n")
    with pytest.raises(SettingsError, match=r"HashList\.load"):
        Matcher("hashes.txt")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="at least 1 worker"):
        Matcher(hash_list, isolate=True, workers=0)
    for make in (make_pool, ThreadPool):
        with pytest.raises(SettingsError, match="at least 1 worker"):
            make(0)
    with make_pool(1) as pool, pytest.raises(SettingsError, match="in a list"):
        list(scan(str(tmp_path), Matcher(hash_list), pool))


@pytest.mark.parametrize("make", [make_pool, ThreadPool])
def test_a_pool_serves_one_scan_after_another(
    tmp_path: Path, make: Callable[[int], AnyPool]
) -> None:
    """The same matcher may scan again, with paths of any kind; another one needs its own pool."""
    for number in range(30):
        (tmp_path / f"{number:02}.png").write_bytes(encode(photo(number, 40, 30), "PNG"))
    hash_list = HashList.loads("# algorithm: phash\n0123456789abcdef far\n")
    matcher, other = Matcher(hash_list), Matcher(hash_list, mirrors=True)
    with make(1) as pool:
        for paths in ([tmp_path], [str(tmp_path)], [bytes(tmp_path)]):
            assert len(list(scan(paths, matcher, pool))) == 30
        with pytest.raises(SettingsError, match="make one pool for each"):
            list(scan([tmp_path], other, pool))
        stopped = scan([tmp_path], matcher, pool)
        next(stopped)
        stopped.close()
        if pool.busy:
            with pytest.raises(SettingsError, match="busy with another scan"):
                list(scan([tmp_path], matcher, pool))
