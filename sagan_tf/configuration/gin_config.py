"""Configuration by gin: files and bindings give one frozen object, which is saved with the run and compared on resume.

Nothing else imports gin. The configurables are arguments (`experiment.py` lists them), so that this file depends on no
model. A wrong name, parameter, scope or file is rejected before any work, with a one-sentence message that has its
location and the closest valid name. A binding that nothing uses is refused as well, which gin itself ignores silently.
"""

import contextlib
import dataclasses
import importlib.util  # noqa: F401  gin 0.5.0 uses it without importing it
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

try:
    import gin

    gin.parse_config  # noqa: B018  without gin-config, a folder named gin passes as an empty package
except (ImportError, AttributeError) as error:
    raise ImportError("sagan_tf needs gin-config: pip install gin-config") from error

from sagan_tf.configuration.binding_types import Reference, wrong_kind
from sagan_tf.configuration.former_names import current_fields
from sagan_tf.configuration.gin_errors import explain, full_name, suggestions
from sagan_tf.configuration.gin_files import SEARCH_PATHS, Reader, missing
from sagan_tf.configuration.gin_state import own_gin_state
from sagan_tf.foundation.files import write_text
from sagan_tf.foundation.spelling import did_you_mean


class ConfigError(ValueError):
    """The configuration is wrong; the message is for the user."""


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A configuration: the object that it describes, and its gin text, which holds only what differs from defaults."""

    value: Any
    text: str


@own_gin_state()
def load(
    configurables: Mapping[str, Callable], root: str, *, files: Sequence[str] = (), bindings: Sequence[str] = ()
) -> Loaded:
    """Parses the files in order, then the bindings, and calls the configurable named `root`.

    configurables: gin names ("families.sagan") and what they call. Bindings override files, later ones earlier ones.
    Fields of the root whose default factory is configurable are built by gin even when no binding names them. Every
    binding must take effect; one that is overridden later is accepted if it was in use when its file, an included one
    or not, or its binding had been read.

    Raises:
      ConfigError: for any error, with file and line if there are any, and the nearest right name.
    """
    gin.clear_config()
    _register(configurables)
    used: set = set()
    reader = Reader(lambda: used.update(_used_so_far(configurables, root)))
    _search(reader)
    if wrong := next(filter(None, map(missing, files)), None):
        raise ConfigError(wrong)
    statement = None
    try:
        for statement in files:
            gin.parse_config_file(statement)
        for statement in bindings:
            gin.parse_config(statement)
            used |= _used_so_far(configurables, root)
        statement = None
        _refuse_wrong_kinds(configurables)
        value = _build(configurables, root)
    except ConfigError:
        raise
    except Exception as error:
        source = reader.failed or statement
        raise ConfigError(explain(error, source, configurables, _used(configurables, root))) from error
    _drop_replaced(used)
    _refuse_unused(configurables)
    return Loaded(value, gin.config_str(max_line_length=110))


def _used_so_far(configurables: Mapping[str, Callable], root: str) -> set:
    """The bindings that the configuration so far uses; it may still be incomplete."""
    with contextlib.suppress(Exception):
        _build(configurables, root)
    used = set(gin.config._OPERATIVE_CONFIG)
    gin.config._OPERATIVE_CONFIG.clear()
    return used


def _build(configurables: Mapping[str, Callable], root: str) -> Any:
    """Calls the root; fields that are not bound but have a configurable default factory are built by gin."""
    names = {id(target): name for name, target in configurables.items()}
    bound = next((v for (scope, s), v in gin.config._CONFIG.items() if not scope and _short(s) == root), {})
    parts = {
        f.name: gin.get_configurable(names[id(f.default_factory)])()
        for f in dataclasses.fields(configurables[root])
        if id(f.default_factory) in names and f.name not in bound
    }
    return gin.get_configurable(root)(**parts)


def _short(selector: str) -> str:
    return selector.rpartition(".")[2]


def _drop_replaced(used: set) -> None:
    for key in (set(gin.config._CONFIG) - set(gin.config._OPERATIVE_CONFIG)) & used:
        del gin.config._CONFIG[key]


_registered: dict[str, Callable] = {}


def _register(configurables: Mapping[str, Callable]) -> None:
    for name, target in configurables.items():
        if name not in _registered:
            module, _, selector = name.rpartition(".")
            _registered[name] = gin.external_configurable(target, name=selector, module=module or None)


def _search(reader: Reader) -> None:
    """Plain files only: gin's other reader searches Python packages and logs an error for each without the file."""
    gin.config._FILE_READERS[:] = [(reader, os.path.isfile)]
    for path in SEARCH_PATHS:
        if str(path) not in gin.config._LOCATION_PREFIXES:
            gin.add_config_file_search_path(str(path))


def _used(configurables: Mapping[str, Callable], root: str) -> set[str]:
    """The configurables that bindings name or refer to, or that are defaults of the root's fields."""
    keys = {full_name(_short(selector), configurables) for _, selector in gin.config._CONFIG}
    references = [
        ref
        for values in gin.config._CONFIG.values()
        for v in values.values()
        for ref in gin.config.iterate_references(v)
    ]
    keys |= {full_name(_short(reference.configurable.selector), configurables) for reference in references}
    defaults = {id(f.default_factory) for f in dataclasses.fields(configurables[root])}
    return {root} | {name for name, target in configurables.items() if name in keys or id(target) in defaults}


def _refuse_wrong_kinds(configurables: Mapping[str, Callable]) -> None:
    for (_, selector), values in gin.config._CONFIG.items():
        owner = full_name(_short(selector), configurables)
        for parameter, value in values.items() if owner in configurables else ():
            plain = _plain(value, configurables, (f"{owner}.{parameter}",))
            if wrong := wrong_kind(owner, parameter, plain, configurables):
                raise ConfigError(wrong)


def _plain(value: Any, configurables: Mapping[str, Callable], within: tuple[str, ...]) -> Any:
    """A bound value with gin's references replaced by `Reference`, and macros by their values.

    within: the parameter that is bound, and the macros whose values contain this one.
    """
    if isinstance(value, gin.config.ConfigurableReference):
        name, selector = "/".join(value.scopes), value.configurable.selector
        if selector == "gin.constant":
            raise ConfigError(f"{within[0]} must be given a value; received {within[-1]}=%{name}. Bind it.")
        if selector == "gin.macro":
            bound = gin.config._CONFIG.get((name, "gin.macro"), {})
            if "value" not in bound:
                raise ConfigError(f"a macro must be given a value before it is used; received %{name} without one.")
            if name in within:
                circle = ", ".join(f"{a}=%{b}" for a, b in itertools.pairwise((*within[1:], name)))
                raise ConfigError(f"a macro must not refer to itself; received {circle}. Give {name} a value.")
            return _plain(bound["value"], configurables, (*within, name))
        return Reference(full_name(_short(selector), configurables), value.evaluate)
    plural = isinstance(value, list | tuple)
    return type(value)(_plain(item, configurables, within) for item in value) if plural else value


def _refuse_unused(configurables: Mapping[str, Callable]) -> None:
    """Refuses bindings that building the object didn't use: gin ignores a misspelled scope silently."""
    unused = set(gin.config._CONFIG) - set(gin.config._OPERATIVE_CONFIG)
    used = {full_name(_short(selector), configurables) for scope, selector in gin.config._OPERATIVE_CONFIG if not scope}
    used &= set(configurables)
    for scope, selector in sorted(unused):
        parameters = list(gin.config._CONFIG[(scope, selector)])
        if selector == "gin.macro":
            near = did_you_mean(suggestions(None, scope, configurables, used))
            raise ConfigError(f"every macro must be used; nothing uses the macro {scope}. {near}".rstrip())
        name = full_name(_short(selector), configurables)
        shown = f"{scope}/{name}" if scope else name
        reason = f"nothing uses the scope {scope!r}" if scope else f"{name} is not part of this configuration"
        in_use = {owner: target for owner, target in configurables.items() if owner in used}
        near = did_you_mean([n for n in suggestions(None, parameters[0], in_use, used) if not scope])
        raise ConfigError(
            f"every binding must be used; received one for {shown} ({', '.join(parameters)}), but {reason}. {near}"
            f"Remove it, or refer to it as @{shown}(). In use: {', '.join(sorted(used))}."
        )


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Flattens a frozen dataclass to "field.subfield" -> plain value, with the class of each part as "field"."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        item, name = getattr(value, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(item):
            flat[name] = type(item).__name__
            flat |= flatten(item, name + ".")
        else:
            flat[name] = list(item) if isinstance(item, tuple) else item
    return flat


def _defaults(value: Any, prefix: str = "") -> dict[str, Any]:
    """The defaults of the fields that `flatten` lists, where they have one."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        item, name = getattr(value, field.name), f"{prefix}{field.name}"
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if default is not dataclasses.MISSING:
            flat[name] = type(default).__name__ if dataclasses.is_dataclass(default) else default
        flat |= _defaults(item, name + ".") if dataclasses.is_dataclass(item) else {}
    return flat


def texts(loaded: Loaded) -> dict[str, str]:
    """The texts of config.gin (the resolved bindings) and config.json (every value, including defaults)."""
    values = json.dumps(flatten(loaded.value), indent=1)
    return {"config.gin": loaded.text + "\n", "config.json": values + "\n"}


def save(folder: Path, loaded: Loaded) -> None:
    """Writes these files to a folder."""
    for name, text in texts(loaded).items():
        write_text(folder / name, text)


def difference(folder: Path, value: Any, free: Sequence[str]) -> list[str]:
    """The differences between the run's configuration and this one, one line each; `free` fields may differ.

    A name ending in "." frees everything below it. A field that is newer than the run counts as its default there.
    """
    saved = current_fields(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    defaults, after = (json.loads(json.dumps(fields)) for fields in (_defaults(value), flatten(value)))
    before = defaults | saved

    def is_free(name: str) -> bool:
        return any(name == f or (f.endswith(".") and name.startswith(f)) or name + "." == f for f in free)

    def in_run(name: str) -> str:
        """The run's value; none if the run had None, or another class, in place of the part that the field is of."""
        parts = {name[:i] for i, character in enumerate(name) if character == "."} & set(saved)
        lacks = name not in saved and any(saved[part] != after.get(part) for part in parts)
        return "absent" if lacks or name not in before else repr(before[name])

    return [
        f"{name}: {in_run(name)} in the run, {repr(after[name]) if name in after else 'absent'} now"
        for name in dict.fromkeys((*before, *after))
        if (name in before, before.get(name)) != (name in after, after.get(name)) and not is_free(name)
    ]
