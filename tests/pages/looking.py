"""What can be measured of a page in a browser: contrast, names and labels, widths, and markup that nobody wrote."""

from __future__ import annotations

from typing import Any

CONTRAST = """() => {
  const parse = (c) => { const m = c.match(/rgba?\\(([^)]+)\\)/)[1].split(/[ ,/]+/).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (c) => { if (c.startsWith("rgb")) return parse(c); canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1);
    const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const luminance = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
  const ground = (el) => { const layers = []; for (let e = el; e; e = e.parentElement) layers.push(rgb(getComputedStyle(e).backgroundColor));
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (getComputedStyle(document.documentElement).colorScheme === "light dark" && matchMedia("(prefers-color-scheme: dark)").matches);
    return layers.reverse().reduce((under, top) => over(top, under), dark ? [18, 18, 18] : [255, 255, 255]); };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const el = node.parentElement;
    if (!node.data.trim() || el.closest("svg, script, style, option, :disabled") || !el.checkVisibility()) continue;
    const style = getComputedStyle(el), box = el.getBoundingClientRect();
    if (box.right < 0 || box.bottom < 0) continue;
    const back = ground(el), front = over(rgb(style.color), back);
    const [a, b] = [luminance(front), luminance(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    found.push({ text: node.data.trim().slice(0, 40), ratio: (a + 0.05) / (b + 0.05), least: large ? 3 : 4.5 });
  }
  return found;
}"""
"""WCAG 2.2, 1.4.3: the contrast of every visible text against what is painted behind it."""

UNNAMED = """() => {
  const shown = (e) => e.checkVisibility() || e.closest("details");
  const said = (e) => (e.getAttribute("aria-label") || "").trim() || [...(e.labels || [])].some((l) => l.textContent.trim())
    || (e.getAttribute("aria-labelledby") || "").split(" ").some((id) => id && document.getElementById(id)?.textContent.trim());
  const wrong = [];
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) if (shown(e) && !said(e)) wrong.push(e.outerHTML);
  for (const e of document.querySelectorAll("button, a[href], summary")) if (!e.textContent.trim() && !said(e)) wrong.push(e.outerHTML);
  for (const e of document.querySelectorAll("svg")) if (!(e.getAttribute("aria-label") || e.getAttribute("aria-hidden") || e.closest("[aria-label], [aria-hidden]"))) wrong.push(e.outerHTML.slice(0, 200));
  for (const e of document.querySelectorAll("th")) if (!e.getAttribute("scope") && e.textContent.trim()) wrong.push(e.outerHTML);
  for (const e of document.querySelectorAll("[aria-labelledby]")) for (const id of e.getAttribute("aria-labelledby").split(" ")) if (!document.getElementById(id)) wrong.push(`no #${id}`);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  wrong.push(...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `twice #${id}`));
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (document.querySelector("[tabindex]:not([tabindex='0']):not([tabindex='-1'])")) wrong.push("a positive tabindex");
  if (document.documentElement.lang !== "en") wrong.push("no language");
  return wrong;
}"""
"""Controls without a name, ids that are not there or there twice, tables without scopes."""

SMUGGLED = """() => {
  const wrong = [];
  for (const e of document.querySelectorAll("*")) {
    for (const a of e.attributes) {
      if (a.name.startsWith("on")) wrong.push(`${e.tagName} has ${a.name}`);
      if (["href", "src", "action", "data-post", "data-stale", "xlink:href"].includes(a.name) && /^\\s*(javascript|data|vbscript):/i.test(a.value) && !(e.tagName === "LINK" && a.value === "data:,")) wrong.push(`${e.tagName} leads to ${a.value}`);
    }
    if (["IFRAME", "OBJECT", "EMBED", "BASE", "MARQUEE", "IMG"].includes(e.tagName)) wrong.push(e.outerHTML.slice(0, 120));
    if (e.tagName === "SCRIPT" && !/\\/static\\//.test(e.getAttribute("src") || "") && !/json/.test(e.type)) wrong.push(e.outerHTML.slice(0, 120));
  }
  if (window.__xss) wrong.push("a script ran");
  if (!document.querySelector("main")?.checkVisibility() || !document.querySelector("header.bar")) wrong.push("the page is broken");
  return wrong;
}"""
"""Elements, handlers and links that no template of ours writes."""


def too_faint(page: Any) -> list[str]:
    """Texts whose contrast is below WCAG AA."""
    found = page.evaluate(CONTRAST)
    assert len(found) > 10, "there was something to read"
    return [f"{t['text']!r}: {t['ratio']:.2f}" for t in found if t["ratio"] < t["least"]]


def unnamed(page: Any) -> list[str]:
    """What a screen reader could not tell."""
    return list(page.evaluate(UNNAMED))


def smuggled(page: Any) -> list[str]:
    """What came into the page as markup and should have been text."""
    return list(page.evaluate(SMUGGLED))
