/** Hair, beard, glasses and earrings, in the face's units: what lies behind the head, and what lies over it. */
import { mix } from '../colours.ts';
import { randomFrom } from '../random.ts';
import type { Person } from './face.ts';

export function hairBehind({ hairstyle, hair, half }: Person): string {
  const dark = mix(hair, '#0a0605', 0.28);
  const w = half + 4.2;
  switch (hairstyle) {
    case 3: // Long and straight.
      return `<path d="M${-w} 0C${-w - 2}-36 ${w + 2}-36 ${w} 0L${w + 3} 38Q0 46 ${-w - 3} 38Z" fill="${dark}"/>`;
    case 4: // A bob.
      return `<path d="M${-w} 0C${-w - 2}-36 ${w + 2}-36 ${w} 0C${w + 3} 12 ${w + 1} 19 ${w - 4} 22H${-w + 4}C${-w - 1} 19 ${-w - 3} 12 ${-w} 0Z" fill="${dark}"/>`;
    case 5: // Long and wavy.
      return `<path d="M${-w} 0C${-w - 3}-37 ${w + 3}-37 ${w} 0C${w + 6} 8 ${w - 1} 15 ${w + 4} 23C${w + 8} 31 ${w + 2} 38 ${w + 3} 42H${-w - 3}C${-w - 2} 38 ${-w - 8} 31 ${-w - 4} 23C${-w + 1} 15 ${-w - 6} 8 ${-w} 0Z" fill="${dark}"/>`;
    case 6: // A bun.
      return `<circle cx="0" cy="-29" r="8.6" fill="${dark}"/><circle cx="-1.6" cy="-30.4" r="5.8" fill="${hair}" opacity=".7"/><path d="M${-w + 3} 2C${-w}-33 ${w}-33 ${w - 3} 2Z" fill="${dark}"/>`;
    case 7: // Curls all around.
      return curls(half, 34, 5.6, 9, dark, hair);
    default:
      return '';
  }
}

export function hairOver({ hairstyle, hair, half: w }: Person): string {
  const light = mix(hair, '#ffe9c9', 0.3);
  const cap = `M${-w - 1} 1C${-w - 4}-34 ${w + 4}-34 ${w + 1} 1`;
  const shine = `<path d="M${-w * 0.62}-17.5C${-w * 0.3}-23.5 ${w * 0.2}-24.5 ${w * 0.5}-22" fill="none" stroke="${light}" stroke-width="1.5" stroke-linecap="round" opacity=".45"/>`;
  const fill = (path: string) => `<path d="${path}" fill="${hair}"/>`;
  switch (hairstyle) {
    case 0: // Cropped.
      return (
        fill(
          `${cap}C${w}-7 ${w - 1}-12 ${w - 3}-14.5C${w * 0.4}-16.5 ${-w * 0.4}-16.5 ${-w + 3}-14.5C${-w + 1}-12 ${-w}-7 ${-w - 1} 1Z`,
        ) + shine
      );
    case 1: // Parted at the side.
      return (
        fill(
          `${cap}C${w + 0.4}-7 ${w - 1}-11 ${w - 2.6}-13C${w * 0.3}-12 ${-w * 0.2}-14.5 ${-w * 0.42}-18.5C${-w * 0.6}-13.5 ${-w + 1.5}-10 ${-w - 1} 1Z`,
        ) + shine
      );
    case 2: // Swept up.
      return (
        fill(
          `M${-w - 1} 1C${-w - 3}-16 ${-w}-25 ${-w + 4}-26C${-w + 2}-31 ${w * 0.2}-36 ${w * 0.9}-31C${w + 5}-28 ${w + 3}-12 ${w + 1} 1C${w}-6 ${w - 1.4}-11 ${w - 4}-14C${w * 0.2}-18 ${-w * 0.4}-17 ${-w + 3.4}-13C${-w + 1}-10 ${-w}-6 ${-w - 1} 1Z`,
        ) + shine
      );
    case 3: // Curtains from a middle parting.
      return (
        fill(
          `M0-24C${-w * 0.9}-27 ${-w - 5}-14 ${-w - 3} 14L${-w - 1.6} 14C${-w + 0.4} 0 ${-w + 3}-13 0-19.5C${w - 3}-13 ${w - 0.4} 0 ${w + 1.6} 14L${w + 3} 14C${w + 5}-14 ${w * 0.9}-27 0-24Z`,
        ) + shine
      );
    case 4: // A straight fringe.
      return (
        fill(
          `${cap}L${w - 0.6} 2C${w - 0.4}-3 ${w - 1}-6.6 ${w - 1.8}-8.6Q0-11 ${-w + 1.8}-8.6C${-w + 1}-6.6 ${-w + 0.4}-3 ${-w + 0.6} 2Z`,
        ) + shine
      );
    case 5: // Falling to one side.
      return (
        fill(
          `M${w * 0.35}-19.5C${w * 0.1}-14.5 ${-w * 0.5}-11 ${-w - 0.4}-4C${-w - 1} 2 ${-w - 1.6} 8 ${-w - 3} 13C${-w - 6}-6 ${-w - 3}-31 ${w * 0.2}-28.5C${w + 2}-30 ${w + 6}-10 ${w + 3} 13C${w + 1} 6 ${w + 1}-3 ${w - 1.6}-9C${w * 0.7}-14 ${w * 0.5}-17 ${w * 0.35}-19.5Z`,
        ) + shine
      );
    case 6: // Combed back.
      return fill(`${cap}C${w - 0.4}-9 ${w - 3}-16.5 0-17.8C${-w + 3}-16.5 ${-w + 0.4}-9 ${-w - 1} 1Z`) + shine;
    case 7:
      return (
        fill(
          `M${-w - 0.6}-1C${-w - 3}-30 ${w + 3}-30 ${w + 0.6}-1C${w - 1}-9 ${w - 4}-13 0-14C${-w + 4}-13 ${-w + 1}-9 ${-w - 0.6}-1Z`,
        ) + curls(w - 4, 15, 3.6, 6, hair, light, true)
      );
    default: // None: a gleam on the crown.
      return `<path d="M${-w * 0.5}-17C${-w * 0.25}-20.6 ${w * 0.1}-21.2 ${w * 0.35}-20" fill="none" stroke="#fff" stroke-width="1.6" stroke-linecap="round" opacity=".35"/>`;
  }
}

/** Round curls along the crown, or (`fringe`) along the forehead. */
function curls(
  half: number,
  count: number,
  min: number,
  max: number,
  dark: string,
  light: string,
  fringe = false,
): string {
  const random = randomFrom('curls', half, count);
  return Array.from({ length: count }, (_, i) => {
    const angle = Math.PI * (fringe ? 1.08 + (0.84 * i) / (count - 1) : 0.86 + (1.28 * i) / (count - 1));
    const [rx, ry] = fringe ? [half + 1, 13] : [half + 3, 21];
    const [x, y] = [Math.cos(angle) * rx, Math.sin(angle) * ry - (fringe ? 5 : 3)];
    const r = random.between(min, max) * (fringe ? 0.8 : 1);
    const gleam = `<circle cx="${(x - r * 0.25).toFixed(1)}" cy="${(y - r * 0.3).toFixed(1)}" r="${(r * 0.45).toFixed(1)}" fill="${light}" opacity=".28"/>`;
    return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${r.toFixed(1)}" fill="${dark}"/>${gleam}`;
  }).join('');
}

export function drawBeard({ beard, hair, half: w, jaw, chin }: Person): string {
  const moustache = 'M0 9.3C-2.6 8.4-5 10-6.4 12.4C-4 11.4-1.8 11.6 0 11C1.8 11.6 4 11.4 6.4 12.4C5 10 2.6 8.4 0 9.3Z';
  const full = `M${-w} 0C${-w} 8 ${-jaw - 0.4} 16 ${-chin - 0.6} 21.4Q0 26.4 ${chin + 0.6} 21.4C${jaw + 0.4} 16 ${w} 8 ${w} 0C${w - 2} 6 ${w - 4.5} 9.4 7 10Q0 6.4-7 10C${-w + 4.5} 9.4 ${-w + 2} 6 ${-w} 0ZM-5.6 12Q0 10 5.6 12Q5 16.4 0 16.4Q-5 16.4-5.6 12Z`;
  switch (beard) {
    case 'none':
      return '';
    case 'stubble':
      return `<path d="${full}" fill="${hair}" fill-rule="evenodd" opacity=".22"/>`;
    case 'moustache':
      return `<path d="${moustache}" fill="${hair}"/>`;
    case 'full':
      return `<path d="${full}" fill="${hair}" fill-rule="evenodd"/><path d="${moustache}" fill="${mix(hair, '#fff', 0.08)}"/>`;
  }
}

export function drawGlasses({ glasses, half }: Person): string {
  if (glasses === 'none') return '';
  const lens = (x: number) =>
    glasses === 'round'
      ? `<circle cx="${x}" cy=".4" r="5"/>`
      : `<rect x="${x - 5.3}" y="-4" width="10.6" height="8.6" rx="2.2"/>`;
  const arms = `<path d="M${-half} -.6L-11.6-.6M11.6-.6L${half}-.6M-1.4-.4Q0-1.5 1.4-.4"/>`;
  const style = 'stroke="#241c1c" stroke-width=".95" stroke-linecap="round" fill="#ffffff" fill-opacity=".13"';
  return `<g ${style}>${lens(-6.4)}${lens(6.4)}${arms}</g>`;
}

export function drawEarrings({ earrings, half }: Person): string {
  if (!earrings) return '';
  return [-1, 1].map((at) => `<circle cx="${at * (half + 0.9)}" cy="7.4" r="1.25" fill="#f3cd6b"/>`).join('');
}
