"""How the console looks: a dark and a light theme, and the rules of its layout.

The colours survive a terminal with 256 or 16 of them: what is chosen stands on blue, and nothing is told apart by
a shade alone.
"""

from __future__ import annotations

from textual.theme import Theme

from bot.console.drawing import Palette

DARK = Theme(
    name="balancer-dark",
    primary="#5fafff",
    secondary="#87afd7",
    accent="#ffaf00",
    warning="#ffaf00",
    error="#ff5f5f",
    success="#5fd787",
    foreground="#d7d7d7",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    dark=True,
    variables={
        "block-cursor-background": "#005f87",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#303030",
        "block-cursor-blurred-foreground": "#ffffff",
        "scrollbar": "#585858",
        "scrollbar-background": "#1c1c1c",
        "scrollbar-corner-color": "#1c1c1c",
    },
)
LIGHT = Theme(
    name="balancer-light",
    primary="#005faf",
    secondary="#005f87",
    accent="#875f00",
    warning="#875f00",
    error="#af0000",
    success="#005f00",
    foreground="#1c1c1c",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    dark=False,
    variables={
        "block-cursor-background": "#005faf",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#d0d0d0",
        "block-cursor-blurred-foreground": "#1c1c1c",
        "scrollbar": "#9e9e9e",
        "scrollbar-background": "#eeeeee",
        "scrollbar-corner-color": "#eeeeee",
    },
)
PALETTES = {
    DARK.name: Palette("#5fd787", "#ffaf00", "#ff5f5f", "#8a8a8a", "#5fafff"),
    LIGHT.name: Palette("#005f00", "#875f00", "#af0000", "#6c6c6c", "#005faf"),
}

CSS = """
Screen { background: $background; layout: vertical; }
#head { height: 2; padding: 0 1; background: $panel; }
#tabs { height: auto; max-height: 2; background: $panel; }
#body { height: 1fr; }
#said { height: auto; max-height: 3; min-height: 1; padding: 0 1; }
#keys { height: auto; max-height: 3; background: $panel; padding: 0; }
.-low #keys { max-height: 1; }

DataTable { height: 1fr; background: $background; scrollbar-size: 1 1; }
DataTable > .datatable--header { background: $surface; color: $secondary; text-style: none; }
VerticalScroll { scrollbar-size: 1 1; }
RichLog { background: $background; scrollbar-size: 1 1; padding: 0 1; }

.facts { padding: 0 1; background: $surface; }
#node-grid, #history-grid, #exclusions-grid, #settings-grid { padding-left: 1; }
#nodes { layout: horizontal; }
#nodes .facts { display: none; width: 44; height: 100%; }
#nodes.wide .facts { display: block; }
#node .facts { height: auto; max-height: 50%; }
#node #node-reason { max-height: 3; }
#plan { padding: 0 1; }
#moves .facts, #history .facts { height: auto; max-height: 50%; }
.buttons { height: 1; background: $surface; padding: 0 1; }
.buttons Button { margin-right: 2; }
.hidden { display: none; }

ModalScreen { align: center middle; background: $background 60%; }
.dialog { width: 64; max-width: 96%; height: auto; max-height: 96%; padding: 1 2; background: $panel;
          border: round $primary; }
.dialog .question { margin-bottom: 1; }
.dialog .label { color: $secondary; margin-top: 1; }
.dialog .wrong { color: $error; height: auto; }
.dialog Input { border: none; height: 1; padding: 0 1; background: $background; }
.dialog Input:focus { border: none; background: $background; text-style: underline; }
.dialog RadioSet { border: none; background: transparent; padding: 0; height: auto; width: 100%; }
.dialog RadioSet:focus { border: none; }
.dialog OptionList { border: none; background: transparent; padding: 0; height: auto; }
.dialog OptionList:focus { border: none; }
.dialog .answers { height: 1; margin-top: 1; }
.dialog .answers Button { margin-right: 2; }
.dialog .body { height: auto; max-height: 14; margin-bottom: 1; }
.help { width: 76; }
.help VerticalScroll { height: auto; max-height: 100%; }
Button { min-width: 6; height: 1; border: none; padding: 0 1; background: $scrollbar; color: $foreground;
         text-style: none; }
#approve, #yes { background: $success; color: $background; text-style: bold; }
Button:hover, #approve:hover, #yes:hover { background: $primary; color: $background; }
Button:focus, #yes:focus { text-style: bold underline; }
Button:disabled { background: $panel; color: $foreground 40%; }
"""
