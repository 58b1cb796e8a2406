/** An SVG of the times of tuxlate and native as multiples of qemu-user's, a bar each on a logarithmic scale. */
const ROW = 16, LEFT = 170, WIDTH = 640, TOP = 40;
const LOW = -8, HIGH = 5;
const x = (ratio) => LEFT + (WIDTH * (Math.min(HIGH, Math.max(LOW, Math.log2(ratio))) - LOW)) / (HIGH - LOW);
const text = (at, y, words, more = '') => `<text x="${at.toFixed(1)}" y="${y}" ${more}>${words}</text>`;

/** `report`: by row name { native, tuxlate, qemu } in ms. */
export function plot(report) {
  const rows = Object.entries(report).filter(([, row]) => row.qemu > 0 && row.tuxlate > 0), bottom = TOP + rows.length * ROW;
  const grid = [];
  for (let power = LOW; power <= HIGH; power++) {
    const at = x(2 ** power), label = power < 0 ? `1/${2 ** -power}` : String(2 ** power);
    grid.push(`<line x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}" stroke="${power === 0 ? '#000' : '#ddd'}"/>`, text(at, TOP - 6, label, 'text-anchor="middle"'));
  }
  const bars = rows.flatMap(([name, { native, tuxlate, qemu }], k) => {
    const y = TOP + k * ROW, one = x(1), end = x(tuxlate / qemu);
    return [
      text(LEFT - 8, y + 12, name, 'text-anchor="end"'),
      `<rect x="${Math.min(one, end)}" y="${y + 3}" width="${Math.abs(end - one)}" height="${ROW - 6}" fill="${tuxlate <= qemu ? '#2a7' : '#d63'}"/>`,
      `<circle cx="${x(native / qemu)}" cy="${y + ROW / 2}" r="3" fill="#36c"/>`,
    ];
  });
  const words = 'time as a multiple of qemu-user\u2019s: bars tuxlate, dots native (less is faster)';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 40}" height="${bottom + 10}" font-family="sans-serif" font-size="11">\n<title>${words}</title>\n<rect width="100%" height="100%" fill="#fff"/>\n${[text(LEFT, 14, words), ...grid, ...bars].join('\n')}\n</svg>\n`;
}
