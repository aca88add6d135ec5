"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const RIGHT = 62, FOOT = 20, GAP = 14;
  const DAY = 86400000;

  // --- small things: text is always set as text, never as HTML ---------------------------------------------------------

  function make(name, attributes, ...content) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === true) element.setAttribute(key, "");
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
    }
    element.append(...content);
    return element;
  }

  function button(text, label, action, kind) {
    const made = make("button", { type: "button", "aria-label": label, class: kind }, text);
    made.addEventListener("click", action);
    return made;
  }

  function draw(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  const two = (n) => String(n).padStart(2, "0");
  const day = (t) => { const d = new Date(t); return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`; };
  const clock = (t) => { const d = new Date(t); return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`; };
  const moment = (t) => `${day(t)} ${clock(t)}`;
  const fixed = (v, places) => v.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }).replace("-", "−");
  const money = (v) => fixed(v, 2);
  const signed = (v, places = 2) => (v > 0 ? "+" : "") + fixed(v, places);
  const price = (v) => v.toLocaleString("en-US", { maximumSignificantDigits: 9 }).replace("-", "−");

  function short(v, step) {
    const size = Math.abs(v);
    for (const [unit, name] of [[1e9, "bn"], [1e6, "M"], [1e3, "k"]]) {
      if (size >= unit * (name === "k" ? 10 : 1) && step >= unit / 100) return fixed(v / unit, Math.max(0, Math.min(2, -Math.floor(Math.log10(step / unit) + 1e-9)))) + name;
    }
    return fixed(v, Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9))));
  }

  // --- data ------------------------------------------------------------------------------------------------------------------

  async function load() {
    const bytes = Uint8Array.from(atob(document.getElementById("data").textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  function sums(differences) {
    let total = 0;
    return differences.map((d) => (total += d));
  }
  const numbers = (column) => sums(column.v).map((v) => v / 10 ** column.d);

  function candlesOf(row) {
    const scale = 10 ** row.d, t = sums(row.t), o = [], h = [], l = [], c = [];
    let last = 0;
    row.o.forEach((difference, i) => {
      const open = last + difference, close = open + row.c[i];
      o.push(open / scale); c.push(close / scale);
      h.push((Math.max(open, close) + row.h[i]) / scale);
      l.push((Math.min(open, close) - row.l[i]) / scale);
      last = close;
    });
    return { symbol: row.symbol, t, o, h, l, c };
  }

  function tradesOf(columns, words) {
    const number = {}, word = {};
    for (const name of ["quantity", "entry_price", "exit_price", "fees", "worst", "best", "profit"]) number[name] = numbers(columns[name]);
    for (const name of ["strategy", "symbol", "side", "exit_role", "tag"]) word[name] = columns[name].map((place) => words[place]);
    const entry = sums(columns.entry), exit = sums(columns.exit), open = new Set(columns.open);
    return entry.map((from, i) => {
      const trade = { place: i, entry: from, exit: exit[i], r: columns.r[i], bars: columns.bars[i], isOpen: open.has(i) };
      for (const name in number) trade[name] = number[name][i];
      for (const name in word) trade[name] = word[name][i];
      return trade;
    });
  }

  // The first place whose value is not below v.
  function place(sorted, v) {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < v) low = middle + 1; else high = middle;
    }
    return low;
  }
  const nearest = (sorted, v) => {
    const i = place(sorted, v);
    return i > 0 && (i === sorted.length || v - sorted[i - 1] <= sorted[i] - v) ? i - 1 : i;
  };
  const latest = (sorted, v) => Math.max(0, place(sorted, v + 1) - 1);

  // --- axes ------------------------------------------------------------------------------------------------------------------

  // By the clock: positions are times.
  const byClock = (start, end) => ({ start, end, at: (t) => t, time: (p) => p, least: 60000 });

  // By candle: nights and weekends take no room. Positions are places in the list of candles.
  function byCandle(t) {
    const width = t.length > 1 ? (t[t.length - 1] - t[0]) / (t.length - 1) : DAY;
    return {
      start: -0.5, end: t.length - 0.5, least: 5,
      at: (time) => {
        if (!t.length) return 0;
        const i = latest(t, time), next = i + 1 < t.length ? t[i + 1] : t[i] + width;
        return i + Math.max(-0.5, Math.min(0.999, (time - t[i]) / (next - t[i])));
      },
      time: (p) => t.length ? t[Math.max(0, Math.min(t.length - 1, Math.round(p)))] : 0,
    };
  }

  function niceStep(span, most) {
    const rough = span / Math.max(1, most) || 1, size = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((m) => m * size).find((step) => step >= rough * (1 - 1e-9));
  }

  // Times at which a label stands, and the label: years, months, days or minutes, whichever fit.
  function timeTicks(from, to, most) {
    const span = to - from, found = [];
    const months = [[1, 31 * DAY], [2, 61 * DAY], [3, 92 * DAY], [6, 183 * DAY], [12, 366 * DAY], [24, 731 * DAY], [60, 1827 * DAY], [120, 3653 * DAY]];
    const lengths = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((m) => m * 60000).concat([1, 2, 4, 7, 14].map((d) => d * DAY));
    const length = lengths.find((l) => span / l <= most);
    if (length) {
      for (let t = Math.ceil(from / length) * length; t <= to; t += length) {
        const isDay = length >= DAY || t % DAY === 0;
        found.push([t, isDay ? day(t).slice(5) : clock(t)]);
      }
      if (found.length) found[0][1] = length >= DAY ? day(found[0][0]) : moment(found[0][0]).slice(5);
      return found;
    }
    const step = (months.find(([, l]) => span / l <= most) || months[months.length - 1])[0];
    const start = new Date(from), first = start.getUTCFullYear() * 12 + start.getUTCMonth();
    for (let m = Math.ceil(first / step) * step; ; m += step) {
      const t = Date.UTC(Math.floor(m / 12), m % 12, 1);
      if (t > to) return found;
      if (t >= from) found.push([t, step >= 12 ? String(Math.floor(m / 12)) : m % 12 === 0 ? String(m / 12) : day(t).slice(0, 7)]);
    }
  }

  // --- a chart: panels one above the other over one axis -----------------------------------------------------------------------
  // A panel has name, height, range(from, to) -> [low, high], paint(layer, view), and percent or money as its unit.

  class Chart {
    constructor(box, label, axis, panels, read) {
      Object.assign(this, { axis, panels, read });
      this.from = axis.start; this.to = axis.end;
      this.tools = make("div", { class: "tools" });
      this.text = make("p", { class: "read" });
      this.plot = make("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${label}. Arrow keys move the cursor, plus and minus zoom, 0 shows all.` });
      this.addTools();
      box.replaceChildren(this.tools, this.text, this.plot);
      this.listen();
      new ResizeObserver(() => { requestAnimationFrame(() => { if (this.plot.clientWidth && this.plot.clientWidth !== this.width) this.render(); }); }).observe(this.plot);
      this.render();
    }

    addTools() {
      this.tools.append(make("span", { class: "space" }),
        button("−", "Zoom out", () => this.zoom(2)), button("+", "Zoom in", () => this.zoom(0.5)),
        button("◀", "Earlier", () => this.move(-0.5)), button("▶", "Later", () => this.move(0.5)),
        button("All", "Show all", () => this.show(this.axis.start, this.axis.end)));
    }

    show(from, to) {
      const { start, end, least } = this.axis, whole = end - start;
      let length = Math.min(whole, Math.max(to - from, Math.min(least, whole)));
      let begin = Math.min(Math.max((from + to - length) / 2, start), end - length);
      this.from = begin; this.to = begin + length;
      this.render();
    }
    zoom(factor, around) {
      const centre = around === undefined ? (this.cursor === undefined || this.cursor < this.from || this.cursor > this.to ? (this.from + this.to) / 2 : this.cursor) : around;
      this.show(centre - (centre - this.from) * factor, centre + (this.to - centre) * factor);
    }
    move(share) {
      const step = (this.to - this.from) * share;
      const bounded = Math.max(this.axis.start - this.from, Math.min(this.axis.end - this.to, step));
      this.show(this.from + bounded, this.to + bounded);
    }

    x(p) { return (p - this.from) / (this.to - this.from) * this.inner; }
    p(x) { return this.from + x / this.inner * (this.to - this.from); }

    render() {
      const width = this.width = Math.max(240, this.plot.clientWidth || 960);
      this.inner = width - RIGHT;
      const height = this.panels.reduce((sum, panel) => sum + panel.height + GAP, 0) - GAP + FOOT;
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("aria-hidden", "true");
      const id = `clip${Chart.count = (Chart.count || 0) + 1}`;
      const clip = draw(draw(svg, "defs", {}), "clipPath", { id });
      draw(clip, "rect", { x: 0, y: -4, width: this.inner, height: height + 4 });
      let top = 0;
      const ticks = timeTicks(this.axis.time(this.from), this.axis.time(this.to), Math.max(2, Math.floor(this.inner / 88)));
      for (const panel of this.panels) {
        this.frame(svg, panel, top, ticks, id);
        top += panel.height + GAP;
      }
      this.labels(svg, ticks, height);
      this.height = height;
      this.overlay = draw(svg, "g", {});
      this.svg = svg;
      this.plot.replaceChildren(svg);
      this.point(this.cursor);
    }

    frame(svg, panel, top, ticks, id) {
      let [low, high] = panel.range(this.from, this.to);
      if (!(high > low)) { const pad = Math.abs(high) * 0.01 || 1; low -= pad; high += pad; }
      const margin = (high - low) * 0.06;
      if (!panel.floor) low -= margin;
      if (!panel.ceiling) high += margin;
      panel.y = (v) => top + (high - v) / (high - low) * panel.height;
      panel.top = top;
      const step = niceStep(high - low, Math.max(2, Math.floor(panel.height / 46)));
      let grid = "";
      for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) {
        const y = panel.y(v).toFixed(1);
        grid += `M0 ${y}H${this.inner}`;
        draw(svg, "text", { x: this.inner + 6, y: +y + 4 }, short(Math.abs(v) < step / 1e6 ? 0 : v, step) + (panel.unit || ""));
      }
      for (const [t] of ticks) {
        const x = this.x(this.axis.at(t));
        if (x > 0 && x < this.inner) grid += `M${x.toFixed(1)} ${top}V${top + panel.height}`;
      }
      draw(svg, "path", { d: grid, class: "grid" });
      const layer = draw(svg, "g", { "clip-path": `url(#${id})` });
      panel.paint(layer, this);
      draw(svg, "text", { x: 4, y: top + 13, class: "name" }, panel.name);
    }

    labels(svg, ticks, height) {
      let free = -Infinity;
      for (const [t, text] of ticks) {
        const x = this.x(this.axis.at(t)), half = text.length * 3.4;
        if (x - half < free || x < 0 || x + half > this.inner + RIGHT) continue;
        free = x + half + 10;
        draw(svg, "text", { x: x.toFixed(1), y: height - 5, class: x < half ? "" : "mid" }, text);
      }
    }

    point(p) {
      this.overlay.replaceChildren();
      this.cursor = p;
      const parts = this.read(p === undefined ? this.to : Math.max(this.from, Math.min(this.to, p)), this, p === undefined);
      this.text.replaceChildren(...parts);
      if (p === undefined || p < this.from || p > this.to) return;
      const x = this.x(p).toFixed(1);
      draw(this.overlay, "path", { d: `M${x} 0V${this.height - FOOT}`, class: "cross" });
    }

    listen() {
      const plot = this.plot, touches = new Map();
      let from = null, brush = null, grabbed = null;
      const at = (event) => { const box = plot.getBoundingClientRect(); return (event.clientX - box.left) * this.width / box.width; };
      plot.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        plot.setPointerCapture(event.pointerId);
        touches.set(event.pointerId, at(event));
        from = at(event);
        if (event.pointerType === "touch" || event.shiftKey) grabbed = { from: this.from, to: this.to, x: from };
      });
      plot.addEventListener("pointermove", (event) => {
        const x = at(event);
        if (touches.size === 2 && touches.has(event.pointerId)) {
          const before = [...touches.values()], gap = Math.abs(before[0] - before[1]);
          touches.set(event.pointerId, x);
          const after = [...touches.values()], now = Math.abs(after[0] - after[1]);
          if (gap > 8 && now > 8) this.zoom(gap / now, this.p((after[0] + after[1]) / 2));
          grabbed = null;
        } else if (grabbed) {
          const moved = (grabbed.x - x) / this.inner * (grabbed.to - grabbed.from);
          const bounded = Math.max(this.axis.start - grabbed.from, Math.min(this.axis.end - grabbed.to, moved));
          this.show(grabbed.from + bounded, grabbed.to + bounded);
          this.point(this.p(Math.min(x, this.inner)));
        } else {
          this.point(this.p(Math.max(0, Math.min(x, this.inner))));
          if (from !== null && Math.abs(x - from) > 6) {
            brush = [Math.min(from, x), Math.max(from, x)];
            draw(this.overlay, "rect", { x: brush[0], y: 0, width: brush[1] - brush[0], height: this.height - FOOT, class: "brush" });
          }
        }
      });
      const end = (event) => {
        touches.delete(event.pointerId);
        const chosen = brush;
        from = brush = null;
        if (!touches.size) grabbed = null;
        if (chosen && event.type === "pointerup") this.show(this.p(chosen[0]), this.p(Math.min(chosen[1], this.inner)));
        else if (event.type === "pointerup" && this.pick) this.pick(this.p(at(event)), event);
      };
      plot.addEventListener("pointerup", end);
      plot.addEventListener("pointercancel", end);
      plot.addEventListener("pointerleave", () => { if (from === null) this.point(undefined); });
      plot.addEventListener("dblclick", () => this.show(this.axis.start, this.axis.end));
      plot.addEventListener("wheel", (event) => {
        if (!(event.ctrlKey || event.metaKey || event.shiftKey)) return;
        event.preventDefault();
        if (event.shiftKey) this.move(Math.sign(event.deltaY || event.deltaX) * 0.1);
        else this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.p(at(event)));
      }, { passive: false });
      plot.addEventListener("keydown", (event) => {
        const step = (this.to - this.from) / 60, cursor = this.cursor === undefined ? (this.from + this.to) / 2 : this.cursor;
        const keys = {
          ArrowLeft: () => this.step(cursor - step), ArrowRight: () => this.step(cursor + step),
          Home: () => this.step(this.axis.start), End: () => this.step(this.axis.end),
          "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), 0: () => this.show(this.axis.start, this.axis.end),
          Escape: () => this.point(undefined),
        };
        if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
      });
    }

    step(p) {
      p = Math.max(this.axis.start, Math.min(this.axis.end, p));
      const length = this.to - this.from;
      if (p < this.from) this.show(p, p + length);
      if (p > this.to) this.show(p - length, p);
      this.point(p);
      this.text.setAttribute("aria-live", "polite");
    }
  }

  // --- lines -------------------------------------------------------------------------------------------------------------------

  // The part of a line that is in view, one place outside on each side.
  function inView(line, view) {
    const first = Math.max(0, place(line.p, view.from) - 1), last = Math.min(line.p.length, place(line.p, view.to) + 2);
    return [first, last];
  }

  // As a path: at most the first, lowest, highest and last value of each column of pixels.
  function pathOf(line, view, y, stepped) {
    const [first, last] = inView(line, view), parts = [];
    let column = null, low, high, begin, end, x;
    const flush = () => {
      if (column === null) return;
      const kept = [...new Set([begin, ...(low < high ? [low, high] : [high, low]), end])];
      for (const i of kept) {
        const px = view.x(line.p[i]).toFixed(1), py = y(line.v[i]).toFixed(1);
        parts.push(stepped && parts.length ? `H${px}V${py}` : `${parts.length ? "L" : "M"}${px} ${py}`);
      }
    };
    for (let i = first; i < last; i++) {
      x = Math.round(view.x(line.p[i]));
      if (x !== column) { flush(); column = x; low = high = begin = end = i; }
      else { end = i; if (line.v[i] < line.v[low]) low = i; if (line.v[i] > line.v[high]) high = i; }
    }
    flush();
    return parts.join("");
  }

  function extent(lines, from, to) {
    let low = Infinity, high = -Infinity;
    for (const line of lines) {
      const first = Math.max(0, place(line.p, from) - 1), last = Math.min(line.p.length, place(line.p, to) + 1);
      for (let i = first; i < last; i++) { const v = line.v[i]; if (v < low) low = v; if (v > high) high = v; }
    }
    return low <= high ? [low, high] : [0, 1];
  }

  const linePanel = (name, height, lines, more) => ({
    name, height,
    range: (from, to) => extent(lines, from, to),
    paint(layer, view) { for (const line of lines) draw(layer, "path", { d: pathOf(line, view, this.y, line.stepped), class: line.class }); },
    ...more,
  });

  const areaPanel = (name, height, line, kind, more) => ({
    name, height,
    range: (from, to) => { const [low, high] = extent([line], from, to); return [Math.min(low, 0), Math.max(high, 0)]; },
    paint(layer, view) {
      const [first, last] = inView(line, view);
      if (last <= first) return;
      const path = pathOf(line, view, this.y, line.stepped), zero = this.y(0).toFixed(1);
      draw(layer, "path", { d: `${path}V${zero}H${view.x(line.p[first]).toFixed(1)}Z`, class: `area ${kind}` });
      if (kind === "fall") draw(layer, "path", { d: path, class: "line fall" });
    },
    ...more,
  });

  const said = (name, value, kind) => make("span", {}, ...(kind ? [make("i", { class: `key ${kind}` }), " "] : []), `${name} `, make("b", {}, value));

  function curveOf(run) {
    const t = sums(run.t), deposit = run.deposit;
    const below = numbers(run.below).map((v) => -v);
    return {
      name: run.name, deposit, t, equity: { p: t, v: numbers(run.equity) }, exposure: { p: t, v: numbers(run.exposure), stepped: true },
      session: sums(run.sessions[0]), days: sums(run.sessions[1]),
      below: { p: t.slice(0, below.length), v: below }, falls: run.falls,
      benchmark: run.benchmark && { name: run.benchmark.name, p: sums(run.benchmark.t), v: numbers(run.benchmark.y) },
    };
  }

  // A mark's time, and the session it belongs to: a daily bar ends as the next day begins, and is of the day before.
  function when(run, t) {
    const i = place(run.session, t) - 1;
    return i < 0 ? moment(t) : `${day(run.days[i] * DAY)}, until ${moment(t).replace(`${day(run.days[i] * DAY)} `, "")} UTC`;
  }

  function worthChart(box, data) {
    const run = curveOf(data.runs[0]);
    if (!run.t.length) { box.replaceChildren(make("p", { class: "none" }, "There is no mark of the account's worth.")); return; }
    const lines = [{ ...run.equity, class: "line s0" }];
    if (run.benchmark) lines.unshift({ ...run.benchmark, class: "line bench" });
    const shades = (panel, layer, view) => run.falls.forEach(([high, low, end], i) => {
      const left = Math.max(0, view.x(high)), right = Math.min(view.inner, view.x(end));
      if (right < 0 || left > view.inner) return;
      draw(layer, "rect", { x: left, y: panel.top, width: Math.max(1, right - left), height: panel.height, class: "mark" });
      if (view.x(low) > 0 && view.x(low) < view.inner) draw(layer, "text", { x: view.x(low).toFixed(1), y: panel.top + panel.height - 5, class: "mid label" }, String(i + 1));
    });
    const worth = linePanel("Equity", 270, lines);
    const bench = lines[0];
    const paint = worth.paint;
    worth.paint = function (layer, view) {
      draw(layer, "path", { d: `M0 ${this.y(run.deposit).toFixed(1)}H${view.inner}`, class: "zero" });
      paint.call(this, layer, view);
    };
    const fall = areaPanel("Below the high", 100, run.below, "fall", { unit: "%", ceiling: true });
    const paintFall = fall.paint;
    fall.paint = function (layer, view) { paintFall.call(this, layer, view); shades(this, layer, view); };
    const held = areaPanel("Exposure", 60, run.exposure, "held", { floor: true });
    const chart = new Chart(box, box.dataset.label, byClock(run.t[0] - 1, run.t[run.t.length - 1] + 1), [worth, fall, held], (t) => {
      const i = latest(run.t, t), parts = [make("span", {}, make("b", {}, when(run, run.t[i]))), said("equity", `${money(run.equity.v[i])} (${signed((run.equity.v[i] / run.deposit - 1) * 100)} %)`, "s0")];
      if (run.benchmark) {
        const v = run.benchmark.v[latest(run.benchmark.p, t)];
        parts.push(said(run.benchmark.name, `${money(v)} (${signed((v / run.deposit - 1) * 100)} %)`, "bench"));
      }
      if (i < run.below.v.length) parts.push(said("below the high", `${fixed(-run.below.v[i], 2)} %`, "fall"));
      parts.push(said("exposure", money(run.exposure.v[i]), "held"));
      return parts;
    });
    if (!run.benchmark) return;
    const toggle = button("Benchmark", null, () => {
      if (lines.length > 1) lines.shift(); else lines.unshift(bench);
      toggle.setAttribute("aria-pressed", String(lines.length > 1));
      chart.render();
    });
    toggle.setAttribute("aria-pressed", "true");
    chart.tools.prepend(toggle);
  }

  function compareChart(box, data) {
    const runs = data.runs.map(curveOf).filter((run) => run.t.length);
    if (!runs.length) return;
    const style = (i) => `line s${i % 8}`;
    const growth = runs.map((run, i) => ({ p: run.t, v: run.equity.v.map((v) => (v / run.deposit - 1) * 100), class: style(i) }));
    const below = runs.map((run, i) => ({ ...run.below, class: `${style(i)} thin` }));
    const start = Math.min(...runs.map((run) => run.t[0])), end = Math.max(...runs.map((run) => run.t[run.t.length - 1]));
    new Chart(box, box.dataset.label, byClock(start - 1, end + 1), [linePanel("Growth", 300, growth, { unit: "%" }), linePanel("Below the high", 130, below, { unit: "%", ceiling: true })], (t) => [
      make("span", {}, make("b", {}, moment(t))),
      ...growth.map((line, i) => said(runs[i].name, t < line.p[0] ? "–" : `${signed(line.v[latest(line.p, t)])} %`, `s${i % 8}`)),
    ]);
  }

  // --- candles -------------------------------------------------------------------------------------------------------------------

  // As many as fit: with more, each drawn one stands for several, from the first's open to the last's close.
  function merged(rows, view) {
    const first = Math.max(0, Math.floor(view.from)), last = Math.min(rows.t.length, Math.ceil(view.to) + 1);
    const each = Math.max(1, Math.ceil((last - first) / Math.max(1, view.inner / 4))), out = [];
    for (let i = first - first % each; i < last; i += each) {
      const end = Math.min(rows.t.length, i + each);
      let high = -Infinity, low = Infinity;
      for (let k = i; k < end; k++) { if (rows.h[k] > high) high = rows.h[k]; if (rows.l[k] < low) low = rows.l[k]; }
      out.push({ p: (i + end - 1) / 2, o: rows.o[i], h: high, l: low, c: rows.c[end - 1] });
    }
    return [out, each];
  }

  function candlePanel(rows, overlays, trades, state) {
    return {
      name: rows.symbol, height: 340,
      range(from, to) {
        let [low, high] = extent(overlays, from, to);
        if (!overlays.length) { low = Infinity; high = -Infinity; }
        const last = Math.min(rows.t.length, Math.ceil(to) + 1);
        for (let i = Math.max(0, Math.floor(from)); i < last; i++) { if (rows.h[i] > high) high = rows.h[i]; if (rows.l[i] < low) low = rows.l[i]; }
        return [low, high];
      },
      paint(layer, view) {
        const [drawn, each] = merged(rows, view), half = Math.max(0.7, Math.min(7, view.inner / (view.to - view.from) * each * 0.36));
        state.each = each;
        const wick = { up: "", down: "" }, body = { up: "", down: "" };
        for (const row of drawn) {
          const kind = row.c >= row.o ? "up" : "down", x = view.x(row.p), top = this.y(Math.max(row.o, row.c)), foot = this.y(Math.min(row.o, row.c));
          wick[kind] += `M${x.toFixed(1)} ${this.y(row.h).toFixed(1)}V${this.y(row.l).toFixed(1)}`;
          body[kind] += `M${(x - half).toFixed(1)} ${top.toFixed(1)}h${(2 * half).toFixed(1)}v${Math.max(0.8, foot - top).toFixed(1)}h${(-2 * half).toFixed(1)}Z`;
        }
        for (const kind of ["up", "down"]) {
          draw(layer, "path", { d: wick[kind], class: `wick ${kind}` });
          draw(layer, "path", { d: body[kind], class: `body ${kind}` });
        }
        for (const line of overlays) draw(layer, "path", { d: pathOf(line, view, this.y), class: line.class });
        this.marks(layer, view);
      },
      // Too many to tell apart: how many began where, as bars at the foot, and a word.
      crowd(layer, view, seen) {
        const wide = 4, counts = new Map(), foot = this.top + this.height;
        for (const trade of seen) { const x = Math.floor(view.x(trade.from) / wide); counts.set(x, (counts.get(x) || 0) + 1); }
        const most = Math.max(...counts.values());
        let bars = "";
        for (const [x, many] of counts) bars += `M${x * wide} ${foot}v${(-24 * many / most).toFixed(1)}h${wide - 1}V${foot}Z`;
        draw(layer, "path", { d: bars, class: "entry" });
        draw(layer, "text", { x: view.inner - 4, y: this.top + 13, class: "name end" }, `${seen.length.toLocaleString("en-US")} round trips: zoom in to see each`);
      },
      marks(layer, view) {
        const lines = { up: "", down: "" };
        let entries = "", exits = "", picked = "";
        const seen = trades.filter((trade) => trade.to >= view.from && trade.from <= view.to);
        if (seen.length > view.inner / 5) { this.crowd(layer, view, seen); return; }
        for (const trade of seen) {
          const a = view.x(trade.from), b = view.x(trade.to), y = this.y(trade.entry_price), z = this.y(trade.exit_price);
          const path = `M${a.toFixed(1)} ${y.toFixed(1)}L${b.toFixed(1)} ${z.toFixed(1)}`;
          lines[trade.profit > 0 ? "up" : "down"] += path;
          if (trade.place === state.picked) picked = path;
          const up = trade.side === "long" ? 1 : -1;
          entries += `M${a.toFixed(1)} ${(y - 5 * up).toFixed(1)}l4.5 ${9 * up}h-9Z`;
          if (!trade.isOpen) exits += `M${(b - 3.2).toFixed(1)} ${(z - 3.2).toFixed(1)}l6.4 6.4m0 -6.4l-6.4 6.4`;
        }
        draw(layer, "path", { d: lines.up, class: "trade up" });
        draw(layer, "path", { d: lines.down, class: "trade down" });
        draw(layer, "path", { d: picked, class: "picked" });
        draw(layer, "path", { d: exits, class: "exit" });
        draw(layer, "path", { d: entries, class: "entry" });
      },
    };
  }

  function tradeWords(trade) {
    const end = trade.isOpen ? "still open" : `${moment(trade.exit)} at ${price(trade.exit_price)}${trade.exit_role === "entry" || !trade.exit_role ? "" : ` (${trade.exit_role.replaceAll("_", " ")})`}`;
    return [said(`${trade.strategy} ${trade.side} ${price(trade.quantity)}:`, `${moment(trade.entry)} at ${price(trade.entry_price)} → ${end}`),
      said("profit", signed(trade.profit)), ...(trade.r === null ? [] : [said("R", fixed(trade.r, 2))]), ...(trade.tag ? [said("tag", trade.tag)] : [])];
  }

  // The candle that a fill was in. What has the time at which a candle begins was filled at its open, or within the one before, whose
  // end that is: the price tells.
  function placeOf(rows, axis, time, price_, fill) {
    const i = latest(rows.t, time), before = i - 1;
    if (before < 0 || rows.t[i] !== time) return axis.at(time);
    const fromOpen = Math.abs(price_ - rows.o[i]), inside = rows.l[before] <= price_ && price_ <= rows.h[before];
    const isBefore = fill === "close" ? Math.abs(price_ - rows.c[before]) <= fromOpen : fromOpen > 0.003 * Math.abs(price_);
    return isBefore && inside ? before : i;
  }

  function candleChart(box, data, shared) {
    const state = { picked: -1, each: 1 };
    const choose = make("select", { "aria-label": "Symbol" }, ...data.candles.map((row, i) => make("option", { value: i }, row.symbol)));
    const place_ = make("div");
    const hint = make("p", { class: "hint hand" });
    box.replaceChildren(place_, hint);
    let chart = null, current = null;

    function show(symbol) {
      const row = data.candles.findIndex((one) => one.symbol === symbol);
      if (row < 0) return false;
      choose.value = String(row);
      const rows = candlesOf(data.candles[row]), axis = byCandle(rows.t);
      const trades = shared.trades.filter((trade) => trade.symbol === symbol).map((trade) => ({
        ...trade, from: placeOf(rows, axis, trade.entry, trade.entry_price, data.fill),
        to: trade.isOpen ? axis.at(trade.exit) : placeOf(rows, axis, trade.exit, trade.exit_price, data.fill),
      }));
      const lines = data.indicators.filter((one) => one.symbol === symbol).map((one) => { // a value is of the candle that ended with it
        const t = sums(one.t);
        return { title: (one.output === "value" ? one.name : `${one.name} ${one.output}`), key: `${one.strategy} ${one.name}`, panel: one.panel, name: one.name, p: t.map((time) => latest(rows.t, time - 1)), v: numbers(one.y) };
      });
      const own = new Map();
      lines.forEach((line) => { if (line.panel !== "price") own.set(line.key, [...(own.get(line.key) || []), line]); });
      const over = lines.filter((line) => line.panel === "price");
      over.forEach((line, i) => { line.class = `line thin s${i % 7}`; line.colour = `s${i % 7}`; });
      const panels = [candlePanel(rows, over, trades, state)];
      own.forEach((group) => {
        group.forEach((line, i) => { line.class = `line thin s${i % 7}`; line.colour = `s${i % 7}`; });
        panels.push(linePanel(group[0].name, 84, group));
      });
      chart = new Chart(place_, `Prices of ${symbol} with ${trades.length} round trips`, axis, panels, (p, view, isIdle) => {
        const i = Math.max(0, Math.min(rows.t.length - 1, Math.round(p)));
        const parts = [make("span", {}, make("b", {}, rows.t.length ? moment(rows.t[i]) : "–"))];
        if (state.each > 1) parts.push(said("each candle", `${state.each} bars`));
        if (rows.t.length) parts.push(said("open", price(rows.o[i])), said("high", price(rows.h[i])), said("low", price(rows.l[i])), said("close", price(rows.c[i])));
        for (const line of lines) { const k = latest(line.p, i); if (line.p.length && line.p[k] <= i) parts.push(said(line.title, price(+line.v[k].toPrecision(6)), line.colour)); }
        const found = isIdle ? [] : trades.filter((trade) => trade.from <= p && p <= trade.to);
        if (found.length) parts.push(...tradeWords(found[found.length - 1]));
        return parts;
      });
      chart.tools.prepend(choose,
        button("Previous trade", null, () => step(-1)), button("Next trade", null, () => step(1)));
      chart.pick = (p) => { const found = trades.filter((trade) => trade.from - 1 <= p && p <= trade.to + 1).pop(); if (found) { state.picked = found.place; chart.render(); shared.onPick(found.place); } };
      current = { symbol, trades, axis, rows };
      const step_ = rows.t.length > 1 ? rows.t.slice(1, 400).map((t, i) => t - rows.t[i]).sort((a, b) => a - b)[Math.min(199, (rows.t.length - 1) >> 1)] : 0;
      const span = step_ >= DAY ? `${Math.round(step_ / DAY)} day${step_ >= 2 * DAY ? "s" : ""}` : step_ >= 3600000 ? `${+(step_ / 3600000).toFixed(1)} h` : `${+(step_ / 60000).toFixed(1)} min`;
      hint.textContent = `A candle is ${span}; where there is no room for all, one stands for several and keeps their highest and lowest. Triangles are entries, crosses exits, a line is green where the round trip earned. Drag to zoom, Shift and drag to move, Ctrl and wheel to zoom, double click for all.`;
      if (rows.t.length > 400) { // the last trades, as many as can be told apart
        const last = trades.length ? trades[trades.length - 1].to + 10 : axis.end, some = trades.length > 40 ? trades[trades.length - 40].from : 0;
        chart.show(Math.max(axis.start, last - 280, some), Math.min(axis.end, last));
      }
      return true;
    }

    function focus(trade) {
      state.picked = trade.place;
      if (!current || current.symbol !== trade.symbol) { if (!show(trade.symbol)) return; }
      const { from, to } = current.trades.find((one) => one.place === trade.place), pad = Math.max(20, (to - from) * 0.6);
      chart.show(from - pad, to + pad);
      chart.point(from);
    }

    function step(by) {
      const list = current.trades;
      if (!list.length) return;
      const now = list.findIndex((trade) => trade.place === state.picked);
      const next = now < 0 ? (by > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, now + by));
      focus(list[next]);
      shared.onPick(list[next].place);
    }

    choose.addEventListener("change", () => { state.picked = -1; show(data.candles[+choose.value].symbol); });
    shared.focus = (trade) => { focus(trade); box.scrollIntoView({ block: "nearest" }); };
    if (data.candles.length) show(data.candles[0].symbol);
  }

  // --- list of trades ------------------------------------------------------------------------------------------------------------

  function tradeList(box, shared) {
    const PAGE = 20;
    const columns = [
      ["Symbol", (t) => t.symbol, (t) => t.symbol], ["Side", (t) => t.side, (t) => t.side], ["Strategy", (t) => t.strategy, (t) => t.strategy],
      ["Entry (UTC)", (t) => t.entry, (t) => moment(t.entry)], ["Exit (UTC)", (t) => t.exit, (t) => (t.isOpen ? "still open" : moment(t.exit))],
      ["Quantity", (t) => t.quantity, (t) => price(t.quantity)], ["Entry price", (t) => t.entry_price, (t) => price(+t.entry_price.toPrecision(8))],
      ["Exit price", (t) => t.exit_price, (t) => price(+t.exit_price.toPrecision(8))], ["Profit", (t) => t.profit, (t) => signed(t.profit)],
      ["R", (t) => (t.r === null ? -Infinity : t.r), (t) => (t.r === null ? "–" : fixed(t.r, 2))], ["Bars", (t) => t.bars, (t) => String(t.bars)],
    ];
    const hint = box.querySelector(".hint");
    let order = 3, falling = false, page = 0, picked = -1, list = [];
    const body = make("tbody"), where = make("span", { class: "hint", "aria-live": "polite" });
    const heads = columns.map(([name], i) => make("th", { scope: "col", class: i < 3 ? "w" : null }, button(name, null, () => {
      falling = order === i ? !falling : i > 4; order = i; page = 0; sort();
    }, "term")));
    const sort = () => {
      const key = columns[order][1], sign = falling ? -1 : 1;
      list = [...shared.trades].sort((a, b) => { const x = key(a), y = key(b); return (x < y ? -1 : x > y ? 1 : a.place - b.place) * sign; });
      heads.forEach((head, i) => head.setAttribute("aria-sort", i === order ? (falling ? "descending" : "ascending") : "none"));
      fill();
    };
    const back = button("◀", "Page before", () => { page -= 1; fill(); });
    const next = button("▶", "Next page", () => { page += 1; fill(); });
    function fill() {
      const pages = Math.max(1, Math.ceil(list.length / PAGE));
      page = Math.max(0, Math.min(pages - 1, page));
      back.disabled = !page; next.disabled = page === pages - 1;
      where.textContent = `${(page * PAGE + 1).toLocaleString("en-US")} to ${Math.min(list.length, (page + 1) * PAGE).toLocaleString("en-US")} of ${list.length.toLocaleString("en-US")}`;
      body.replaceChildren(...list.slice(page * PAGE, (page + 1) * PAGE).map((trade) => {
        const row = make("tr", { "data-row": trade.place, "aria-current": trade.place === picked ? "true" : null });
        columns.forEach(([, , text], i) => {
          const value = text(trade);
          if (i) row.append(make("td", { class: [i < 3 ? "w" : "", i === 8 ? (trade.profit > 0 ? "good" : trade.profit < 0 ? "bad" : "") : ""].join(" ").trim() || null }, value));
          else row.append(make("th", { scope: "row", class: "w" }, shared.focus ? button(value, `${value}: show this round trip in the chart`, () => {}, "term") : value));
        });
        if (shared.focus) row.addEventListener("click", () => { mark(trade.place, false); shared.focus(trade); });
        return row;
      }));
    }
    function mark(place_, turn) {
      picked = place_;
      if (turn) { const i = list.findIndex((trade) => trade.place === place_); if (i >= 0) page = Math.floor(i / PAGE); }
      fill();
    }
    shared.onPick = (place_) => mark(place_, true);
    const table = make("table", {}, make("caption", {}, shared.focus ? "All round trips; choose one to see it in the chart" : "All round trips"), make("thead", {}, make("tr", {}, ...heads)), body);
    const paper = [...box.children].filter((child) => child !== hint);
    paper.forEach((child) => child.classList.add("paper"));
    box.append(make("div", { class: "screen" }, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Round trips" }, table), make("div", { class: "tools pager" }, back, next, where)));
    sort();
  }

  // --- theme -----------------------------------------------------------------------------------------------------------------------

  function theme() {
    const button = document.getElementById("theme"), root = document.documentElement, names = ["system", "light", "dark"];
    let now = "system";
    try { now = localStorage.getItem("holdfast-theme") || now; } catch { /* a page from a file may have no storage */ }
    const set = (name) => {
      now = names.includes(name) ? name : "system";
      if (now === "system") root.removeAttribute("data-theme"); else root.dataset.theme = now;
      button.textContent = { system: "◐ System", light: "☀ Light", dark: "☾ Dark" }[now];
      button.setAttribute("aria-label", `Theme: ${now}. Change it`);
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      set(names[(names.indexOf(now) + 1) % 3]);
      try { localStorage.setItem("holdfast-theme", now); } catch { /* likewise */ }
    });
    set(now);
  }

  // A meaning stands below its word, and inside the window, whatever scrolls around it.
  function tips() {
    for (const tip of document.querySelectorAll(".tip")) {
      const put = () => {
        const word = tip.parentElement.getBoundingClientRect(), box = tip.getBoundingClientRect(), below = word.bottom + 6;
        tip.style.left = `${Math.max(8, Math.min(word.left - 8, document.documentElement.clientWidth - box.width - 8))}px`;
        tip.style.top = `${below + box.height > window.innerHeight ? Math.max(8, word.top - box.height - 6) : below}px`;
      };
      for (const kind of ["pointerenter", "focus"]) tip.parentElement.addEventListener(kind, put);
      tip.parentElement.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.parentElement.blur(); });
    }
  }

  async function start() {
    theme();
    tips();
    const data = await load(), shared = { trades: data.trades ? tradesOf(data.trades, data.words) : [], onPick() {} };
    for (const box of document.querySelectorAll("[data-chart]")) {
      ({ worth: worthChart, compare: compareChart, candles: candleChart })[box.dataset.chart](box, data, shared);
    }
    for (const box of document.querySelectorAll("[data-list]")) if (shared.trades.length) tradeList(box, shared);
    document.documentElement.dataset.ready = "yes";
  }

  start().catch((error) => { document.documentElement.dataset.ready = "no"; console.error(error); });
})();
