"use strict";
// Tells about the place of a plot at which the reader points. The page is complete without it.
(function () {
  function digits(v) { return String(Number(Number(v).toPrecision(3))); }
  function write(v, unit) {
    if (unit === "s") {
      if (v === 0) return "0 s";
      if (v < 1e-3) return digits(v * 1e6) + " µs";
      if (v < 1) return digits(v * 1e3) + " ms";
      if (v < 120) return digits(v) + " s";
      var h = Math.floor(v / 3600), m = Math.floor(v % 3600 / 60), s = Math.round(v % 60);
      return (h ? h + " h " : "") + m + " min" + (h ? "" : " " + s + " s");
    }
    if (unit === "%") return (v < 1 ? Math.min(v * 100, 99.99) : 100).toFixed(v > 0 && v < 1 ? 1 : 0) + " %";
    if (unit === "B/s") return (v >= 1e6 ? digits(v / 1e6) + " MB" : v >= 1e3 ? digits(v / 1e3) + " kB" : digits(v) + " B") + "/s";
    if (unit === "/s") return digits(v) + "/s";
    return v >= 1000 ? Math.round(v).toLocaleString("en").replace(/,/g, "\u202f") : digits(v);
  }
  function at(axis, v) {
    if (!axis[2]) return (v - axis[0]) / (axis[1] - axis[0]);
    return Math.log(Math.max(v, axis[0]) / axis[0]) / Math.log(axis[1] / axis[0]);
  }
  function value(axis, f) {
    return axis[2] ? axis[0] * Math.pow(axis[1] / axis[0], f) : axis[0] + f * (axis[1] - axis[0]);
  }
  // last index whose x isn't beyond v, or 0
  function upTo(n, x, v) {
    var lo = 0, hi = n - 1;
    while (lo < hi) { var mid = (lo + hi + 1) >> 1; if (x(mid) <= v) lo = mid; else hi = mid - 1; }
    return lo;
  }
  function nearest(list, v) {
    var i = upTo(list.length, function (k) { return list[k]; }, v);
    return i + 1 < list.length && list[i + 1] - v < v - list[i] ? i + 1 : i;
  }
  function level(line, v) { return line.p[upTo(line.p.length, function (k) { return line.p[k][0]; }, v)][1]; }
  function element(parent, name, text, className) {
    var e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (className) e.className = className;
    parent.appendChild(e);
    return e;
  }

  document.querySelectorAll("figure.chart").forEach(function (figure) {
    var d = JSON.parse(figure.querySelector("script").textContent);
    var plot = figure.querySelector(".plot"), paths = plot.querySelectorAll("path.line");
    var cursor = element(plot, "div", undefined, "cursor"), tip = element(plot, "div", undefined, "tip");
    var lit = null;
    function hide() {
      cursor.hidden = tip.hidden = true;
      if (lit) lit.classList.remove("lit");
      lit = null;
    }
    function heading(v) {
      (d.z || []).forEach(function (z) {
        var slack = (value(d.x, 1) - value(d.x, 0)) / 80;
        if (v >= z.a - slack && v <= z.b + slack) element(tip, "em", z.n);
      });
    }
    function pair(name, text) {
      var s = element(tip, "span", name);
      element(s, "i", text);
    }
    function tellNearest(v, fy) {
      var best = 0, distance = Infinity;
      d.l.forEach(function (l, i) {
        var gap = Math.abs(at(d.y, level(l, v)) - fy);
        if (gap < distance) { distance = gap; best = i; }
      });
      var l = d.l[best];
      element(tip, "b", l.n);
      element(tip, "em", l.d);
      pair("after " + write(v, d.xu), write(level(l, v), d.yu));
      if (lit) lit.classList.remove("lit");
      lit = paths[best];
      if (lit) lit.classList.add("lit");
    }
    function tellAll(v) {
      var i = d.at ? nearest(d.at, v) : -1;
      if (i >= 0) v = d.at[i];
      element(tip, "b", d.cats ? d.cats[i] : write(v, d.xu));
      heading(v);
      d.l.forEach(function (l) {
        var y = l.p ? level(l, v) : l.v[i];
        if (y !== null && y !== undefined) pair(l.n, l.t ? l.t[i] : write(y, d.yu));
      });
      return v;
    }
    function show(e) {
      var box = plot.getBoundingClientRect();
      var fx = Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1), fy = 1 - (e.clientY - box.top) / box.height;
      var v = value(d.x, fx);
      tip.textContent = "";
      if (d.near) tellNearest(v, fy); else { v = tellAll(v); fx = at(d.x, v); }
      cursor.hidden = tip.hidden = false;
      cursor.style.left = fx * 100 + "%";
      var left = fx * box.width + 12;
      if (left + tip.offsetWidth > box.width) left = Math.max(fx * box.width - tip.offsetWidth - 12, 0);
      tip.style.left = left + "px";
    }
    hide();
    plot.addEventListener("pointermove", show);
    plot.addEventListener("pointerdown", show);
    plot.addEventListener("pointerleave", hide);
  });
})();
