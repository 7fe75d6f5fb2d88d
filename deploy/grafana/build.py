"""Writes the dashboards' JSON from panels.py: `python deploy/grafana/build.py [DIRECTORY]`.

Needs `grafana-foundation-sdk==1769699379!11.6.0`. The epoch in its versions makes a bare install resolve to the 10.1
schema, so the pin stands in full. The files are checked in; Grafana reads them, nobody edits them.
"""

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    gauge,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as values
from grafana_foundation_sdk.models import dashboard as schema
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import prometheus as query_schema

sys.path.insert(0, str(Path(__file__).parent))

from panels import ANNOTATIONS, DAEMON, DASHBOARDS, STAGE_VARIABLE, VARIABLES, Panel, Query, promql

SOURCE = schema.DataSourceRef(type_val="prometheus", uid="${datasource}")
CONSOLE = "http://127.0.0.1:8080"
COLUMNS = 24


def target(query: Query, letter: str, kind: str) -> Any:
    made = prometheus.Dataquery().datasource(SOURCE).expr(promql(query.expr)).ref_id(letter)
    made = made.legend_format(query.legend).editor_mode(query_schema.QueryEditorMode.CODE)
    if kind == "heatmap":
        made = made.format(query_schema.PromQueryFormat.HEATMAP)
    if kind == "table":
        made = made.format(query_schema.PromQueryFormat.TABLE)
    if query.exemplar:
        made = made.exemplar(True)
    return made.instant() if query.instant else made.range()


def thresholds(panel: Panel) -> Any:
    steps = [schema.Threshold(value=None, color=panel.base)]
    steps += [schema.Threshold(value=value, color=colour) for value, colour in panel.steps]
    return dashboard.ThresholdsConfig().mode(schema.ThresholdsMode.ABSOLUTE).steps(steps)


def mappings(panel: Panel) -> list[Any]:
    options = {
        value: schema.ValueMappingResult(text=word, color=colour, index=index)
        for index, (value, word, colour) in enumerate(panel.words)
    }
    return [schema.ValueMap(options=options)] if options else []


def visual(panel: Panel) -> Any:
    """The panel of its kind, without queries and place."""
    if panel.kind == "stat":
        made = stat.Panel().graph_mode(values.BigValueGraphMode.NONE)
        reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
        made = made.reduce_options(reduced).color_mode(
            values.BigValueColorMode.BACKGROUND if panel.steps or panel.words else values.BigValueColorMode.NONE
        )
        text = values.BigValueTextMode.NAME if panel.field else values.BigValueTextMode.AUTO
        return made.text_mode(text)
    if panel.kind == "timeline":
        return statetimeline.Panel().show_value(values.VisibilityMode.AUTO).row_height(0.8).merge_values(True)
    if panel.kind == "gauge":
        return gauge.Panel()
    if panel.kind == "bargauge":
        return bargauge.Panel().orientation(values.VizOrientation.HORIZONTAL)
    if panel.kind == "heatmap":
        colours = (
            heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Blues").steps(64).fill("dark-blue")
        )
        colours = colours.scale(heat.HeatmapColorScale.EXPONENTIAL).exponent(0.5)
        return heatmap.Panel().calculate(False).color(colours).y_axis(heatmap.YAxisConfig().unit(panel.unit))
    if panel.kind == "table":
        return table.Panel().show_header(True)
    if panel.kind == "barchart":
        return barchart.Panel()
    made = timeseries.Panel().line_width(1).show_points(values.VisibilityMode.NEVER)
    made = made.fill_opacity(60 if panel.kind == "bars" else 10 if not panel.stacked else 40)
    if panel.kind == "bars":
        made = made.draw_style(values.GraphDrawStyle.BARS)
    if panel.stacked:
        made = made.stacking(common.StackingConfig().mode(values.StackingMode.NORMAL).group("A"))
    if panel.steps:
        made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(values.GraphThresholdsStyleMode.LINE))
    legend = (
        common.VizLegendOptions().display_mode(values.LegendDisplayMode.TABLE).placement(values.LegendPlacement.BOTTOM)
    )
    legend = legend.calcs(["lastNotNull", "max"]).show_legend(True)
    tooltip = common.VizTooltipOptions().mode(values.TooltipDisplayMode.MULTI).sort(values.SortOrder.DESCENDING)
    return made.legend(legend).tooltip(tooltip)


def place(panel: Panel, number: int, x: int, y: int) -> Any:
    made = visual(panel).id(number).title(panel.title).description(panel.about).datasource(SOURCE).unit(panel.unit)
    made = made.thresholds(thresholds(panel)).grid_pos(schema.GridPos(h=panel.height, w=panel.width, x=x, y=y))
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        made = made.with_target(target(query, letter, panel.kind))
    if panel.field is not None:
        for word, _, colour in panel.words:
            fixed = schema.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
            made = made.override_by_regexp(f"/ {word}$/", [fixed])
    elif panel.words:
        made = made.mappings(mappings(panel))
    for given, setter in ((panel.low, made.min), (panel.high, made.max), (panel.decimals, made.decimals)):
        if given is not None:
            setter(given)
    if panel.repeat is not None:
        made = made.repeat(panel.repeat).repeat_direction("h").max_per_row(3)
    return made


def build(name: str) -> Any:
    """One dashboard's model."""
    title, about, rows = DASHBOARDS[name]
    board = dashboard.Dashboard(title).uid(f"fixbridge-{name}").description(about).tags(["fixbridge"])
    board = board.refresh("10s").time("now-1h", "now").timezone("browser").tooltip(schema.DashboardCursorSync.CROSSHAIR)
    board = board.readonly().timepicker(dashboard.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m"]))
    for other, (their_title, _, _) in DASHBOARDS.items():
        link = dashboard.DashboardLink(their_title.split(" / ")[1]).type(schema.DashboardLinkType.LINK)
        board = board.link(link.url(f"/d/fixbridge-{other}").include_vars(True).keep_time(True))
    console = dashboard.DashboardLink("Console").type(schema.DashboardLinkType.LINK).url(CONSOLE).target_blank(True)
    board = board.link(console)
    board = board.with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Data source"))
    for variable, expression in (*VARIABLES, *((STAGE_VARIABLE,) if name == DAEMON else ())):
        made = dashboard.QueryVariable(variable).label(variable.capitalize()).datasource(SOURCE)
        made = made.query({"query": expression, "refId": variable}).multi(True).include_all(True).all_value(".+")
        made = made.refresh(schema.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(schema.VariableSort.ALPHABETICAL_ASC)
        board = board.with_variable(made.current(schema.VariableOption(text="All", value="$__all", selected=True)))
    for label, expression, colour in ANNOTATIONS:
        note = (
            dashboard.AnnotationQuery().name(label).datasource(SOURCE).enable(True).icon_color(colour).expr(expression)
        )
        board = board.annotation(note)
    number, y = 1, 0
    for row in rows:
        board = board.with_row(
            dashboard.Row(row.title).id(number).grid_pos(schema.GridPos(h=1, w=COLUMNS, x=0, y=y)).collapsed(False)
        )
        number, y, x, tallest = number + 1, y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            board = board.with_panel(place(panel, number, x, y))
            number, x, tallest = number + 1, x + panel.width, max(tallest, panel.height)
        y += tallest
    return board.build()


def render(name: str) -> str:
    """The dashboard as the file holds it."""
    return json.dumps(json.loads(JSONEncoder(sort_keys=True).encode(build(name))), indent=1, sort_keys=True) + "\n"


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name in DASHBOARDS:
        (directory / f"{name}.json").write_text(render(name))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "dashboards")
