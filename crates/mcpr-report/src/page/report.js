"use strict";
// Draws the report from the data in the page. What was recorded is data: it is put in as text only.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const PAGE = 50;
  const WATERFALL = 60;

  // An element with attributes and children; a child that is no element becomes text.
  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    return fill(element, attributes, children);
  }
  function draw(name, attributes, ...children) {
    return fill(document.createElementNS(SVG, name), attributes, children);
  }
  function fill(element, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined) element.append(child);
    }
    return element;
  }

  const grouped = new Intl.NumberFormat("en");
  const count = (n) => grouped.format(n);
  function duration(us) {
    if (us === null || us === undefined) return "–";
    if (us < 1000) return `${us} µs`;
    if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 1 : 0)} ms`;
    if (us < 6e7) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
    const seconds = Math.round((us % 6e7) / 1e6);
    if (us < 3.6e9) return `${Math.floor(us / 6e7)} min${seconds > 0 ? ` ${seconds} s` : ""}`;
    const hours = us / 3.6e9;
    const [long, unit] = hours < 48 ? [hours, "h"] : [hours / 24, "days"];
    return `${Number.isInteger(long) ? long : long.toFixed(1)} ${unit}`;
  }
  function bytes(n) {
    if (n < 1000) return `${n} B`;
    if (n < 1e6) return `${(n / 1e3).toFixed(1)} kB`;
    return `${(n / 1e6).toFixed(1)} MB`;
  }
  const pad = (n, width = 2) => String(n).padStart(width, "0");
  // Times are in UTC: two readers of one report must see the same.
  function time(ms, withDay = true) {
    const at = new Date(ms);
    if (Number.isNaN(at.getTime())) return String(ms);
    const clock = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`;
    return withDay ? `${day(ms)} ${clock}` : clock;
  }
  function day(ms) {
    const at = new Date(ms);
    if (Number.isNaN(at.getTime())) return String(ms);
    return `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
  }
  function share(part, whole) {
    if (!whole) return "0 %";
    const percent = (100 * part) / whole;
    return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
  }
  // A text of JSON is indented; what is none, or was cut, stays as it is. Its words stay as they were written:
  // decoded, a long number would be another one, and an escape the unseen character that it stands for.
  function pretty(text) {
    try {
      // What the program has written out is no escape of JSON.
      JSON.parse(text.replace(/\\\\|\\(?:u\{[0-9a-f]+\}|x[0-9a-f]{2})/g, ""));
    } catch {
      return text;
    }
    let depth = 0;
    const line = () => `\n${"  ".repeat(depth)}`;
    const words = text.match(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+/g) || [];
    return words.map((word) => {
      if (word === "{" || word === "[") depth += 1;
      if (word === "}" || word === "]") depth -= 1;
      if (word === "{" || word === "[" || word === ",") return word + line();
      if (word === "}" || word === "]") return line() + word;
      return word === ":" ? ": " : word;
    }).join("");
  }

  const windows = data.windows;
  const isPair = windows.length === 2;
  const last = windows[windows.length - 1];

  function section(id, title, ...children) {
    return make("section", { id, "aria-labelledby": `${id}-title` },
      make("h2", { id: `${id}-title` }, title), ...children);
  }
  // The same part of each window, side by side.
  function each(render) {
    return make("div", { class: isPair ? "windows two" : "windows" },
      windows.map((window) => make("div", {}, isPair ? make("h3", {}, window.name) : null, render(window))));
  }
  // Where all are of one proxy, its name stands nowhere else.
  const oneProxy = (rows) => (new Set(rows.map((row) => row.proxy)).size === 1 ? "one-proxy" : "");
  const nothing = (text) => make("p", { class: "nothing" }, text);

  // ---- figures
  function figures() {
    const of = (window, before) => {
      const total = window.total;
      const change = (now, then, write) => {
        if (!before || then === null || then === undefined || now === null || now === undefined) return null;
        const difference = now - then;
        if (difference === 0) return make("small", {}, "as before");
        return make("small", {}, `${difference > 0 ? "+" : "−"}${write(Math.abs(difference))}`);
      };
      const entry = (name, value, bad, small) =>
        make("div", {}, make("dt", {}, name), make("dd", bad ? { class: "bad" } : {}, value, small));
      const then = before ? before.total : {};
      const latency = (key) => [duration(total[key]), false, change(total[key], then[key], duration)];
      return make("dl", { class: "figures" },
        entry("calls", count(total.calls), false, change(total.calls, then.calls, count)),
        entry("errors", count(total.errors), total.errors > 0,
          change(total.errors, then.errors, count) || make("small", {}, share(total.errors, total.calls))),
        entry("never answered", count(total.timeouts), total.timeouts > 0, change(total.timeouts, then.timeouts, count)),
        entry("half took less than", ...latency("p50")),
        entry("95 % less than", ...latency("p95")),
        entry("the longest", ...latency("max")),
        entry("time spent in calls", ...latency("time_us")),
        entry("sessions", count(total.sessions), false, change(total.sessions, then.sessions, count)),
        entry("asked", bytes(total.bytes_in), false, change(total.bytes_in, then.bytes_in, bytes)),
        entry("answered", bytes(total.bytes_out), false, change(total.bytes_out, then.bytes_out, bytes)));
    };
    const parts = windows.map((window, at) => make("div", {},
      isPair ? make("h3", {}, window.name) : null,
      window.conditions.length ? make("p", { class: "note" }, window.conditions.join(" · ")) : null,
      of(window, at > 0 ? windows[0] : null)));
    return section("figures", "Figures", make("div", { class: isPair ? "windows two" : "windows" }, parts));
  }

  // ---- charts
  // Drawn for the screen at hand: a scaled chart would have letters nobody can read.
  const BOX = { width: globalThis.innerWidth < 600 ? 330 : 640, height: 170, left: 50, right: 8, top: 10, bottom: 24 };
  function frame(window, label, most, write) {
    const { width, height, left, right, top, bottom } = BOX;
    const chart = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    const inner = height - top - bottom;
    for (const part of [0, 0.5, 1]) {
      const y = top + inner * (1 - part);
      chart.append(draw("line", { class: "grid", x1: left, x2: width - right, y1: y, y2: y }),
        draw("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, write(most * part)));
    }
    const { from, to } = window.buckets;
    // As fine as the two ends need to differ.
    const letters = to - from > 864e5 ? 5 : 8;
    const clock = (ms) => (to - from < 1e4 ? new Date(ms).toISOString().slice(11, 23) : time(ms, false).slice(0, letters));
    const dayOf = (ms) => (ms === from || day(ms) !== day(from) ? `${day(ms)} ` : "");
    chart.append(draw("text", { x: left, y: height - 6 }, dayOf(from) + clock(from)),
      draw("text", { x: width - right, y: height - 6, "text-anchor": "end" }, dayOf(to) + clock(to)));
    return chart;
  }
  function places(window) {
    const { start, width, from, to } = window.buckets;
    // The first piece and the last reach beyond the axis, which ends where the window does.
    const share = (at) => Math.min(1, Math.max(0, (start + at * width - from) / Math.max(1, to - from)));
    const x = (at) => BOX.left + (BOX.width - BOX.left - BOX.right) * share(at);
    return { x, wide: (at) => Math.max(1, x(at + 1) - x(at) - 1), high: BOX.height - BOX.top - BOX.bottom };
  }
  function when(window, at) {
    return time(Math.max(window.buckets.from, window.buckets.start + at * window.buckets.width));
  }
  function callsChart(window, most) {
    const { calls, errors } = window.buckets;
    const total = `${count(window.total.calls)} calls over time, ${count(window.total.errors)} of them errors`;
    const chart = frame(window, total, most, (n) => count(Math.round(n)));
    const { x, wide, high } = places(window);
    const base = BOX.height - BOX.bottom;
    calls.forEach((n, at) => {
      if (!n) return;
      const tall = (high * n) / most;
      const bad = (high * errors[at]) / most;
      chart.append(draw("g", {},
        draw("title", {}, `${when(window, at)}: ${count(n)} calls, ${count(errors[at])} errors`),
        draw("rect", { class: "ok", x: x(at), y: base - tall, width: wide(at), height: tall - bad }),
        draw("rect", { class: "bad-bar", x: x(at), y: base - bad, width: wide(at), height: bad })));
    });
    return make("figure", {}, make("figcaption", {},
      make("span", { class: "key calls" }, "calls"), make("span", { class: "key errors" }, "errors among them"),
      make("span", {}, `each bar ${duration(window.buckets.width * 1000)}`)), chart);
  }
  function latencyChart(window, least, most) {
    const { p50, p95, p99 } = window.buckets;
    const label = `Latency over time: half of all calls took less than ${duration(window.total.p50)}, 95 % less than ${duration(window.total.p95)}`;
    // The slowest are a thousand times slower than the fastest: the scale is logarithmic.
    const decades = Math.log10(most / least);
    const scale = (us) => Math.max(0, Math.log10(Math.max(us, least) / least) / decades);
    const chart = frame(window, label, 1, (part) => duration(Math.round(least * 10 ** (part * decades))));
    const { x, wide, high } = places(window);
    const y = (us) => BOX.height - BOX.bottom - high * scale(us);
    let line = "";
    p50.forEach((half, at) => {
      if (half === null) {
        line += "|";
        return;
      }
      const middle = (x(at) + x(at + 1)) / 2;
      chart.append(draw("g", {},
        draw("title", {}, `${when(window, at)}: half under ${duration(half)}, 95 % under ${duration(p95[at])}, 99 % under ${duration(p99[at])}`),
        draw("rect", { class: "band outer", x: x(at), y: y(p99[at]), width: wide(at), height: Math.max(1, y(half) - y(p99[at])) }),
        draw("rect", { class: "band", x: x(at), y: y(p95[at]), width: wide(at), height: Math.max(1, y(half) - y(p95[at])) })));
      line += ` ${middle.toFixed(1)},${y(half).toFixed(1)}`;
    });
    for (const run of line.split("|")) {
      const points = run.trim().split(" ").filter(Boolean);
      if (points.length > 1) chart.append(draw("polyline", { class: "median", points: points.join(" ") }));
      if (points.length === 1) {
        const [cx, cy] = points[0].split(",");
        chart.append(draw("circle", { class: "dot", cx, cy, r: 2.5 }));
      }
    }
    return make("figure", {}, make("figcaption", {},
      make("span", { class: "key half" }, "half of the calls took less"),
      make("span", { class: "key most" }, "up to 95 %, lighter to 99 %"),
      make("span", {}, "logarithmic")), chart);
  }
  function charts() {
    const all = (key) => windows.flatMap((window) => window.buckets[key]).filter((n) => n !== null);
    // Two windows share a scale, or they could not be compared.
    const calls = Math.max(1, ...all("calls"));
    // From a power of ten to a power of ten, so that the lines of the scale are round.
    const least = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(...all("p50")))));
    const most = 10 ** Math.ceil(Math.log10(Math.max(least * 10, ...all("p99"))));
    return section("time", "Over time",
      each((window) => window.total.calls
        ? make("div", { class: isPair ? "" : "charts" }, callsChart(window, calls), latencyChart(window, least, most))
        : nothing("No call in this window.")));
  }

  // ---- tools
  const TOOL_COLUMNS = [
    ["tool or method", "name", null], ["proxy", "proxy", null], ["calls", "calls", count], ["errors", "errors", count],
    ["rate", "rate", null], ["p50", "p50", duration], ["p95", "p95", duration], ["max", "max", duration],
    ["time spent", "time_us", duration],
  ];
  function toolRows() {
    const key = (tool) => JSON.stringify([tool.proxy, tool.method, tool.target]);
    const before = new Map(isPair ? windows[0].tools.map((tool) => [key(tool), tool]) : []);
    const rows = last.tools.map((tool) => ({ ...tool, before: before.get(key(tool)) }));
    const now = new Set(last.tools.map(key));
    for (const [name, tool] of before) {
      if (!now.has(name)) {
        rows.push({ ...tool, calls: 0, errors: 0, p50: null, p95: null, p99: null, max: null, time_us: 0, before: tool });
      }
    }
    return rows.map((tool) => ({
      ...tool, name: tool.target || tool.method, rate: tool.calls ? tool.errors / tool.calls : 0,
    }));
  }
  function tools() {
    const rows = toolRows();
    if (!rows.length) return section("tools", "Tools and methods", nothing("No call in this window."));
    let sorted = ["calls", -1];
    let wanted = "";
    const head = TOOL_COLUMNS.map(([title, key]) => {
      const button = make("button", { type: "button" }, title);
      const cell = make("th", { scope: "col", class: key === "name" ? null : key === "proxy" ? "proxy" : "n" }, button);
      button.addEventListener("click", () => {
        const isText = key === "name" || key === "proxy";
        sorted = sorted[0] === key ? [key, -sorted[1]] : [key, isText ? 1 : -1];
        show();
      });
      return [key, cell];
    });
    const body = make("tbody", {});
    const status = make("p", { class: "note", role: "status" });
    const filter = make("input", { type: "search", id: "tool-filter", autocomplete: "off", spellcheck: "false" });
    filter.addEventListener("input", () => {
      wanted = filter.value.toLowerCase();
      show();
    });
    const changed = (row, key, write) => {
      if (!isPair) return null;
      const then = row.before ? row.before[key] : null;
      return make("small", { class: "dim" }, then === null || then === undefined ? " (none)" : ` (${write(then)})`);
    };
    function show() {
      const [by, way] = sorted;
      const compare = (a, b) => {
        const [left, right] = [a[by], b[by]];
        if (left === right) return a.name < b.name ? -1 : 1;
        if (left === null) return 1;
        if (right === null) return -1;
        return (left < right ? -1 : 1) * way;
      };
      const shown = rows
        .filter((row) => `${row.name} ${row.method} ${row.proxy}`.toLowerCase().includes(wanted))
        .sort(compare);
      for (const [key, cell] of head) {
        if (key === by) cell.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
        else cell.removeAttribute("aria-sort");
      }
      body.replaceChildren(...shown.map((row) => make("tr", {},
        make("td", { class: "name" }, row.name, row.target && row.method !== "tools/call" ? make("span", { class: "dim" }, ` ${row.method}`) : null),
        make("td", { class: "name proxy" }, row.proxy),
        TOOL_COLUMNS.slice(2).map(([title, key, write]) =>
          make("td", { class: row.errors && (key === "errors" || key === "rate") ? "n bad" : "n", "data-title": title },
            key === "rate" ? share(row.errors, row.calls) : write(row[key]),
            ["calls", "errors", "p95"].includes(key) ? changed(row, key, write) : null)))));
      const left = last.tools_left ? `; ${count(last.tools_left)} more were left out` : "";
      status.textContent = `${count(shown.length)} of ${count(rows.length)} shown${left}`;
    }
    show();
    return section("tools", "Tools and methods",
      isPair ? make("p", { class: "note" }, `In brackets: ${windows[0].name}.`) : null,
      make("div", { class: "controls" }, make("label", { for: "tool-filter" }, "Show names with", filter)),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of tools and methods" },
        make("table", { id: "tool-table", class: `stacks ${oneProxy(rows)}` }, make("thead", {}, make("tr", {}, head.map(([, cell]) => cell))), body)),
      status);
  }

  // ---- waterfall
  function requestsOf(window) {
    const name = (at) => (at === null ? null : window.names[at]);
    return window.requests.map(([seq, ts, latency, status, proxy, method, target, session, client]) => ({
      seq, ts, latency, status, proxy: name(proxy), method: name(method), target: name(target), session: name(session), client: name(client),
    }));
  }
  function waterfall() {
    const all = windows.flatMap(requestsOf);
    const sessions = new Map();
    for (const request of all) {
      if (request.session === null) continue;
      const key = JSON.stringify([request.proxy, request.session]);
      const known = sessions.get(key) || { requests: [], proxy: request.proxy, id: request.session, client: request.client, errors: 0 };
      known.requests.push(request);
      known.errors += ["ok", "unknown"].includes(request.status) ? 0 : 1;
      sessions.set(key, known);
    }
    const list = [...sessions.values()].sort((a, b) => b.errors - a.errors || b.requests.length - a.requests.length);
    if (!list.length) return section("sessions", "One session, call by call", nothing("No session in this window."));
    const choice = make("select", { id: "session-choice" }, list.map((session, at) => make("option", { value: at },
      `${session.id} — ${session.client || "unknown client"}, ${session.proxy}: ${count(session.requests.length)} calls, ${count(session.errors)} errors`)));
    const place = make("div", {});
    let most = WATERFALL;
    function show() {
      const session = list[Number(choice.value)];
      const requests = [...session.requests].sort((a, b) => a.ts - b.ts || a.seq - b.seq);
      const shown = requests.slice(0, most);
      const from = shown[0].ts;
      const to = Math.max(from + 1, ...shown.map((request) => request.ts + (request.latency || 0) / 1000));
      // A call that nobody answered may have hung for hours: beside it the others would be dots.
      const answered = shown.map((request) => (request.status === "timeout" ? 0 : request.latency || 0));
      const longest = 2 * Math.max(1, ...answered);
      const drawn = (request) => Math.min(request.latency || 0, longest) / 1000;
      const isShort = shown.some((request) => (request.latency || 0) > longest);
      const end = (request) => request.ts + drawn(request);
      // A person pauses for minutes between calls of milliseconds: longer pauses are drawn short.
      const pause = Math.max(1, shown.reduce((sum, request) => sum + drawn(request), 0) / shown.length);
      let [busy, cut] = [from, 0];
      const starts = shown.map((request) => {
        cut += Math.max(0, request.ts - busy - pause);
        busy = Math.max(busy, end(request));
        return request.ts - cut;
      });
      const whole = Math.max(1, ...shown.map((request, at) => starts[at] - from + drawn(request)));
      const rows = shown.map((request, at) => {
        const how = ["ok", "unknown"].includes(request.status) ? "" : request.status === "timeout" ? "open" : "failed";
        const mark = make("i", { class: how });
        // A page without inline styles may still set them through the object model.
        mark.style.left = `${((100 * (starts[at] - from)) / whole).toFixed(3)}%`;
        mark.style.width = `${((100 * drawn(request)) / whole).toFixed(3)}%`;
        return make("tr", {},
          make("td", { class: "dim n" }, `+${duration((request.ts - from) * 1000)}`),
          make("td", { class: "name" }, request.target || request.method),
          make("td", { class: how ? "n bad" : "n" }, request.status === "ok" ? duration(request.latency) : `${duration(request.latency)} ${request.status}`),
          make("td", { class: "lane" }, make("span", { class: "bar", "aria-hidden": "true" }, mark)));
      });
      const left = requests.length - shown.length;
      place.replaceChildren(
        make("p", { class: "note" }, `${time(from)} to ${time(to)}, ${duration(Math.round((to - from) * 1000))} in all`,
          left > 0 ? `; the first ${count(shown.length)} of ${count(requests.length)} calls` : "",
          cut > 0 ? "; pauses are drawn short" : "", isShort ? "; what was never answered is drawn short" : ""),
        make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Calls of the session" },
          make("table", { class: "water", id: "waterfall" },
            make("thead", { class: "wide" }, make("tr", {}, make("th", { scope: "col", class: "n" }, "begin"), make("th", { scope: "col" }, "call"),
              make("th", { scope: "col", class: "n" }, "took"), make("th", { scope: "col" }, ""))), make("tbody", {}, rows))),
        left > 0 ? further(left) : "");
    }
    function further(left) {
      const button = make("button", { type: "button", class: "more" }, `Show ${count(Math.min(left, 10 * WATERFALL))} more calls`);
      button.addEventListener("click", () => {
        most += 10 * WATERFALL;
        show();
      });
      return button;
    }
    choice.addEventListener("change", () => {
      most = WATERFALL;
      show();
    });
    show();
    return section("sessions", "One session, call by call",
      make("div", { class: "controls" }, make("label", { for: "session-choice" }, "Session", choice)),
      make("p", { class: "note" }, make("span", { class: "key calls" }, "answered "), " ", make("span", { class: "key errors" }, "failed "), " ",
        make("span", { class: "key pending" }, "never answered")), place);
  }

  // ---- what has no answer, and servers that failed
  function folded(title, ...text) {
    return make("details", {}, make("summary", {}, make("span", {}, title)), make("pre", { tabindex: "0" }, text));
  }
  function flight() {
    const of = (window) => {
      const calls = window.open.map((call) => make("li", {}, make("span", { class: "dim" }, `${time(call.ts)} `),
        make("bdi", { class: "what" }, call.target || call.method), " of ", make("bdi", {}, call.proxy),
        call.awaited ? `: no answer for ${duration(1000 * Math.max(0, data.made_at - call.ts))}` : ": whoever recorded it is gone, nobody knows how it ended",
        call.params ? folded("asked", pretty(call.params.text), call.params.cut ? " …" : "") : null));
      const servers = window.servers.map((server) => make("li", {}, make("span", { class: "dim" }, `${time(server.ts)} `),
        make("bdi", { class: "what" }, server.proxy), ": ", make("bdi", { class: "bad" }, server.how),
        server.stderr ? folded("stderr", server.stderr.cut ? "… " : "", server.stderr.text) : null));
      const left = (n, what) => n ? [make("li", {}, `${count(n)} older ${what} were left out.`)] : [];
      const all = [...calls, ...left(window.open_left, "calls"), ...servers, ...left(window.servers_left, "servers")];
      return all.length ? make("ul", { class: "plain" }, all)
        : nothing("Nothing was in flight when this report was made, and no server is known to have failed.");
    };
    return section("flight", "In flight, and servers that failed", each(of));
  }

  // ---- failures
  function failure(one) {
    const what = one.target || one.method;
    const kind = [one.kind, one.code].filter(Boolean).join(" ");
    const item = make("details", {},
      make("summary", {}, make("span", { class: "dim" }, time(one.ts)), make("span", { class: "what" }, what),
        make("bdi", { class: "proxy dim" }, one.proxy),
        make("span", { class: "reason" }, kind ? `${kind}: ` : "", one.message || (one.status === "timeout" ? "never answered" : "no message")),
        make("span", { class: "dim" }, duration(one.latency))));
    // Filled when it is opened: a page of hundreds of payloads stays quick.
    item.addEventListener("toggle", () => {
      if (!item.open || item.children.length > 1) return;
      const block = (title, body) => body === null || body === undefined ? null : make("div", { class: "block" },
        make("h4", {}, title), make("pre", { tabindex: "0" }, pretty(body.text), body.cut ? " …" : ""),
        body.cut ? make("p", {}, `The end is missing: ${bytes(body.bytes)} as it passed.`) : null);
      item.append(make("div", { class: "inside" },
        make("p", {}, [`#${one.seq}`, one.method, one.proxy, one.session ? `session ${one.session}` : null, one.client].filter(Boolean).join(" · ")),
        block("asked", one.params), block("answered", one.answer),
        one.params || one.answer ? null : make("p", {}, data.payloads ? "The payload was not kept." : "Payloads were left out of this report.")));
    });
    return item;
  }
  function failures() {
    const of = (window) => {
      const all = window.failures;
      if (!all.length) return nothing(window.total.errors ? "None is kept one by one." : "None.");
      const list = make("div", { class: `failures ${oneProxy(all)}` });
      const more = make("button", { type: "button", class: "more" });
      let shown = 0;
      function show() {
        list.append(...all.slice(shown, shown + PAGE).map(failure));
        shown = Math.min(all.length, shown + PAGE);
        more.hidden = shown >= all.length;
        more.textContent = `Show ${count(Math.min(PAGE, all.length - shown))} more of ${count(all.length)}`;
      }
      more.addEventListener("click", show);
      show();
      const left = window.failures_left
        ? make("p", { class: "note" }, `The newest ${count(all.length)} stand here; ${count(window.failures_left)} older ones were left out.`) : null;
      return [list, more, left];
    };
    return section("failures", "Failures", each(of));
  }

  // ---- changes, gaps
  function changes() {
    const of = (window) => {
      if (!window.changes.length) return nothing(window.unchanged);
      const rows = window.changes.map((change) => make("tr", {},
        make("td", { class: "when dim" }, time(change.ts)), make("td", { class: "name" }, change.proxy, make("span", { class: "dim" }, ` ${change.method} version ${change.version}`)),
        make("td", { class: "name" }, change.change.replaceAll("_", " "), change.item ? ` ${change.item}` : ""),
        make("td", {}, change.compatibility ? make("span", { class: `tag ${change.compatibility}` }, change.compatibility) : "",
          " ", change.security && change.security !== "none" ? make("span", { class: `tag ${change.security}` }, change.security) : "")));
      return [make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Changes of what servers offer" }, make("table", { class: "stacks" },
        make("thead", { class: "wide" }, make("tr", {}, ["when", "list", "change", "verdict"].map((title) => make("th", { scope: "col" }, title)))),
        make("tbody", {}, rows))),
      window.changes_left ? make("p", { class: "note" }, `${count(window.changes_left)} older changes were left out.`) : null];
    };
    return section("changes", "What the servers changed", each(of));
  }
  function unknown() {
    const of = (window) => {
      const gaps = window.gaps.map((gap) => make("li", {},
        `${count(gap.count)} events are missing between ${time(gap.from)} and ${time(gap.to)}, of ${gap.source}`));
      const left = window.requests_left
        ? [`The oldest ${count(window.requests_left)} calls are in the figures, but in no session call by call: this page holds the newest ${count(window.requests.length)}.`]
        : [];
      const all = [...gaps, ...[...window.unknown, ...left].map((text) => make("li", {}, text))];
      return all.length ? make("ul", { class: "plain" }, all) : nothing("No gap is known, and nothing was left out.");
    };
    return section("unknown", "Gaps, and what is not known", each(of));
  }

  const title = isPair ? `${windows[0].name} and ${windows[1].name}` : last.name;
  document.title = `MCP traffic: ${title}`;
  const parts = [["figures", "Figures", figures], ["time", "Over time", charts], ["tools", "Tools", tools],
    ["flight", "In flight", flight], ["failures", "Failures", failures], ["sessions", "Sessions", waterfall], ["changes", "Changes", changes], ["unknown", "Gaps", unknown]];
  document.body.replaceChildren(
    make("a", { class: "skip", href: "#main" }, "To the content"),
    make("header", {}, make("h1", {}, "MCP traffic"),
      make("p", { class: "sub" }, title),
      make("nav", { "aria-label": "Parts of the report" }, make("ul", {}, parts.map(([id, name]) => make("li", {}, make("a", { href: `#${id}` }, name)))))),
    make("main", { id: "main" }, parts.map(([, , part]) => part())),
    make("footer", {}, make("p", {}, `Made by ${data.by} at ${time(data.made_at)}. All times are in UTC. This file loads nothing from elsewhere.`)));
})();
