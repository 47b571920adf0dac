/** The place behind a portrait: picked by words of the prompt, else by chance. */
import { mix } from '../colours.ts';
import type { Random } from '../random.ts';
import type { Palette } from './palette.ts';

export type Canvas = { width: number; height: number; palette: Palette; random: Random };
type Scene = (canvas: Canvas) => string;

export function drawScene(prompt: string, canvas: Canvas): string {
  const words = prompt.toLowerCase();
  const named = scenes.filter(({ about }) => about.test(words)).map(({ draw }) => draw);
  const all = scenes.map(({ draw }) => draw);
  const draw = canvas.random.pick((named.length > 0 ? named : all) as [Scene, ...Scene[]]);
  return sky(canvas) + draw(canvas);
}

/** From deep above to light below, or the other way about. */
function sky({ width, height, palette, random }: Canvas): string {
  const stops = random.chance(0.5) ? [palette[2], palette[3], palette[4]] : [palette[4], palette[3], palette[2]];
  const [x2, y2] = [random.between(-0.4, 0.4).toFixed(2), 1];
  return `<linearGradient id="sky" x1="0" y1="0" x2="${x2}" y2="${y2}">
    <stop offset="0" stop-color="${stops[0]}"/><stop offset=".55" stop-color="${stops[1]}"/>
    <stop offset="1" stop-color="${stops[2]}"/></linearGradient>
    <rect width="${width}" height="${height}" fill="url(#sky)"/>`;
}

const scenes: { about: RegExp; draw: Scene }[] = [
  { about: /sunrise|sunset|dawn|dusk|summer|warm|golden/, draw: drawSun },
  { about: /mountain|hill|snow|desert|dune|landscape|hik/, draw: drawHills },
  { about: /studio|office|headshot|business|suit|museum|gallery|castle|interior/, draw: drawArches },
  { about: /energy|hero|poster|retro|vintage|pop|comic|party|dance/, draw: drawRays },
  { about: /night|star|space|astronaut|moon|galaxy|dream|magic|wizard/, draw: drawNight },
  { about: /forest|garden|jungle|tree|leaf|leaves|flower|spring|nature|park/, draw: drawLeaves },
  { about: /sea|ocean|beach|wave|water|river|lake|surf|sail|pirate/, draw: drawWaves },
  { about: /city|street|neon|cyber|robot|urban|skyline|new york|tokyo|paris|london/, draw: drawSkyline },
];

function drawSun({ width, height, palette, random }: Canvas): string {
  const size = Math.min(width, height);
  const [x, y] = [width * random.between(0.42, 0.58), height * random.between(0.32, 0.42)];
  return [0.62, 0.5, 0.39]
    .map((share, i) => {
      const colour = [palette[4], palette[3], mix(palette[3], palette[4], 0.6)][i];
      return `<circle cx="${x}" cy="${y}" r="${size * share}" fill="${colour}" fill-opacity="${[0.25, 0.4, 0.85][i]}"/>`;
    })
    .join('');
}

function drawHills({ width, height, palette, random }: Canvas): string {
  const moon = `<circle cx="${width * random.between(0.15, 0.85)}" cy="${height * 0.22}" r="${Math.min(width, height) * 0.1}" fill="${palette[4]}" fill-opacity=".9"/>`;
  const ridges = [0.45, 0.55, 0.66, 0.78].map((share, i) => {
    const steps = 7;
    const points = Array.from({ length: steps + 1 }, (_, k) => {
      const peak = (k % 2 === 0 ? -1 : 1) * random.between(0.02, 0.09) * (1 - i * 0.15);
      return `${((width * k) / steps).toFixed(0)} ${(height * (share + peak)).toFixed(0)}`;
    });
    const colour = mix(mix(palette[3], palette[1], i / 3), palette[0], i * 0.08);
    return `<path d="M0 ${height}L${points.join('L')}L${width} ${height}Z" fill="${colour}" stroke="${colour}" stroke-width="${width / 60}" stroke-linejoin="round" opacity=".9"/>`;
  });
  return moon + ridges.join('');
}

function drawArches({ width, height, palette, random }: Canvas): string {
  const x = width / 2 + width * random.between(-0.04, 0.04);
  return [0.47, 0.39, 0.31, 0.235]
    .map((share, i) => {
      const half = Math.min(width, height * 0.9) * share;
      const top = height * (0.09 + i * 0.055) + half;
      const colour = mix(palette[1], palette[4], 0.2 + i * 0.24);
      return `<path d="M${x - half} ${height}V${top}A${half} ${half} 0 0 1 ${x + half} ${top}V${height}Z" fill="${colour}" fill-opacity=".8"/>`;
    })
    .join('');
}

function drawRays({ width, height, palette, random }: Canvas): string {
  const [x, y] = [width / 2, height * random.between(0.36, 0.46)];
  const far = width + height;
  const count = 2 * random.int(9, 14);
  const point = (i: number) => {
    const angle = (i / count) * 2 * Math.PI;
    return `${(x + far * Math.cos(angle)).toFixed(0)} ${(y + far * Math.sin(angle)).toFixed(0)}`;
  };
  const rays = Array.from({ length: count / 2 }, (_, i) => `M${x} ${y}L${point(2 * i)}L${point(2 * i + 1)}Z`).join('');
  const disc = `<circle cx="${x}" cy="${y}" r="${Math.min(width, height) * 0.33}" fill="${palette[4]}" fill-opacity=".75"/>`;
  return `<path d="${rays}" fill="${palette[2]}" fill-opacity=".5"/>${disc}`;
}

function drawNight({ width, height, palette, random }: Canvas): string {
  const size = Math.min(width, height);
  const veil = `<linearGradient id="night" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${mix(palette[0], '#060818', 0.5)}"/><stop offset="1" stop-color="${palette[1]}" stop-opacity=".75"/></linearGradient><rect width="${width}" height="${height}" fill="url(#night)"/>`;
  const stars = Array.from({ length: 110 }, () => {
    const r = size * random.between(0.0008, 0.0032);
    return `<circle cx="${(random.next() * width).toFixed(0)}" cy="${(random.next() ** 1.3 * height).toFixed(0)}" r="${r.toFixed(2)}" opacity="${random.between(0.3, 1).toFixed(2)}"/>`;
  });
  const [x, y, r] = [
    width * random.between(0.2, 0.8),
    height * random.between(0.2, 0.3),
    size * random.between(0.14, 0.24),
  ];
  const planet = `<circle cx="${x}" cy="${y}" r="${r}" fill="${palette[3]}"/><circle cx="${x - r * 0.25}" cy="${y - r * 0.2}" r="${r * 0.72}" fill="${palette[4]}" fill-opacity=".35"/>`;
  const ring = `<ellipse cx="${x}" cy="${y}" rx="${r * 1.75}" ry="${r * 0.32}" fill="none" stroke="${palette[4]}" stroke-width="${size * 0.008}" opacity=".75" transform="rotate(-18 ${x} ${y})"/>`;
  return `${veil}<g fill="#fffbe8">${stars.join('')}</g>${planet}${random.chance(0.6) ? ring : ''}`;
}

function drawLeaves({ width, height, palette, random }: Canvas): string {
  const size = Math.min(width, height);
  const leaf = (): string => {
    const onLeft = random.chance(0.5);
    const x = width * (onLeft ? random.between(-0.04, 0.2) : random.between(0.8, 1.04));
    const y = height * random.between(0.02, 0.9);
    const length = size * random.between(0.2, 0.42);
    const turn = (onLeft ? 0 : 180) + random.between(-70, 70);
    const colour = mix(palette[random.pick([0, 1, 1, 2] as const)], palette[2], random.next() * 0.6);
    const half = length * 0.2;
    const shape = `M0 0C${length * 0.3} ${-half} ${length * 0.7} ${-half} ${length} 0C${length * 0.7} ${half} ${length * 0.3} ${half} 0 0Z`;
    const vein = `<path d="M${length * 0.05} 0H${length * 0.92}" stroke="${palette[4]}" stroke-width="${size * 0.003}" opacity=".4"/>`;
    return `<g transform="translate(${x} ${y}) rotate(${turn.toFixed(1)})"><path d="${shape}" fill="${colour}" fill-opacity=".92"/>${vein}</g>`;
  };
  const light = `<circle cx="${width / 2}" cy="${height * 0.38}" r="${size * 0.42}" fill="${palette[4]}" fill-opacity=".45"/>`;
  return light + Array.from({ length: 30 }, leaf).join('');
}

function drawWaves({ width, height, palette, random }: Canvas): string {
  const sun = `<circle cx="${width * random.between(0.25, 0.75)}" cy="${height * 0.36}" r="${Math.min(width, height) * 0.2}" fill="${palette[4]}" fill-opacity=".85"/>`;
  const waves = Array.from({ length: 7 }, (_, i) => {
    const y = height * (0.42 + i * 0.075);
    const [length, swell] = [width / random.between(2.2, 4), height * random.between(0.012, 0.026)];
    const shift = -random.next() * length;
    const crests = Array.from({ length: 7 }, () => `q${length / 4} ${-swell * 2} ${length / 2} 0t${length / 2} 0`);
    const colour = mix(mix(palette[3], palette[1], i / 6), palette[0], i * 0.05);
    return `<path d="M${shift} ${y}${crests.join('')}V${height}H${shift}Z" fill="${colour}" fill-opacity=".88"/>`;
  });
  return sun + waves.join('');
}

function drawSkyline({ width, height, palette, random }: Canvas): string {
  const layers = [0, 1].map((layer) => {
    const colour = mix(palette[2], palette[0], 0.35 + layer * 0.5);
    let x = -width * 0.02;
    let towers = '';
    while (x < width) {
      const across = width * random.between(0.05, 0.12);
      const top = height * random.between(0.16 + layer * 0.2, 0.5 + layer * 0.12);
      towers += `<rect x="${x.toFixed(0)}" y="${top.toFixed(0)}" width="${across.toFixed(0)}" height="${height}" fill="${colour}"/>`;
      if (layer === 1) towers += windows(x, top, across);
      x += across * random.between(1, 1.25);
    }
    return `<g opacity="${0.75 + layer * 0.2}">${towers}</g>`;
  });
  return layers.join('');

  function windows(left: number, top: number, across: number): string {
    const size = across * 0.11;
    let lit = '';
    for (let y = top + size * 2; y < height * 0.85; y += size * 2.6) {
      for (let column = 0; column < 4; column += 1) {
        if (!random.chance(0.35)) continue;
        lit += `<rect x="${(left + across * (0.14 + column * 0.2)).toFixed(1)}" y="${y.toFixed(1)}" width="${size.toFixed(1)}" height="${(size * 1.3).toFixed(1)}"/>`;
      }
    }
    return `<g fill="${palette[4]}" fill-opacity=".8">${lit}</g>`;
  }
}
