// Draws each figure.chart from the Vega-Lite specification beside it, in the page's own colours. The figure's
// sentence, table and CSV say the same without a script.
"use strict";

(function charts() {
  const drawn = [];

  // "var(--work)" in a specification becomes the colour that the style sheet gives it, in light or dark.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }
  function painted(value) {
    if (Array.isArray(value)) return value.map(painted);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v)]));
    }
    const named = typeof value === "string" && /^var\((--[a-z-]+)\)$/.exec(value);
    return named ? colour(named[1]) : value;
  }
  function look() {
    const ink = colour("--ink"), quiet = colour("--quiet"), line = colour("--line");
    const font = getComputedStyle(document.body).fontFamily;
    // On a phone a legend has one name per line, and both leave the chart some room.
    const narrow = window.innerWidth < 500, size = narrow ? 11 : 12;
    return {
      background: "transparent", font, view: { stroke: null },
      axis: { labelColor: quiet, titleColor: quiet, gridColor: line, domainColor: line, tickColor: line, labelFontSize: size, titleFontSize: size, titleFontWeight: "normal", labelLimit: narrow ? 130 : 220 },
      legend: { labelColor: ink, titleColor: quiet, labelFontSize: size, titleFontSize: size, orient: "top", titleFontWeight: "normal", labelLimit: 260, ...(narrow ? { columns: 1 } : {}) },
      text: { color: ink }, rule: { color: quiet }, header: { labelColor: ink, titleColor: quiet },
    };
  }
  function options() {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
      || (document.documentElement.dataset.theme === undefined && window.matchMedia("(prefers-color-scheme: dark)").matches);
    return { ast: true, actions: false, renderer: "svg", config: look(), tooltip: { theme: dark ? "dark" : "light" } };
  }

  async function draw(figure) {
    const plot = figure.querySelector(".plot");
    const spec = painted(JSON.parse(figure.querySelector("script[type='application/json']").textContent));
    try {
      const result = await window.vegaEmbed(plot, spec, options());
      figure.dataset.drawn = "yes";
      // A point that stands for a request leads to its page.
      result.view.addEventListener("click", (_, item) => {
        const to = item?.datum?.href;
        if (to && /^requests\/[\w.~%+-]+$/.test(to)) window.location.href = `${figure.dataset.pages}${to}`;
      });
      return result;
    } catch (error) {
      plot.textContent = "This chart could not be drawn; its table is below.";
      console.error(error);
      return null;
    }
  }

  async function all() {
    for (const old of drawn.splice(0)) old.finalize();
    for (const figure of document.querySelectorAll("figure.chart:has(> script)")) {
      const result = await draw(figure);
      if (result) drawn.push(result);
    }
    document.documentElement.dataset.charts = "drawn";
  }

  document.addEventListener("DOMContentLoaded", all);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  new MutationObserver(all).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
})();
