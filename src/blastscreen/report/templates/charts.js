"use strict";
(() => {
  const darkScheme = matchMedia("(prefers-color-scheme: dark)");
  const darkColours = JSON.parse(document.getElementById("dark-colours").textContent);
  const canvases = [...document.querySelectorAll("[data-chart]")];
  const settings = { displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
  const drawnWidths = new WeakMap();
  const NARROW = 700, PRINTED = 680;

  const source = (canvas) => JSON.parse(document.getElementById(canvas.dataset.chart).textContent);

  // every colour by itself, and those inside the small markup of labels
  const recolour = (value) => {
    if (Array.isArray(value)) return value.map(recolour);
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recolour(item)]));
    return typeof value === "string" && value.length <= 20 ? darkColours[value.toLowerCase()] ?? value : value;
  };

  const fit = (figure, width) => {
    const { layout } = figure;
    layout.dragmode = false;
    layout.autosize = true;
    for (const name of Object.keys(layout)) if (/^[xy]axis\d*$/.test(name)) layout[name].automargin = true;
    if (width < NARROW) {
      layout.font = { ...layout.font, size: 12 };
      for (const label of layout.annotations ?? []) label.font = { ...label.font, size: 11 };
      for (const trace of figure.data) if (trace.textfont) trace.textfont.size = Math.min(trace.textfont.size ?? 12, 14);
    }
    return figure;
  };

  const draw = (canvas) => {
    const figure = fit(source(canvas), canvas.clientWidth);
    const { data, layout } = darkScheme.matches ? recolour(figure) : figure;
    canvas.querySelector(".fallback")?.remove();
    canvas.style.height = `${layout.height}px`;
    drawnWidths.set(canvas, canvas.clientWidth);
    // from scratch: a chart that only gets another width keeps its legend where it was
    return Plotly.newPlot(canvas, data, layout, settings);
  };

  // one drawing of a canvas at a time
  const queue = new WeakMap();
  const drawNext = (canvas, isStale = () => true) => {
    const drawing = (queue.get(canvas) ?? Promise.resolve()).then(() => isStale() && draw(canvas));
    queue.set(canvas, drawing);
    return drawing;
  };

  const drawAll = async () => {
    for (const canvas of canvases) await drawNext(canvas);
  };

  // paper is white, of one width, and can't be asked to wait: its pictures are made beforehand
  const picture = async (canvas) => {
    const { data, layout } = fit(source(canvas), PRINTED);
    const size = { format: "svg", width: PRINTED, height: layout.height };
    const image = new Image();
    image.src = await Plotly.toImage({ data, layout: { ...layout, autosize: false, width: PRINTED } }, size);
    image.alt = canvas.getAttribute("aria-label");
    image.className = "static";
    canvas.after(image);
    canvas.parentElement.classList.add("has-static");
  };

  // no width means hidden, as in print
  const hasOtherWidth = (canvas) => canvas.clientWidth && canvas.clientWidth !== drawnWidths.get(canvas);
  const watcher = new ResizeObserver((changes) => {
    for (const { target } of changes) drawNext(target, () => hasOtherWidth(target));
  });

  const start = async () => {
    await drawAll();
    for (const canvas of canvases) watcher.observe(canvas);
    document.documentElement.dataset.charts = "drawn";
    for (const canvas of canvases) await picture(canvas);
    document.documentElement.dataset.charts = "printable";
  };

  darkScheme.addEventListener("change", drawAll);
  // browsers that print a closed <details> closed
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      addEventListener("afterprint", () => { details.open = false; }, { once: true });
    }
  });
  start();
})();
