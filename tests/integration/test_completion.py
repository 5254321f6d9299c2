#!/usr/bin/env python3
"""What bash, zsh and fish complete, with a double of the daemon and without one."""

import os
import shlex
import shutil
import subprocess

from fake_daemon import FakeDaemon, job
from harness import CLIENT, HERE, environment, run_program, tap

COMPLETIONS = os.path.join(HERE, "..", "..", "completions")

# Sets COMP_WORDS as bash does, "=" being a word of its own.
BASH = """
. {file}
COMP_WORDS=({words})
COMP_CWORD=$(({number}-1))
_tunewatch tunewatch "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
[ ${{#COMPREPLY[@]}} -eq 0 ] || printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# zsh completes on a terminal only: one of its own, whose list comes between two marks.
ZSH = """
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PROMPT=; unsetopt zle_bracketed_paste 2>/dev/null; fpath=({folder} $fpath)
autoload -Uz compinit; compinit -u -D
zstyle ":completion:*" list-separator "|"
zstyle ":completion:*:default" list-prompt ""
null-line () {{ :; }}
comp () {{ compprefuncs=(null-line); comppostfuncs=(); exit=0
 {{ zle list-choices; }} }}
print-all () {{ compadd () {{
   local -a d m; builtin compadd -A m -D d "$@"; builtin compadd "$@"
   [[ ${{@[1]}} == -O || "$*" == *" -O "* ]] || for w in $m; do print -r -- "<<$w>>" >>{out}; done }} }}
print-all
bindkey "^I" complete-word; print REA\\DY'
zpty -r z line '*READY*'
zpty -w -n z {typed}$'\\t'
sleep 1
zpty -w -n z $'\\C-u'
zpty -d z
"""


class Shell:
    def __init__(self, t, fake):
        self.t = t
        self.env = {"TUNEWATCH_SOCKET": fake.path, "PATH": f"{t.path('bin')}:/usr/bin:/bin",
                    "TERM": "xterm"}
        os.makedirs(t.path("bin"), exist_ok=True)
        os.makedirs(t.path("home"), exist_ok=True)
        with open(t.path("bin", "tunewatch"), "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {shlex.join(os.path.abspath(c) for c in CLIENT)} "$@"\n')
        os.chmod(t.path("bin", "tunewatch"), 0o755)


class Bash(Shell):
    def complete(self, *words):
        # Where words are cut at "=".
        cut = [part for word in words for part in
               (word.replace("=", "\0=\0").strip("\0").split("\0") if "=" in word else [word])]
        if cut[-1] == "=":
            cut.append("")
        script = BASH.format(file=os.path.join(COMPLETIONS, "tunewatch.bash"),
                             words=shlex.join(["tunewatch", *cut]), number=len(cut) + 1)
        result = run_program(self.t, ["bash", "-c", script], self.env)
        self.t.equal(result.err, "")
        return result.out.splitlines()


class Fish(Shell):
    def complete(self, *words):
        line = " ".join(["tunewatch", *words])
        file = os.path.join(COMPLETIONS, "tunewatch.fish")
        script = f"source {shlex.quote(file)}; complete -C {shlex.quote(line)}"
        result = run_program(self.t, ["fish", "--no-config", "-c", script], self.env)
        self.t.equal(result.err, "")
        return [line.split("\t")[0] for line in result.out.splitlines()]


class Zsh(Shell):
    def complete(self, *words):
        out = self.t.path("zsh.out")
        open(out, "w", encoding="utf-8").close()
        typed = shlex.quote(" ".join(["tunewatch", *words]))
        script = ZSH.format(folder=os.path.abspath(COMPLETIONS), out=out, typed=typed)
        subprocess.run(["zsh", "-f", "-c", script], env=environment(self.t, self.env), timeout=30,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        with open(out, encoding="utf-8") as file:
            return [line[2:-2] for line in file.read().splitlines()
                    if line.startswith("<<") and line.endswith(">>")]


def shell(t, kind, name):
    if not shutil.which(name):
        raise tap.Skip(f"needs {name} (Debian: apt-get install {name})")
    fake = FakeDaemon(t, [job("sft", "abc"), job("sft", "abd"), job("dpo", "x", name="日本\t語")])
    fake.notifiers = [{"name": n, "type": "exec", "pending": 0, "retried": 0, "dead": 0}
                      for n in ("deploy", "slack")]
    return fake, kind(t, fake)


def candidates(t, complete, fake):
    """What any of the shells has to offer."""
    commands = [c.split("\t")[0] for c in
                run_program(t, [*CLIENT, "__complete", ""]).out.splitlines()]
    cases = (
        (("",), commands),
        (("sta",), ["status"]),
        (("status", "sft/a"), ["sft/abc", "sft/abd"]),
        (("status", "ab"), ["abc", "abd"]),
        (("wait", "--timeout", "1h", ""), ["sft/abc", "sft/abd", "dpo/x"]),
        (("--json", "wait", "dp"), ["dpo/x"]),
        (("events", "--job", "acme/dpo/"), ["acme/dpo/x"]),
        (("test", ""), ["deploy", "slack"]),
        (("add", "--notify", "de"), ["deploy"]),
        (("test", "slack", "--event", "job.su"), ["job.succeeded"]),
        (("wait", "--t"), ["--timeout"]),
        (("retry", "--"), ["--dead", "--help", "--json", "--no-color", "--socket", "--version"]),
        (("deliveries", "--state", "d"), ["delivered", "dead"]),
        (("help", "ver"), ["version"]),
        (("version", ""), []),
        (("no-such-command", ""), None),
    )
    for words, wanted in cases:
        got = complete(*words)
        if wanted is not None:
            t.equal(sorted(set(got)), sorted(wanted), words)
    # Without a daemon: quietly nothing.
    fake.stop()
    t.equal(complete("status", ""), [])
    t.equal(complete("test", ""), [])


@tap.test()
def bash(t):
    fake, sh = shell(t, Bash, "bash")
    t.equal(sh.complete("deliveries", "--state=de"), ["delivered", "dead"])
    t.equal(sh.complete("deliveries", "--state="), ["pending", "delivered", "dead", "skipped"])
    os.makedirs(t.path("files", "sub"))
    found = sh.complete("--socket", t.path("files", "s"))
    t.equal(found, [t.path("files", "sub")])
    other = FakeDaemon(t, [job("sft", "other")], name="other.sock")
    t.equal(sh.complete("--socket", other.path, "status", "sft/"), ["sft/other"])
    t.equal(sh.complete(f"--socket={other.path}", "status", "sft/"), ["sft/other"])
    candidates(t, sh.complete, fake)


@tap.test()
def fish(t):
    fake, sh = shell(t, Fish, "fish")
    t.equal(sorted(sh.complete("deliveries", "--state=de")), ["--state=dead", "--state=delivered"])
    candidates(t, sh.complete, fake)


@tap.test(limit=120)
def zsh(t):
    fake, sh = shell(t, Zsh, "zsh")
    candidates(t, sh.complete, fake)


@tap.test()
def several_accounts(t):
    fake = FakeDaemon(t, [job("sft", "abc"), job("sft", "abc", "other")])
    out = run_program(t, [*CLIENT, "__complete", "--socket", fake.path, "status", ""]).out
    t.equal([line.split("\t")[0] for line in out.splitlines()], ["acme/sft/abc", "other/sft/abc"])
    t.equal(run_program(t, [*CLIENT, "__complete"]).code, 0)


@tap.test()
def nothing_moves_the_cursor(t):
    fake = FakeDaemon(t, [job("sft", "abc", name="x\x1b[2J\ny\tz")])
    result = run_program(t, [*CLIENT, "__complete", "--socket", fake.path, "status", ""])
    t.equal(result.out, "sft/abc\trunning, x [2J y z\n")


if __name__ == "__main__":
    tap.main()
