#!/usr/bin/env python3
"""Figures of form, taken from the sources as text: `just measure`.

Production code is what stands in src/ and crates/*/src/ outside modules for tests; only the parameters
are looked at everywhere. The bounds are those of ARCHITECTURE.md; the script ends with 1 where one
does not hold.
"""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 500


def sources():
    files = [*ROOT.glob("src/**/*.rs"), *ROOT.glob("crates/*/src/**/*.rs")]
    of_tests = modules_for_tests(files)
    return sorted(
        p for p in files if p not in of_tests and not is_for_tests(p.relative_to(ROOT).as_posix())
    )


def modules_for_tests(files):
    """Files that another one takes in for tests alone, whatever they are called."""
    found = set()
    for p in files:
        folder = p.parent if p.stem in ("lib", "main", "mod") else p.with_suffix("")
        for name in re.findall(r"^#\[cfg\((?:all\()?test\b[^\n]*\]\n(?:pub[^\n]*? )?mod (\w+);", p.read_text(), re.M):
            found |= {folder / f"{name}.rs", *folder.glob(f"{name}/**/*.rs")}
    return found


def test_sources():
    files = [p for folder in ("src", "crates", "tests", "benches") for p in ROOT.glob(f"{folder}/**/*.rs")]
    production_files = set(sources())
    return sorted(p for p in files if p not in production_files and "target" not in p.parts)


def is_for_tests(path):
    return re.search(r"/tests?(/|\.rs$)|/testing\.rs$|/costs\.rs$|/contract(/|\.rs$)|mcpr-seed/", path) is not None


def production(text):
    """The text without `#[cfg(test)] mod … { … }` at its end."""
    found = re.search(r"^#\[cfg\(test\)\]\nmod \w+ \{", text, re.M)
    return text[: found.start()] if found else text


def functions(text):
    """The first line, the name and the lines of each function, comments apart."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        found = re.match(r"( *)(pub(\([a-z ]+\))? )?(const )?(async )?fn (\w+)", line)
        if not found:
            continue
        end = next(
            (n for n in range(at, len(lines)) if re.match(rf"{found.group(1)}\}}", lines[n])), at
        )
        head = []
        for inner in lines[at : end + 1]:
            head.append(inner)
            if inner.rstrip().endswith(("{", ";")):
                break
        # What a trait only declares has no body.
        body = lines[at : end + 1] if head[-1].rstrip().endswith("{") else head
        code = [inner for inner in body if not inner.strip().startswith("//")]
        yield at + 1, found.group(6), len(code)


def split(text, at):
    """The parts between commas of what the bracket at a position encloses, and where that ends."""
    parts, part, depth, start = [], "", 0, at
    while at < len(text):
        sign = text[at]
        is_arrow = sign == ">" and text[at - 1] in "-="
        if sign in "([{<":
            depth += 1
        elif sign in ")]}>" and not is_arrow:
            depth -= 1
            if depth == 0:
                return [" ".join(part.split()) for part in [*parts, part] if part.strip()], at
        if depth == 1 and sign == ",":
            parts.append(part)
            part = ""
        elif at > start:
            part += sign
        at += 1
    return [], at


def tuple_parameters(text):
    """The line, the function and the parameter, where the type of a parameter is a tuple of several
    values: bare, borrowed or optional. What a closure or a collection holds is no parameter."""
    text = re.sub(r"//.*", "", text)
    for found in re.finditer(r"\bfn (\w+)", text):
        at = found.end()
        if text[at : at + 1] == "<":
            at = split(text, at)[1] + 1
        if text[at : at + 1] != "(":
            continue
        line = text.count("\n", 0, found.start()) + 1
        for parameter in split(text, at)[0]:
            if re.search(r"(?<!:): (?:&(?:'\w+ )?(?:mut )?|Option<)*\([^()]*,", parameter):
                yield line, found.group(1), parameter


def main():
    types = collections.defaultdict(list)
    code_lines = comments = 0
    tuples, long_functions, long_files = [], [], []
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        whole = path.read_text()
        text = production(whole)
        tuples.extend(
            f"{name}:{line}: {function}, {parameter}"
            for line, function, parameter in tuple_parameters(whole)
        )
        if whole.count("\n") > MAX_FILE_LINES:
            long_files.append(name)
        for line in text.split("\n"):
            stripped = line.strip()
            if stripped.startswith("//") and not stripped.startswith(("///", "//!")):
                comments += 1
            elif stripped and not stripped.startswith("//"):
                code_lines += 1
        for kind in re.findall(r"^\s*(?:pub(?:\([a-z ]+\))? )?(?:struct|enum|trait) (\w+)", text, re.M):
            types[kind].append(name)
        for at, function, length in functions(text):
            if length > MAX_FUNCTION_LINES:
                long_functions.append(f"{name}:{at}: {function}, {length} lines")
    for path in test_sources():
        name = path.relative_to(ROOT).as_posix()
        tuples.extend(
            f"{name}:{line}: {function}, {parameter}"
            for line, function, parameter in tuple_parameters(path.read_text())
        )
    twice = {kind: places for kind, places in types.items() if len(places) > 1}
    share = 100 * len(twice) / max(1, len(types))
    density = 100 * comments / max(1, code_lines)
    print(f"production lines of code                    {code_lines}")
    print(f"plain comments per 100 lines (4 or more)    {density:.1f}")
    print(f"type names used twice, percent (6 or less)  {share:.1f}")
    print(f"parameters packed into tuples (0)           {len(tuples)}")
    print(f"functions over {MAX_FUNCTION_LINES} lines (0)                  {len(long_functions)}")
    print(f"files over {MAX_FILE_LINES} lines (0)                     {len(long_files)}")
    names = [f"{kind}: {', '.join(places)}" for kind, places in sorted(twice.items())]
    for row in [*tuples, *long_functions, *long_files, *names]:
        print(f"  {row}")
    holds = density >= 4 and share <= 6 and not (tuples or long_functions or long_files)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
