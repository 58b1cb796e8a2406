// Takes a picture of a real terminal session: runs a command on a pty, types the given keys, draws the screen as PNG.
// Needs ImageMagick's convert and the DejaVu fonts. Usage: node tools/screenshot.mjs OUT.png ROWSxCOLUMNS SCRIPT.json
// SCRIPT: { "command": [...], "steps": [ { "wait": "text on the screen", "type": "keys" } ], "end": "text" }
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import pty from '@lydell/node-pty';
import xterm from '@xterm/headless';

const [out, size, scriptPath] = process.argv.slice(2);
const [rows, cols] = size.split('x').map(Number);
const script = JSON.parse(readFileSync(scriptPath, 'utf8'));
const terminal = new xterm.Terminal({ rows, cols, allowProposedApi: true });
const [command, ...args] = script.command;
const child = pty.spawn(command, args, { rows, cols, name: 'xterm-256color', env: { ...process.env, TERM: 'xterm-256color', ...script.env } });
child.onData((text) => terminal.write(text));
terminal.onData((text) => child.write(text));

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
function screen() {
  const lines = [];
  for (let y = 0; y < rows; y++) lines.push(terminal.buffer.active.getLine(terminal.buffer.active.viewportY + y)?.translateToString(true) ?? '');
  return lines.join('\n');
}
async function until(text, seconds = 60) {
  for (let i = 0; i < seconds * 20; i++) {
    if (new RegExp(text, 'm').test(screen())) return;
    await sleep(50);
  }
  throw new Error(`"${text}" did not come:\n${screen()}`);
}
for (const step of script.steps) {
  await until(step.wait);
  await sleep(150);
  for (const key of step.type) {
    child.write(key);
    await sleep(15);
  }
}
await until(script.end);
await sleep(200);

// Drawing: a run of cells of one colour at a time.
const palette = ['#1d1f21', '#cc6666', '#8abf5e', '#e6c547', '#6699cc', '#b294bb', '#70c0ba', '#d0d0d0', '#666666', '#ff7777', '#b5e655', '#ffe27a', '#88bbff', '#d7a8e8', '#9ae5df', '#ffffff'];
const colour = (index) => {
  if (index < 16) return palette[index];
  if (index >= 232) return `rgb(${Array(3).fill(8 + (index - 232) * 10)})`;
  const level = (n) => (n === 0 ? 0 : 55 + 40 * n);
  const n = index - 16;
  return `rgb(${level(Math.floor(n / 36))},${level(Math.floor(n / 6) % 6)},${level(n % 6)})`;
};
const [width, height, pad] = [9, 19, 12];
const draw = [];
for (let y = 0; y < rows; y++) {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.viewportY + y);
  for (let x = 0; x < cols; x++) {
    const cell = line?.getCell(x);
    if (!cell) continue;
    let fore = cell.isFgDefault() ? palette[7] : cell.isFgRGB() ? `#${cell.getFgColor().toString(16).padStart(6, '0')}` : colour(cell.getFgColor());
    let back = cell.isBgDefault() ? null : cell.isBgRGB() ? `#${cell.getBgColor().toString(16).padStart(6, '0')}` : colour(cell.getBgColor());
    if (cell.isInverse()) [fore, back] = [back ?? palette[0], fore];
    const cursor = y === terminal.buffer.active.cursorY && x === terminal.buffer.active.cursorX;
    if (cursor) [fore, back] = [palette[0], palette[7]];
    const [left, top] = [pad + x * width, pad + y * height];
    if (back !== null) draw.push(`fill "${back}" rectangle ${left},${top} ${left + width - 1},${top + height - 1}`);
    const text = cell.getChars();
    if (text !== '' && text !== ' ') {
      const font = cell.isBold() ? 'DejaVu-Sans-Mono-Bold' : 'DejaVu-Sans-Mono';
      draw.push(`font "${font}" fill "${fore}" text ${left},${top + 15} "${text.replace(/["\\]/g, '\\$&')}"`);
    }
  }
}
const strokes = [];
for (let at = 0; at < draw.length; at += 200) strokes.push('-draw', draw.slice(at, at + 200).join(' '));
const canvas = ['-size', `${cols * width + 2 * pad}x${rows * height + 2 * pad}`, `xc:${palette[0]}`, '-pointsize', '15'];
execFileSync(process.env.CONVERT ?? 'convert', [...canvas, ...strokes, '-colors', '64', out]);
child.kill();
process.exit(0);
