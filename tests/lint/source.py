#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules that can be read from the text of a file; changes when a rule does.

    source.py [TOP]      prints FILE:LINE: what, and ends with status 1 where a rule is broken
"""

import os
import re
import sys

LAYERS = {
    "base": {"base"},
    "data": {"base", "data"},
    "replica": {"base", "replica"},
    "server": {"base", "data", "replica", "server"},
    "host": {"base", "data", "replica", "server", "host"},
}

OS_HEADERS = re.compile(
    r"^(unistd|fcntl|dlfcn|pthread|signal|poll|netdb|time|dirent|threads"
    r"|sys/(socket|epoll|eventfd|timerfd|stat|file|uio|time|random|wait|statvfs|inotify)"
    r"|netinet/.*|arpa/.*|glib/gstdio|glib-unix|gio/.*)\.?h?$")

OS_CALLS = re.compile(
    r"(?<![\w.>])("
    r"socket|bind|listen|accept4?|connect|send|sendto|sendmsg|recv|recvfrom|recvmsg|shutdown|getaddrinfo"
    r"|open|openat|creat|close|read|write|pread|pwrite|readv|writev|lseek|fsync|fdatasync|ftruncate|rename|unlink|mkdir"
    r"|fopen|fclose|fread|fwrite|printf|fprintf|puts|perror|stat|fstat|flock"
    r"|poll|select|epoll_\w+|eventfd|timerfd_\w+|fork|exec[lv]p?e?|system|popen|exit|_exit|kill|signal|sigaction"
    r"|clock_gettime|gettimeofday|time|localtime|gmtime|localtime_r|sleep|usleep|nanosleep"
    r"|rand|srand|random|srandom|rand_r|getrandom|drand48|getenv|setenv|dlopen|dlsym"
    r"|pthread_\w+|g_thread_\w+|g_mutex_\w+|g_rec_mutex_\w+|g_rw_lock_\w+|g_cond_\w+|g_async_queue_\w+"
    r"|g_get_real_time|g_get_monotonic_time|g_date_time_new_now\w*|g_usleep|g_timer_\w+|g_random_\w+|g_rand_new"
    r"|g_getenv|g_setenv|g_file_\w+|g_dir_\w+|g_open|g_unlink|g_mkdir\w*|g_spawn_\w+|g_print|g_printerr"
    r"|g_main_\w+|g_timeout_\w+|g_idle_\w+|g_source_\w+"
    r")\s*\(")

# Names that are also ZooKeeper's words for ACL schemes, which the server must know.
SCHEMES = {"digest", "ip", "x509", "sasl"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCE = (".c", ".h")
SCRIPT = (".py", ".sh")
MAX_LINES = 1000
MAX_COLUMNS = 160  # the house writes to 110; this is where a line no longer fits anywhere
TREES = ("core", "plugins", "client", "tests", "contrib")


def strip_comments(text, strings=True):
    """The text with comments (and the insides of strings) blanked, line breaks kept."""
    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[-1] if strings else found
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_head(path, lines):
    head = lines[:2]
    if path.endswith(SOURCE):
        if not lines or lines[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
            yield 1, "the first line must be /* SPDX-License-Identifier: Apache-2.0 */"
    elif not any("SPDX-License-Identifier: Apache-2.0" in line for line in head):
        yield 1, "no SPDX-License-Identifier: Apache-2.0 in the first two lines"


def check_shape(path, lines):
    if len(lines) > MAX_LINES:
        yield MAX_LINES + 1, f"{len(lines)} lines: more than {MAX_LINES} often hold two ideas"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "white space at the end of the line"
        if len(line.expandtabs(8)) > MAX_COLUMNS:
            yield number, f"{len(line.expandtabs(8))} columns, more than {MAX_COLUMNS}"


def check_words(lines):
    for number, line in enumerate(lines, 1):
        if re.search(r"(?<!\w)goto\s+\w+\s*;", line):
            yield number, "goto"


def check_marks(lines):
    """Left-overs, in comments too."""
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            yield number, "left-over mark"


def check_layers(path, lines):
    parts = path.split("/")
    layer = parts[1]
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match is None:
            continue
        kind, name = match.groups()
        if layer == "include":
            if kind == '"':
                yield number, f'a public header includes "{name}"; it may include <paddock/...> and GLib'
            elif not name.startswith(("paddock/", "glib")) and "/" in name:
                yield number, f"a public header includes <{name}>"
            continue
        if kind == '"':
            owner = name.split("/")[0]
            if owner not in LAYERS and "/" not in name:
                yield number, f'include "{layer}/{name}" by its full name'
            elif owner not in LAYERS.get(layer, set()):
                yield number, f'core/{layer} includes "{name}": layers point base <- data, replica <- server <- host'
        elif layer != "host" and OS_HEADERS.match(name):
            yield number, f"core/{layer} includes <{name}>: only core/host meets the operating system"
        elif name == "dlfcn.h" and not path.startswith("core/host/loader"):
            yield number, "only core/host/loader uses <dlfcn.h>"


def check_os_calls(path, code):
    layer = path.split("/")[1]
    if layer in ("host", "include"):
        return
    for number, line in enumerate(code, 1):
        for match in OS_CALLS.finditer(line):
            yield number, f"core/{layer} calls {match.group(1)}(): only core/host meets the operating system"


def check_plugin_names(path, text, plugins):
    """The core names no plugin: no string in it is the name of one."""
    for number, line in enumerate(text, 1):
        for name in re.findall(r'"([^"\\\n]*)"', line):
            if name in plugins - SCHEMES and not INCLUDE.match(line):
                yield number, f'the core names the plugin "{name}"'


def check_plugin_includes(path, lines, top):
    own = os.path.dirname(path)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match is None or match.group(1) == "<":
            continue
        name = match.group(2)
        if "/" in name or not os.path.exists(os.path.join(top, own, name)):
            yield number, f'a plugin includes "{name}": it sees its own files, <paddock/...> and its libraries'


def lint(path, text, plugins, top="."):
    """Every broken rule of one file, as (line, message); path is relative to top."""
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    found = list(check_head(path, lines))
    found += check_shape(path, lines)
    found += check_marks(lines) if not path.startswith("tests/lint/") else []
    if not path.endswith(SOURCE):
        return found
    code = strip_comments(text).split("\n")
    found += check_words(code)
    if path.startswith("core/"):
        found += check_layers(path, lines)
        found += check_os_calls(path, code)
        found += check_plugin_names(path, strip_comments(text, strings=False).split("\n"), plugins)
    if path.startswith("plugins/"):
        found += check_plugin_includes(path, lines, top)
    return found


def plugin_names(top):
    base = os.path.join(top, "plugins")
    return {name for kind in os.listdir(base) for name in os.listdir(os.path.join(base, kind))}


def source_files(top):
    for tree in TREES:
        for folder, folders, names in os.walk(os.path.join(top, tree)):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in ("corpus", "__pycache__"))
            for name in sorted(names):
                if name.endswith(SOURCE + SCRIPT):
                    yield os.path.relpath(os.path.join(folder, name), top)


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PADDOCK_SRCDIR", ".")
    plugins = plugin_names(top)
    files = broken = 0
    for path in source_files(top):
        with open(os.path.join(top, path), encoding="utf-8") as file:
            text = file.read()
        files += 1
        for number, message in sorted(lint(path, text, plugins, top)):
            print(f"{path}:{number}: {message}")
            broken += 1
    print(f"{files} files, {broken} broken rules")
    return 1 if broken or not files else 0


if __name__ == "__main__":
    sys.exit(main())
