// Opens a report in headless Chromium and does what a person would: `node page.mjs CHROMIUM REPORT`.
// Ends with 1, and says what was not as it should be.
import { chromium } from "playwright-core";

const [executablePath, report, pair] = process.argv.slice(2);
const HOSTILE = "</script><script>alert(1)</script>";
const wrong = [];
const expect = (what, holds) => {
  if (!holds) wrong.push(what);
};

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function open(file, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("pageerror", (error) => wrong.push(`an error of the page: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(`an error on the console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    wrong.push("what was recorded has run");
    return dialog.dismiss();
  });
  page.on("request", (request) => {
    if (request.url() !== `file://${file}`) wrong.push(`it loads ${request.url()}`);
  });
  await page.goto(`file://${file}`);
  return page;
}

/** The texts of a column of the table of tools. */
const column = (page, at) =>
  page.$$eval("#tool-table tbody tr", (rows, place) => rows.map((row) => row.children[place].textContent), at);
const numbers = (texts) => texts.map((text) => Number(text.replaceAll(",", "")));
const isSorted = (list, way) => list.every((value, at) => at === 0 || (list[at - 1] - value) * way <= 0);

async function interactions(page) {
  expect("eight parts", (await page.locator("main > section").count()) === 8);
  expect("a title of its own", (await page.title()).startsWith("MCP traffic: "));
  const calls = page.getByRole("button", { name: "calls", exact: true });
  expect("the most calls first", isSorted(numbers(await column(page, 2)), -1));
  await calls.click();
  expect("the fewest calls first", isSorted(numbers(await column(page, 2)), 1));
  expect("the order is shown", (await page.locator("th[aria-sort=ascending]").textContent()).startsWith("calls"));
  // By keyboard, too.
  await page.getByRole("button", { name: "tool or method" }).focus();
  await page.keyboard.press("Enter");
  const names = await column(page, 0);
  expect("sorted by name", names.length > 3 && names.every((name, at) => at === 0 || names[at - 1] <= name));

  const filter = page.getByLabel("Show names with");
  await filter.fill("<IMG");
  const left = await column(page, 0);
  expect("a filter in any case", left.length === 1 && left[0].startsWith("<img"));
  expect("how many are shown", (await page.locator("#tools [role=status]").textContent()).startsWith("1 of "));
  await filter.fill("");

  expect("fifty failures at first", (await page.locator("#failures details").count()) === 50);
  await page.locator("#failures button.more").click();
  expect("more of them when asked", (await page.locator("#failures details").count()) > 50);
  const first = page.locator("#failures details").first();
  await first.locator("summary").focus();
  await page.keyboard.press("Enter");
  expect("whose server it was", (await first.locator("summary .proxy").textContent()).startsWith("files "));
  const inside = first.locator(".inside");
  await inside.waitFor();
  expect("what was asked, as text", (await inside.textContent()).includes(HOSTILE));
  expect("what was answered", (await inside.locator("pre").count()) === 2);

  // What hangs, and what a server wrote before it ended.
  const line = (text) => page.locator("#flight li").filter({ hasText: text });
  const hangs = line("no answer for");
  expect("a call that hangs, once", (await hangs.count()) === 1);
  expect("what it asked is folded", !(await hangs.locator("pre").isVisible()));
  await hangs.locator("summary").click();
  const asked = hangs.locator("pre");
  expect("what it asked, as text", (await asked.isVisible()) && (await asked.textContent()).includes(HOSTILE));
  expect("an escape stays one", (await asked.textContent()).includes('"turned": "\\u202e"'));
  const ended = line("exited with code 3");
  await ended.locator("summary").focus();
  await page.keyboard.press("Enter");
  const wrote = ended.locator("pre");
  expect("its last words, as text", (await wrote.isVisible()) && (await wrote.textContent()).includes(HOSTILE));

  const rows = () => page.locator("#waterfall tbody").textContent();
  const before = await rows();
  await page.locator("#session-choice").selectOption({ index: 1 });
  expect("another session has other calls", (await rows()) !== before);
  expect("nothing of it became markup", (await page.locator("main img, main script, main iframe").count()) === 0);
}

/** Whether the page is no wider than its window, and nothing is cut off. */
async function fits(page, name) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(`${name}: ${wide} pixels too wide`, wide <= 0);
  const cut = await page.$$eval(".scroll", (all) =>
    all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.getAttribute("aria-label")));
  expect(`${name}: cut off: ${cut.join(", ")}`, cut.length === 0);
}

/** Whether text can be distinguished from its ground, as WCAG measures it. */
async function contrast(page, name) {
  const low = await page.evaluate(() => {
    const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const light = (colour) => {
      paint.fillStyle = colour;
      paint.fillRect(0, 0, 1, 1);
      const [red, green, blue] = [...paint.getImageData(0, 0, 1, 1).data].map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = light(getComputedStyle(document.querySelector("section")).backgroundColor);
    return [".dim", ".bad", ".note", "h2", "a", ".reason"].filter((selector) => {
      const element = document.querySelector(selector);
      const ink = light(getComputedStyle(element).color);
      return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05) < 4.5;
    });
  });
  expect(`${name}: too pale: ${low.join(" ")}`, low.length === 0);
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1400]) {
    const page = await open(report, { colorScheme, viewport: { width, height: 900 } });
    await fits(page, `${width} ${colorScheme}`);
    await contrast(page, `${width} ${colorScheme}`);
    await interactions(page);
    await fits(page, `${width} ${colorScheme}, opened`);
    await page.context().close();
  }
}
const two = await open(pair, { viewport: { width: 360, height: 900 } });
await fits(two, "two windows");
expect("both windows", (await two.locator("#figures .figures").count()) === 2);
await two.emulateMedia({ media: "print" });
expect("no controls on paper", !(await two.locator("#tool-filter").isVisible()));
await browser.close();

if (wrong.length > 0) {
  console.error([...new Set(wrong)].join("\n"));
  process.exit(1);
}
