# SPDX-License-Identifier: Apache-2.0
"""Rows, table and chart made of the samples; changes when a target or the way results are shown does."""

import html
import math
import statistics

A, B = "Paddock", "ZooKeeper"

# figure, label, unit, which is better, target: ("ratio" | "value", limit) or None
ROWS = [
    ("get-32x8.ops_per_cpu_s", "getData, 32 connections × 8 deep, per CPU second", "/cpu-s", "high", ("ratio", 8)),
    ("get-32x8.ops_per_s", "getData, 32 × 8, throughput", "/s", "high", None),
    ("get-32x1.ops_per_s", "getData, 32 × 1, throughput", "/s", "high", ("ratio", 2)),
    ("get-32x1.ops_per_cpu_s", "getData, 32 × 1, per CPU second", "/cpu-s", "high", None),
    ("get-1.latency_p50_us", "getData, one client, latency (median)", "µs", "low", ("ratio", 0.4)),
    ("set-32x8.ops_per_cpu_s", "durable setData, 32 × 8, per CPU second", "/cpu-s", "high", ("ratio", 6)),
    ("set-32x8.ops_per_s", "durable setData, 32 × 8, throughput", "/s", "high", None),
    ("set-32x1.ops_per_s", "durable setData, 32 × 1, throughput", "/s", "high", None),
    ("set-32x1.ops_per_cpu_s", "durable setData, 32 × 1, per CPU second", "/cpu-s", "high", None),
    ("set-1.latency_p50_us", "durable setData, one client, latency (median)", "µs", "low", ("ratio", 0.7)),
    ("create-32x8.ops_per_cpu_s", "durable create, 32 × 8, per CPU second", "/cpu-s", "high", None),
    ("create-32x8.ops_per_s", "durable create, 32 × 8, throughput", "/s", "high", None),
    ("mixed-32x8.ops_per_cpu_s", "80 % getData + 20 % setData, 32 × 8, per CPU second", "/cpu-s", "high", None),
    ("mixed-32x8.ops_per_s", "80 % getData + 20 % setData, 32 × 8, throughput", "/s", "high", None),
    ("memory.loaded", "memory, a million znodes of 100 B, just loaded", "MB", "low", ("value", 260)),
    ("memory.restarted", "memory, a million znodes of 100 B, restarted", "MB", "low", ("value", 260)),
    ("memory.load_per_s", "loading them, creates", "/s", "high", None),
    ("restart.seconds", "restart on a million znodes, to the first answer", "s", "low", ("value", 1.5)),
    ("watches.bytes", "memory, a million watches", "MB", "low", ("value", 100)),
    ("watches.set_per_s", "setting watches", "/s", "high", None),
    ("watches.fired_per_s", "firing watches", "/s", "high", None),
    ("idle-server.rss", "memory, idle server", "MB", "low", ("value", 10)),
    ("idle-sessions.bytes", "memory, an idle session", "KB", "low", ("value", 4)),
    ("snapshots.closed_p99_without", "p99 of setData, 8 × 1, no snapshots", "µs", "low", None),
    ("snapshots.closed_p99_with", "p99 of setData, 8 × 1, during snapshots", "µs", "low", None),
    ("snapshots.closed_ratio", "p99 with ÷ without snapshots, 8 × 1", "×", "low", ("value", 1.5)),
    ("snapshots.fixed_p99_without", "p99 of setData, half rate, no snapshots", "µs", "low", None),
    ("snapshots.fixed_p99_with", "p99 of setData, half rate, during snapshots", "µs", "low", None),
    ("snapshots.fixed_ratio", "p99 with ÷ without snapshots, half rate", "×", "low", ("value", 1.5)),
]
ENSEMBLE_ROWS = [
    ("set-32x8.ops_per_s", "setData, 32 connections × 8 deep over all servers", "/s", "high", ("ratio", 2.5)),
    ("set-32x8.ops_per_cpu_s", "setData, 32 × 8, per CPU second of all servers", "/cpu-s", "high", None),
    ("create-32x8.ops_per_s", "create, 32 × 8 over all servers", "/s", "high", None),
    ("create-32x8.ops_per_cpu_s", "create, 32 × 8, per CPU second of all servers", "/cpu-s", "high", None),
    ("set-1.ops_per_s", "setData, one client, throughput", "/s", "high", ("ratio", 1)),
    ("set-2.ops_per_s", "setData, 2 clients, throughput", "/s", "high", ("ratio", 1)),
    ("set-5.ops_per_s", "setData, 5 clients, throughput", "/s", "high", ("ratio", 1)),
    ("set-10.ops_per_s", "setData, 10 clients, throughput", "/s", "high", ("ratio", 1)),
    ("create-1.ops_per_s", "create, one client, throughput", "/s", "high", ("ratio", 1)),
    ("create-2.ops_per_s", "create, 2 clients, throughput", "/s", "high", ("ratio", 1)),
    ("create-5.ops_per_s", "create, 5 clients, throughput", "/s", "high", ("ratio", 1)),
    ("create-10.ops_per_s", "create, 10 clients, throughput", "/s", "high", ("ratio", 1)),
    ("set-1.latency_p50_us", "setData, one client at a follower, latency (median)", "µs", "low", None),
    ("set-1.latency_p99_us", "setData, one client at a follower, latency (p99)", "µs", "low", None),
    ("create-1.latency_p50_us", "create, one client at a follower, latency (median)", "µs", "low", None),
    ("follower-get.ops_per_s", "getData, 32 × 8 at one follower", "/s", "high", None),
    ("alone-get.ops_per_s", "getData, 32 × 8, stand-alone", "/s", "high", None),
    ("follower-get.of_alone", "getData, 32 × 8, follower ÷ stand-alone", "×", "high", ("value", 0.9)),
    ("follower-get.ops_per_cpu_s", "getData, 32 × 8, per CPU second of the follower", "/cpu-s", "high", None),
    ("failover.ms", "fail-over: kill -9 to the next write", "ms", "low", ("ratio", 0.5)),
    ("failover.worst_ms", "fail-over, the slowest of the kills", "ms", "low", None),
    ("failover-200k.ms", "fail-over with 200,000 znodes", "ms", "low", ("ratio", 0.5)),
    ("failover-200k.worst_ms", "fail-over with 200,000 znodes, the slowest", "ms", "low", None),
]
REDIS_ROWS = [
    ("redis-get-32x8.ops_per_cpu_s", "Redis GET, 32 × 8, per CPU second", "/cpu-s"),
    ("redis-get-32x8.ops_per_s", "Redis GET, 32 × 8, throughput", "/s"),
    ("redis-get-32x1.ops_per_s", "Redis GET, 32 × 1, throughput", "/s"),
    ("redis-get-1.latency_p50_us", "Redis GET, one client, latency (median)", "µs"),
]
SCALE = {"MB": 1e6, "KB": 1e3}


def median(samples, figure, server, unit):
    values = samples.get(figure, {}).get(server)
    return statistics.median(values) / SCALE.get(unit, 1) if values else None


def is_met(target, better, ours, ratio):
    """True, False, or None where there is no target or no figure to judge by."""
    if target is None:
        return None
    kind, limit = target
    judged = ratio if kind == "ratio" else ours
    if judged is None:
        return None
    return judged >= limit if better == "high" else judged <= limit


def make_rows(samples, wanted=ROWS):
    rows = []
    for figure, label, unit, better, target in wanted:
        ours, theirs = (median(samples, figure, server, unit) for server in (A, B))
        if ours is None and theirs is None:
            continue
        # Memory that did not grow has no ratio, though it may meet its target.
        ratio = ours / theirs if ours and theirs and ours > 0 and theirs > 0 else None
        rows.append({"figure": figure, "label": label, "unit": unit, "better": better, "paddock": ours,
                     "zookeeper": theirs, "ratio": ratio, "target": target_text(target, better, unit),
                     "met": is_met(target, better, ours, ratio), "limit": target})
    return rows


def redis_rows(samples):
    return [{"figure": figure, "label": label, "unit": unit, "redis": median(samples, figure, "Redis", unit)}
            for figure, label, unit in REDIS_ROWS if figure in samples]


def target_text(target, better, unit):
    if target is None:
        return ""
    sign = "≥" if better == "high" else "≤"
    return f"{sign} {target[1]:g} ×" if target[0] == "ratio" or unit == "×" else f"{sign} {target[1]:g} {unit}"


def number(value, unit):
    if value is None:
        return "–"
    if unit == "µs" and abs(value) >= 10000:
        value, unit = value / 1000, "ms"
    text = f"{value / 1000:,.1f} k" if abs(value) >= 10000 else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if unit == "×":
        return f"{text} ×"
    return f"{text}{'' if unit.startswith('/') else ' '}{unit}"


def times(ratio):
    if ratio is None:
        return "–"
    return f"{ratio:.1f} ×" if ratio >= 10 else f"{ratio:.2f} ×"


def yes_no(met):
    return {True: "yes", False: "**no**", None: ""}[met]


def markdown(rows, redis):
    lines = [f"| workload | {A} | {B} | ratio | target | met |", "|---|---:|---:|---:|---:|:---:|"]
    lines += [f"| {row['label']} | {number(row['paddock'], row['unit'])} | {number(row['zookeeper'], row['unit'])} "
              f"| {times(row['ratio'])} | {row['target']} | {yes_no(row['met'])} |" for row in rows]
    if redis:
        lines += ["", "| for reference | Redis |", "|---|---:|"]
        lines += [f"| {row['label']} | {number(row['redis'], row['unit'])} |" for row in redis]
    return "\n".join(lines) + "\n"


# The chart: how many times better than ZooKeeper, on a scale of doublings.

LABEL_WIDTH, PLOT_WIDTH, VALUE_WIDTH = 400, 460, 210
ROW_HEIGHT, TOP, BOTTOM = 30, 96, 64
BLUE, ORANGE, INK, GREY, GRID = "#0072b2", "#d55e00", "#1a1a1a", "#595959", "#d9d9d9"


def advantage(row):
    """Above 1: better than ZooKeeper, whichever way round the figure counts."""
    return row["ratio"] if row["better"] == "high" else 1 / row["ratio"]


def target_advantage(row):
    """Where the target lies on the chart; a target for the value itself is compared with what ZooKeeper has."""
    if row["limit"] is None:
        return None
    kind, limit = row["limit"]
    ratio = limit if kind == "ratio" else limit / row["zookeeper"]
    return ratio if row["better"] == "high" else 1 / ratio


def text(x, y, words, anchor="start", size=13, colour=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
            f'fill="{colour}">{html.escape(words)}</text>')


class Scale:
    """Maps a factor to a place: powers of two at equal distances."""

    def __init__(self, factors):
        self.low = min(-1, math.floor(min(math.log2(factor) for factor in factors)))
        self.high = max(1, math.ceil(max(math.log2(factor) for factor in factors)))

    def x(self, factor):
        return LABEL_WIDTH + PLOT_WIDTH * (math.log2(factor) - self.low) / (self.high - self.low)

    def ticks(self):
        step = 1 if self.high - self.low <= 9 else 2
        return [2.0 ** power for power in range(self.low, self.high + 1) if power % step == 0]


def tick_text(factor):
    return f"{factor:g}×" if factor >= 1 else f"1/{1 / factor:g}×"


def bar(row, scale, y):
    """One row: label, bar from 1× to the factor, the target's mark, and the figures in words."""
    factor, goal = advantage(row), target_advantage(row)
    left, right = sorted((scale.x(1), scale.x(factor)))
    parts = [text(LABEL_WIDTH - 10, y + 5, row["label"], "end", 12.5)]
    style = f'fill="{BLUE}"' if factor >= 1 else f'fill="#ffffff" stroke="{BLUE}" stroke-width="1.5"'
    parts.append(f'<rect x="{left:.1f}" y="{y - 9:.1f}" width="{max(right - left, 1):.1f}" height="18" {style}/>')
    if goal is not None:
        x = scale.x(goal)
        parts.append(f'<path d="M{x:.1f} {y - 14:.1f}v28" stroke="#ffffff" stroke-width="5"/>'
                     f'<path d="M{x:.1f} {y - 14:.1f}v28" stroke="{ORANGE}" stroke-width="2.5"/>')
    verdict = {True: "  ✓ met", False: "  ✗ missed", None: ""}[row["met"]]
    end = LABEL_WIDTH + PLOT_WIDTH + 14
    parts.append(text(end, y - 1, f"{factor:.1f}×{verdict}", weight="bold"))
    parts.append(text(end, y + 12, f"{number(row['paddock'], row['unit'])} vs {number(row['zookeeper'], row['unit'])}",
                      size=10.5, colour=GREY))
    return "\n".join(parts)


def svg(rows, subtitle):
    """The chart as SVG text, or None when there is no row with both servers' figures."""
    shown = [row for row in rows if row["ratio"]]
    if not shown:
        return None
    goals = [goal for goal in map(target_advantage, shown) if goal is not None]
    scale = Scale([1.0] + [advantage(row) for row in shown] + goals)
    width = LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH
    bottom = TOP + ROW_HEIGHT * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + BOTTOM}" width="{width}" '
        f'height="{bottom + BOTTOM}" font-family="DejaVu Sans, Verdana, sans-serif" role="img">',
        f"<title>{A} beside Apache {B}: how many times better</title>",
        f'<rect width="{width}" height="{bottom + BOTTOM}" fill="#ffffff"/>',
        text(20, 30, f"{A} beside Apache {B}: how many times better", size=18, weight="bold"),
        text(20, 52, subtitle, size=12, colour=GREY),
    ]
    for factor in scale.ticks():
        x = scale.x(factor)
        colour, thickness = (INK, 1.5) if factor == 1 else (GRID, 1)
        parts.append(f'<path d="M{x:.1f} {TOP - 14}V{bottom}" stroke="{colour}" stroke-width="{thickness}"/>')
        parts.append(text(x, TOP - 20, tick_text(factor), "middle", 11.5, GREY))
    parts += [bar(row, scale, TOP + ROW_HEIGHT * (i + 0.5)) for i, row in enumerate(shown)]
    parts += [legend(bottom + 32), "</svg>"]
    return "\n".join(parts) + "\n"


def legend(y):
    return "\n".join([
        f'<rect x="20" y="{y - 9}" width="28" height="14" fill="{BLUE}"/>',
        text(56, y + 3, "better than ZooKeeper", size=12),
        f'<rect x="226" y="{y - 9}" width="28" height="14" fill="#ffffff" stroke="{BLUE}" stroke-width="1.5"/>',
        text(262, y + 3, "worse", size=12),
        f'<path d="M336 {y - 14}v24" stroke="{ORANGE}" stroke-width="2.5"/>',
        text(346, y + 3, "target", size=12),
        text(410, y + 3, "Less memory, time and latency count as better. Each gridline doubles.", size=12, colour=GREY),
    ])
