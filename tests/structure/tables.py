#!/usr/bin/env python3
"""The manual, the help and the completions say of tunewatch's commands and options what its table
has: no more, no less. The table is what `tunewatch __complete` offers."""

import os
import re
import shlex
import shutil
import subprocess
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("top_builddir", TOP)
sys.path.insert(0, os.path.join(TOP, "tests", "support"))

import tap

CLIENT = shlex.split(os.environ.get("TUNEWATCH", os.path.join(BUILD, "tunewatch")))
ENV = {**os.environ, "TUNEWATCH_SOCKET": "/nonexistent/tunewatch.sock", "LC_ALL": "C.UTF-8"}


def run(*args):
    return subprocess.run([*CLIENT, *args], env=ENV, stdin=subprocess.DEVNULL, timeout=20,
                          capture_output=True, text=True, check=True).stdout


def offered(*words):
    return {line.split("\t")[0] for line in run("__complete", *words).splitlines()}


def table():
    """{command: its own options}, and the options of all."""
    common = offered("--")
    return {command: offered(command, "--") - common for command in offered("")}, common


def manual():
    with open(os.path.join(TOP, "man", "tunewatch.1"), encoding="utf-8") as file:
        return file.read()


def section(text, name):
    return text.partition(f".Sh {name}\n")[2].partition("\n.Sh ")[0]


def items(text):
    """Options that have an item of their own, by their long names."""
    return {f"--{name}" for name in re.findall(r"^\.It (?:Fl \w , )?Fl -([a-z-]+)", text, re.M)}


def manual_faults(text):
    commands, common = table()
    parts = re.split(r"^\.It Cm (\w+)", section(text, "COMMANDS"), flags=re.M)
    there = dict(zip(parts[1::2], parts[2::2]))
    yield from differences("the manual", set(there), set(commands))
    yield from differences("the manual's DESCRIPTION", items(section(text, "DESCRIPTION")), common)
    for command in sorted(set(there) & set(commands)):
        yield from differences(f"the manual's {command}", items(there[command]), commands[command])
    statuses = set(re.findall(r"^\.It (\d+)$", section(text, "EXIT STATUS"), re.M))
    for command in sorted(commands):
        for status in sorted(exits(run("help", command)) - statuses):
            yield f"the manual's EXIT STATUS lacks {status} of {command}"


def exits(text):
    said = text.partition("\nExit status: ")[2].partition("\n\n")[0]
    return set(re.findall(r"(?:^|, |\n)(\d+) ", said))


def help_faults(all_, of):
    """`all_` is the help of all; `of` gives that of a command."""
    commands, common = table()
    listed = set(re.findall(r"^  ([a-z]\w*)  ", all_, re.M))
    yield from differences("--help", listed, set(commands))
    yield from differences("--help", options(all_), common)
    for command in sorted(commands):
        text = of(command)
        yield from differences(f"help {command}", options(text), commands[command] | common)
        usage = text.partition("\n\n")[0]
        for option in sorted(commands[command]):
            letters = re.findall(rf"^  -(\w), {option}\b", text, re.M)
            if option not in usage and not any(f"-{letter}" in usage for letter in letters):
                yield f"the usage of {command} lacks {option}"
        if f"\nExample: tunewatch {command}" not in text or "0" not in exits(text):
            yield f"help {command} has no example or no exit status"


def options(text):
    return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.M))


def differences(where, there, wanted):
    for name in sorted(wanted - there):
        yield f"{where} lacks {name}"
    for name in sorted(there - wanted):
        yield f"{where} has {name}, which is not in the table"


def shell_faults(complete):
    """`complete` gives what a shell offers behind words."""
    commands, common = table()
    yield from differences("the completion", complete(""), set(commands))
    yield from differences("the completion", complete("--"), common)
    for command in sorted(commands):
        yield from differences(f"the completion of {command}", complete(command, "--"),
                               commands[command] | common)


def in_bash(script):
    def complete(*words):
        code = (f". {shlex.quote(script)}; COMP_WORDS=(tunewatch {shlex.join(words)}); "
                f'COMP_CWORD={len(words)}; _tunewatch {shlex.quote(CLIENT[0])}; '
                'printf "%s\\n" "${COMPREPLY[@]}"')
        return set(subprocess.run(["bash", "-c", code], env=ENV, capture_output=True, text=True,
                                  timeout=20, check=True).stdout.split())
    return complete


def in_fish(script):
    name = shlex.quote(os.path.abspath(CLIENT[0]))

    def complete(*words):
        line = shlex.quote(" ".join(["tunewatch", *words]))
        code = (f"function tunewatch; {name} $argv; end; source {shlex.quote(script)}; "
                f"complete -C {line}")
        out = subprocess.run(["fish", "--no-config", "-c", code], env=ENV, capture_output=True,
                             text=True, timeout=20, check=True).stdout
        return {line.split("\t")[0] for line in out.splitlines()}
    return complete


def script(name):
    return os.path.join(TOP, "completions", name)


@tap.test()
def the_manual(t):
    t.equal(list(manual_faults(manual())), [])


@tap.test()
def the_manual_without_something(t):
    text = manual()
    for line, word in ((".It Cm wait ", "lacks wait"), (".It Fl -timeout ", "lacks --timeout"),
                       (".It Fl -socket ", "lacks --socket"), (".It Fl f , Fl -follow", "--follow"),
                       (".It 124\n", "lacks 124 of wait")):
        t.check(line in text, line)
        faults = list(manual_faults(text.replace(line, ".It Em x ")))
        t.check(any(word in fault for fault in faults), f"without {line}: {faults}")
    for line in (".It Cm submarine\n", ".It Fl -deep\n"):
        faults = list(manual_faults(text.replace(".It Cm version\n", f".It Cm version\n{line}")))
        t.check(any("not in the table" in fault for fault in faults), f"with {line}: {faults}")


@tap.test()
def the_manual_is_clean(t):
    if not shutil.which("mandoc"):
        raise tap.Skip("needs mandoc (Debian: apt-get install mandoc)")
    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                             os.path.join(TOP, "man", "tunewatch.1")],
                            capture_output=True, text=True, check=False)
    t.equal((result.returncode, result.stdout), (0, ""))


@tap.test()
def the_help(t):
    t.equal(list(help_faults(run("--help"), lambda c: run("help", c))), [])
    for command in table()[0]:
        t.equal(run("help", command), run(command, "--help"))


@tap.test()
def the_help_without_something(t):
    faults = list(help_faults(run("--help").replace("  wait ", "  w "),
                              lambda c: run("help", c).replace("--any", "--x")))
    for word in ("--help lacks wait", "help wait lacks --any", "the usage of wait lacks --any"):
        t.check(any(word in fault for fault in faults), f"{word}: {faults}")


@tap.test()
def bash(t):
    if len(CLIENT) > 1:
        raise tap.Skip("not the client alone")
    t.equal(list(shell_faults(in_bash(script("tunewatch.bash")))), [])
    broken = t.path("broken.bash")
    with open(broken, "w", encoding="utf-8") as file:
        file.write("_tunewatch() { COMPREPLY=(status --json); }\n")
    faults = list(shell_faults(in_bash(broken)))
    t.check("the completion lacks wait" in faults, faults)


@tap.test()
def fish(t):
    if len(CLIENT) > 1 or not shutil.which("fish"):
        raise tap.Skip("needs fish (Debian: apt-get install fish)")
    t.equal(list(shell_faults(in_fish(script("tunewatch.fish")))), [])


@tap.test()
def zsh(t):
    # tests/integration/test_completion.py lets it complete; here, that it asks the client at all.
    with open(script("_tunewatch"), encoding="utf-8") as file:
        text = file.read()
    t.check(text.startswith("#compdef tunewatch\n") and "__complete" in text, text)
    for command in table()[0]:
        t.check(command in ("help", "version") or not re.search(rf"\b{command}\b", text), command)


if __name__ == "__main__":
    tap.main()
