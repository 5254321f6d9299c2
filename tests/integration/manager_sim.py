#!/usr/bin/env python3
"""
A scripted manager of units on a D-Bus: the calls, properties and signals of org.freedesktop.systemd1
that tunewatchd uses, in the order in which systemd sends them, and ends at the test's command.
(A real systemd does the rest: make check-systemd.)

Reads a line of JSON for each command and answers each with one:
    {"do": "seen"}                       the starts so far: name, the file's text and mode
    {"do": "asked", "unit": U}           how often the unit's state was asked for
    {"do": "end", "unit": U, "result": R, "service": {…}}     the job ends; properties of the service
    {"do": "set", "unit": U, "active": S}                     the unit's ActiveState
    {"do": "mute", "unit": U}            nobody answers what its service is; until "unmute"
    {"do": "type", "unit": U, "type": T}                      what kind of service it is
    {"do": "end-when-asked", "unit": U, "result": R}          the job ends right before its state is told
    {"do": "refuse", "error": E, "message": M}                StartUnit fails so from now on; null: no more
"""

import json
import os
import stat
import sys

import dbus
import dbus.bus
import dbus.lowlevel
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.freedesktop.systemd1"
ROOT = "/org/freedesktop/systemd1"
MANAGER = f"{NAME}.Manager"


class Refused(dbus.DBusException):
    def __init__(self, error, message):
        super().__init__(message)
        self._dbus_error_name = error


class Unit(dbus.service.Object):
    def __init__(self, manager, name):
        escaped = "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in name)
        self.path = f"{ROOT}/unit/{escaped}"
        super().__init__(manager.connection, self.path)
        self.manager, self.name = manager, name
        self.active, self.job, self.service = "inactive", 0, {}
        self.asked = 0
        self.mute, self.end_when_asked, self.type = False, None, "oneshot"

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="s", out_signature="a{sv}",
                         async_callbacks=("answer", "_fail"))
    def GetAll(self, interface, answer, _fail):
        if not (self.mute and interface.endswith(".Service")):
            answer(self.properties(interface))

    def properties(self, interface):
        if interface.endswith(".Service"):
            values = {"Type": self.type, "Result": "success", "ExecMainCode": 0, "ExecMainStatus": 0, **self.service}
            return {key: dbus.Int32(value) if isinstance(value, int) else value
                    for key, value in values.items()}
        self.asked += 1
        if self.end_when_asked:
            self.manager.end(self.name, self.end_when_asked, {})
            self.end_when_asked = None
        path = f"{ROOT}/job/{self.job}" if self.job else "/"
        job = dbus.Struct((dbus.UInt32(self.job), dbus.ObjectPath(path)), signature="uo")
        return {"ActiveState": self.active, "LoadState": "loaded", "Job": job,
                "Conditions": dbus.Array([], signature="(sbbsi)")}


class Manager(dbus.service.Object):
    def __init__(self, connection, directory):
        super().__init__(connection, ROOT)
        self.directory = directory
        self.units, self.seen, self.jobs = {}, [], 0
        self.refusal = None
        self.subscribed = False

    def unit(self, name):
        if name not in self.units:
            self.units[name] = Unit(self, name)
        return self.units[name]

    @dbus.service.method(MANAGER)
    def Subscribe(self):
        if self.subscribed:
            raise Refused(f"{NAME}.AlreadySubscribed", "Client is already subscribed.")
        self.subscribed = True

    @dbus.service.method(MANAGER, in_signature="s", out_signature="o")
    def LoadUnit(self, name):
        if not name.endswith(".service"):
            raise Refused("org.freedesktop.DBus.Error.InvalidArgs", f"Unit name {name} is not valid.")
        return self.unit(name).path

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def StartUnit(self, name, mode):
        if self.refusal:
            raise Refused(*self.refusal)
        unit = self.unit(name)
        if not unit.job:
            self.jobs += 1
            unit.job, unit.active = self.jobs, "activating"
            path = os.path.join(self.directory, name)
            with open(path, encoding="utf-8") as file:
                self.seen.append({"name": str(name), "mode": stat.S_IMODE(os.stat(path).st_mode),
                                  "text": file.read(), "how": str(mode)})
        return f"{ROOT}/job/{unit.job}"

    @dbus.service.signal(MANAGER, signature="uoss")
    def JobRemoved(self, number, job, unit, result):
        pass

    def end(self, name, result, service):
        unit = self.unit(name)
        job, unit.job = unit.job, 0
        unit.active = "failed" if result == "failed" else "inactive"
        unit.service = service
        self.JobRemoved(job, f"{ROOT}/job/{job}", name, result)

    def command(self, command):
        if command["do"] == "asked":
            return self.unit(command["unit"]).asked
        if command["do"] == "end":
            self.end(command["unit"], command["result"], command.get("service", {}))
        elif command["do"] == "set":
            self.unit(command["unit"]).active = command["active"]
        elif command["do"] == "type":
            self.unit(command["unit"]).type = command["type"]
        elif command["do"] in ("mute", "unmute"):
            self.unit(command["unit"]).mute = command["do"] == "mute"
        elif command["do"] == "end-when-asked":
            self.unit(command["unit"]).end_when_asked = command["result"]
        elif command["do"] == "refuse":
            self.refusal = command["error"] and (command["error"], command["message"])
        return self.seen


def main():
    DBusGMainLoop(set_as_default=True)
    connection = dbus.bus.BusConnection(sys.argv[1])
    loop = GLib.MainLoop()
    name = dbus.service.BusName(NAME, connection)
    manager = Manager(connection, sys.argv[2])

    def on_line(file, _condition):
        line = file.readline()
        if not line:
            loop.quit()
            return False
        print(json.dumps(manager.command(json.loads(line))), flush=True)
        return True

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_line)
    print(name.get_name(), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
