#!/usr/bin/env python3
"""Writes man pages from what ArgumentParser tells of the commands: man_pages.py DROVER FOLDER VERSION DATE.

One page for drover and one for each of its commands, with their subcommands in it (man-pages(7), groff's man macros).
"""
import json
import subprocess
import sys

drover, folder, version, date = sys.argv[1:]


def text(words):
    """Words as roff reads them: nothing at the beginning of a line is a request, no dash is a hyphen."""
    lines = (words or "").replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def shown(command):
    return [each for each in command.get("subcommands", []) if each["shouldDisplay"] and each["commandName"] != "help"]


def argument(each):
    names = [("--" if name["kind"] == "long" else "-") + name["name"] for name in each.get("names", [])]
    value = each.get("valueName", "value")
    if each["kind"] == "positional":
        return f"\\fI{text(value)}\\fR"
    flags = ", ".join(f"\\fB{text(name)}\\fR" for name in names)
    return flags if each["kind"] == "flag" else f"{flags} \\fI{text(value)}\\fR"


def section(command, name, heading):
    lines = [f".{heading} {'DESCRIPTION' if heading == 'SH' else text(name)}", text(command.get("abstract"))]
    if command.get("discussion"):
        lines += [".PP", ".nf" if "\n  " in command["discussion"] else ".ad l", text(command["discussion"]), ".fi"]
    for each in command.get("arguments", []):
        if each["shouldDisplay"]:
            meaning = " ".join(filter(None, (each.get("abstract"), each.get("discussion"))))
            default = f" (default: {each['defaultValue']})" if each.get("defaultValue") else ""
            lines += [".TP", argument(each), text(meaning + default) or "\\&"]
    return lines


def page(command, name, children):
    title = name.replace(" ", "-")
    lines = [
        f'.TH "{text(title).upper()}" 1 "{date}" "drover {text(version)}" "User Commands"', ".SH NAME",
        f"{text(title)} \\- {text(command.get('abstract'))}", ".SH SYNOPSIS",
        f"\\fB{text(name)}\\fR" + (" \\fIcommand\\fR" if shown(command) else "") + " [\\fIoptions\\fR]"]
    lines += section(command, name, "SH")
    if children:
        lines += [".SH COMMANDS"]

        def nested(parent, path):
            for child in shown(parent):
                lines.extend(section(child, f"{path} {child['commandName']}", "SS"))
                nested(child, f"{path} {child['commandName']}")
        nested(command, name)
    else:
        lines += [".SH COMMANDS"]
        for child in shown(command):
            lines += [".TP", f"\\fBdrover\\-{text(child['commandName'])}\\fR(1)", text(child.get("abstract"))]
    with open(f"{folder}/{title}.1", "w") as file:
        file.write("\n".join(lines) + "\n")


root = json.loads(subprocess.run(
    [drover, "--experimental-dump-help"], capture_output=True, text=True, check=True).stdout)["command"]
page(root, "drover", False)
for child in shown(root):
    page(child, f"drover {child['commandName']}", True)
