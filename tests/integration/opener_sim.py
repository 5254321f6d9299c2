#!/usr/bin/env python3
"""
Who opens pages on a desktop: systemd's manager of the user, and, when told so, the portal. Both write
down what they are asked for.

Reads a line of JSON for each command, {"do": "seen"} or {"do": "portal"}, and answers with all so far:
[unit, mode, properties] or [parent window, URL].
"""

import json
import sys

import dbus
import dbus.bus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

SYSTEMD = "org.freedesktop.systemd1"
PORTAL = "org.freedesktop.portal.Desktop"

seen = []


class Manager(dbus.service.Object):
    @dbus.service.method(f"{SYSTEMD}.Manager", in_signature="ssa(sv)a(sa(sv))", out_signature="o")
    def StartTransientUnit(self, name, mode, properties, _auxiliary):
        seen.append([name, mode, dict(properties)])
        return "/org/freedesktop/systemd1/job/1"


class Portal(dbus.service.Object):
    @dbus.service.method("org.freedesktop.portal.OpenURI", in_signature="ssa{sv}",
                         out_signature="o")
    def OpenURI(self, parent, url, _options):
        seen.append([parent, url])
        return "/org/freedesktop/portal/desktop/request/1"


def plain(value):
    return bool(value) if isinstance(value, dbus.Boolean) else str(value)


def main():
    DBusGMainLoop(set_as_default=True)
    connection = dbus.bus.BusConnection(sys.argv[1])
    names = [dbus.service.BusName(SYSTEMD, connection)]
    objects = [Manager(connection, "/org/freedesktop/systemd1")]
    loop = GLib.MainLoop()

    def on_line(file, _condition):
        line = file.readline()
        if not line:
            loop.quit()
            return False
        if json.loads(line)["do"] == "portal":
            names.append(dbus.service.BusName(PORTAL, connection))
            objects.append(Portal(connection, "/org/freedesktop/portal/desktop"))
        print(json.dumps(seen, default=plain), flush=True)
        return True

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_line)
    print("ready", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
