// One page in headless Chromium: node page.mjs PAGE SHOTS. Exits with 1 and a line for each thing that is not as it should be.
import { chromium } from "playwright-core";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { pathToFileURL } from "node:url";

const [page_file, shots] = process.argv.slice(2);
const name = `${basename(dirname(page_file))}-${basename(page_file, ".html")}`;
const failures = [];
const check = (held, what) => { if (!held) failures.push(what); };
mkdirSync(shots, { recursive: true });

const profile = mkdtempSync(join(tmpdir(), "browser-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM, headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

/** How many points of a canvas are not as its first one: 0, if nothing is drawn. */
const drawn = (canvas) => canvas.evaluate((it) => {
  const data = new Uint32Array(it.getContext("2d").getImageData(0, 0, it.width, it.height).data.buffer);
  return data.reduce((count, point) => count + (point !== data[0]), 0);
});

/** Opens the page, and listens to what it asks and says. */
async function open(scheme, width) {
  const page = await context.newPage();
  const where = `${name} ${scheme} ${width}px`;
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize({ width, height: 900 });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) failures.push(`${where}: the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => failures.push(`${where}: the script fails: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (url !== pathToFileURL(page_file).href && !url.startsWith("data:")) failures.push(`${where}: it asks for ${url}`);
  });
  await page.goto(pathToFileURL(page_file).href);
  return { page, where };
}

for (const scheme of ["light", "dark"]) {
  for (const width of [400, 1600]) {
    const { page, where } = await open(scheme, width);
    const canvases = await page.locator("figure.chart canvas").all();
    check(canvases.length > 0, `${where}: there is no chart`);
    for (const [number, canvas] of canvases.entries()) {
      check(await drawn(canvas) > 500, `${where}: chart ${number} is blank`);
    }
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `${where}: ${over} px wider than the window`);
    const colours = await page.evaluate(() => {
      const light = (colour) => colour.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
      const style = getComputedStyle(document.body);
      return { back: light(style.backgroundColor), ink: light(style.color) };
    });
    check(Math.abs(colours.back - colours.ink) > 120, `${where}: text does not stand out: ${JSON.stringify(colours)}`);
    check((colours.back < 128) === (scheme === "dark"), `${where}: its background has lightness ${colours.back}`);
    await page.screenshot({ path: join(shots, `${name}-${scheme}-${width}.png`), fullPage: true });
    await page.close();
  }
}

// What one does with it, once.
const { page, where } = await open("light", 1600);
const plot = page.locator("figure.chart .u-over").first();
await plot.scrollIntoViewIfNeeded();
const box = await plot.boundingBox();
const middle = box.y + box.height / 2;
const scale = () => page.evaluate(() => {
  const { min, max } = document.querySelector("figure.chart .plot").plot.scales.x;
  return [min, max];
});

await page.mouse.move(box.x + box.width * 0.4, middle);
await page.mouse.move(box.x + box.width * 0.5, middle, { steps: 4 });
const tip = page.locator("figure.chart .tip").first();
check(await tip.isVisible(), `${where}: no tooltip appears`);
check(/\d/.test(await tip.textContent()), `${where}: the tooltip has no figures`);
await page.screenshot({ path: join(shots, `${name}-tooltip.png`) });

const whole = await scale();
await page.mouse.move(box.x + box.width * 0.3, middle);
await page.mouse.down();
await page.mouse.move(box.x + box.width * 0.6, middle, { steps: 6 });
await page.mouse.up();
const part = await scale();
check(part[0] > whole[0] && part[1] < whole[1], `${where}: dragging does not zoom: ${whole} became ${part}`);
await page.mouse.dblclick(box.x + box.width * 0.5, middle);
const again = await scale();
check(again[0] === whole[0] && again[1] === whole[1], `${where}: a double click does not reset: ${again}`);

const sorted = await page.evaluate(() => {
  const wrong = [];
  const key = (cell) => (cell.dataset.k == null ? cell.textContent.trim() : Number(cell.dataset.k));
  for (const table of document.querySelectorAll("main table:has(thead)")) {
    const rows = table.tBodies[0].rows.length;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      for (const _ of [1, 2]) {
        head.querySelector("button").click();
        const way = head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
        const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]).filter(Boolean);
        const keys = cells.map(key).filter((value) => typeof value === "number");
        if (keys.some((value, at) => at > 0 && way * (value - keys[at - 1]) < 0)) wrong.push(`${head.textContent}: ${keys}`);
      }
    });
    if (table.tBodies[0].rows.length !== rows) wrong.push("rows are lost");
  }
  return wrong;
});
check(sorted.length === 0, `${where}: tables do not sort: ${sorted.join("; ")}`);

// The switch turns it over, charts and all, and there and back it is the same.
const canvas = page.locator("figure.chart canvas").first();
const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const [was, points] = [await back(), await canvas.screenshot()];
await page.locator("#theme").click();
check(await back() !== was, `${where}: the switch does not change the background`);
check(!(await canvas.screenshot()).equals(points), `${where}: the switch does not redraw charts`);
await page.setViewportSize({ width: 700, height: 900 });
await page.waitForTimeout(100);
const fits = await page.evaluate(() => [...document.querySelectorAll("figure.chart .plot")].every((plot) =>
  Math.abs(plot.plot.width - plot.clientWidth) <= 1));
check(fits, `${where}: charts do not follow the window`);

await page.emulateMedia({ media: "print" });
const paper = await page.evaluate(() => getComputedStyle(document.getElementById("theme")).display);
check(paper === "none", `${where}: the switch is printed`);
await page.emulateMedia({ media: null });
await context.close();
rmSync(profile, { recursive: true, force: true });
for (const failure of failures) console.error(`FAILED  ${failure}`);
if (failures.length === 0) console.log(`ok  ${page_file}: four views, tooltip, zoom, sorting, switch, resizing`);
process.exit(failures.length === 0 ? 0 : 1);
