/** The background of a portrait: words of the prompt choose it, otherwise chance does. */
import type { Canvas } from './picture.ts';

type FaultContext = (canvas: Canvas) => string;

export function drawBackground(canvas: Canvas): string {
  const { prompt, width, height, palette, random } = canvas;
  const named = scenes.filter(([words]) => words.test(prompt.toLowerCase())).map(([, context]) => context);
  const context = random.pick(
    (named.length > 0 ? named : scenes.map(([, context]) => context)) as [FaultContext, ...FaultContext[]],
  );
  return `<linearGradient id="sky" x2="${random.between(-0.4, 0.4)}" y2="1"><stop stop-color="${palette[2]}"/>
    <stop offset=".55" stop-color="${palette[3]}"/><stop offset="1" stop-color="${palette[4]}"/></linearGradient>
    <rect width="${width}" height="${height}" fill="url(#sky)"/>${context(canvas)}
    <radialGradient id="light" cx="${random.pick([0.1, 0.9])}" cy=".1" r=".9"><stop stop-color="#fff3d6" stop-opacity=".4"/>
    <stop offset=".6" stop-color="#fff3d6" stop-opacity="0"/></radialGradient><rect width="${width}" height="${height}" fill="url(#light)"/>`;
}

const scenes: readonly [RegExp, FaultContext][] = [
  [/sun|office|business|headshot|studio|dawn|dusk|summer|warm|golden|beach/, drawSun],
  [/mountain|hill|snow|desert|landscape|hik|sea|ocean|lake|garden|forest/, drawHills],
  [/retro|vintage|pop|comic|party|dance|poster|hero|city|neon|street/, drawRays],
  [/night|star|space|astronaut|moon|galaxy|dream|magic/, drawNight],
];

function drawSun({ width, height, palette, random }: Canvas): string {
  const [x, y, r] = [width * random.between(0.4, 0.6), height * random.between(0.32, 0.42), Math.min(width, height)];
  return [0.62, 0.5, 0.39]
    .map(
      (share, i) => `<circle cx="${x}" cy="${y}" r="${r * share}" fill="${palette[4]}" opacity="${0.25 + i * 0.2}"/>`,
    )
    .join('');
}

function drawHills({ width, height, palette, random }: Canvas): string {
  return [0.42, 0.55, 0.68, 0.8]
    .map((share, layer) => {
      const ridge = Array.from({ length: 9 }, (_, i) => {
        const y = share + (i % 2 === 0 ? 1 : -1) * random.between(0.01, 0.08);
        return `${(width * i) / 8} ${height * y}`;
      });
      const colour = palette[layer < 2 ? 2 : layer === 2 ? 1 : 0];
      return `<path d="M0 ${height}L${ridge.join('L')}V${height}Z" fill="${colour}" opacity="${0.45 + layer * 0.14}"/>`;
    })
    .join('');
}

function drawRays({ width, height, palette, random }: Canvas): string {
  const [x, y, far, count] = [width / 2, height * random.between(0.36, 0.46), width + height, 2 * random.int(9, 14)];
  const point = (i: number) => {
    const angle = (i / count) * 2 * Math.PI;
    return `${x + far * Math.cos(angle)} ${y + far * Math.sin(angle)}`;
  };
  const rays = Array.from({ length: count / 2 }, (_, i) => `M${x} ${y}L${point(2 * i)}L${point(2 * i + 1)}Z`);
  return `<path d="${rays.join('')}" fill="${palette[1]}" opacity=".45"/>
    <circle cx="${x}" cy="${y}" r="${Math.min(width, height) * 0.33}" fill="${palette[4]}" opacity=".75"/>`;
}

function drawNight({ width, height, palette, random }: Canvas): string {
  const size = Math.min(width, height);
  const stars = Array.from({ length: 110 }, () => {
    const [x, y, r] = [random.next() * width, random.next() ** 1.3 * height, size * random.between(0.0008, 0.0032)];
    return `<circle cx="${x}" cy="${y}" r="${r}" opacity="${random.between(0.3, 1)}"/>`;
  });
  const [x, y, r] = [width * random.pick([0.16, 0.84]), height * 0.2, size * random.between(0.1, 0.18)];
  return `<rect width="${width}" height="${height}" fill="${palette[0]}" opacity=".85"/><g fill="#fffbe8">${stars.join('')}</g>
    <circle cx="${x}" cy="${y}" r="${r}" fill="${palette[3]}"/><circle cx="${x - r * 0.2}" cy="${y - r * 0.2}" r="${r * 0.72}" fill="${palette[4]}" opacity=".4"/>`;
}
