/**
 * A face, in units of its own: the middle of the face is 0 0, the chin about 22, the crown about -24. Who it is follows
 * from the avatar; how it looks at us, from the picture.
 */
import { mix } from '../colours.ts';
import { type Random, randomFrom } from '../random.ts';

const skins = ['#f6d7c3', '#efc3a4', '#e0ac85', '#c98d63', '#a86f48', '#7f4f32', '#5b3724'] as const;
const hairs = ['#1d1614', '#33221b', '#5a3a26', '#8a5a34', '#b9854c', '#d9b679', '#7d2f1e', '#9a9792'] as const;
const irises = ['#4a2f1d', '#6b4a2b', '#3f6b57', '#3d6285', '#5d7a94', '#38322e'] as const;

export type Person = {
  skin: string;
  hair: string;
  iris: string;
  /** Half the width of the face, of its jaw and of its chin. */
  half: number;
  jaw: number;
  chin: number;
  brow: number;
  lips: number;
  nose: number;
  eyes: number;
  hairstyle: number;
  beard: 'none' | 'stubble' | 'full' | 'moustache';
  glasses: 'none' | 'round' | 'square';
  freckles: boolean;
  earrings: boolean;
};

/** The same person for the same id, in every picture. */
export function personOf(id: string): Person {
  const random = randomFrom('person', id);
  const hairstyle = random.int(0, 8);
  const isLong = hairstyle >= 3 && hairstyle <= 6;
  return {
    skin: random.pick(skins),
    hair: random.pick(hairs),
    iris: random.pick(irises),
    half: random.between(14.2, 16),
    jaw: random.between(11.5, 14),
    chin: random.between(4, 6.5),
    brow: random.between(0.8, 1.5),
    lips: random.between(0.85, 1.25),
    nose: random.between(0.85, 1.2),
    eyes: random.between(0.92, 1.12),
    hairstyle,
    beard: isLong || random.chance(0.5) ? 'none' : random.pick(['stubble', 'full', 'moustache'] as const),
    glasses: random.chance(0.7) ? 'none' : random.pick(['round', 'square'] as const),
    freckles: random.chance(0.2),
    earrings: isLong && random.chance(0.5),
  };
}

export type Expression = { smile: number; look: number; lightFromLeft: boolean };

export function expressionOf(random: Random): Expression {
  return { smile: random.between(0.2, 1), look: random.between(-0.8, 0.8), lightFromLeft: random.chance(0.5) };
}

export function outline({ half, jaw, chin }: Person): string {
  return `M${-half}-3C${-half}-27 ${half}-27 ${half}-3C${half} 7 ${jaw} 15 ${chin} 20.5Q0 23.5 ${-chin} 20.5C${-jaw} 15 ${-half} 7 ${-half}-3Z`;
}

export function drawFace(person: Person, { smile, look, lightFromLeft }: Expression): string {
  const { skin, half, lips, nose, eyes, brow, iris, hair } = person;
  const shade = mix(skin, '#5a1f2b', 0.32);
  const bright = mix(skin, '#fff4e0', 0.45);
  const line = mix(skin, '#2a0f12', 0.72);
  const lip = mix(skin, '#a8323f', 0.5);
  const side = lightFromLeft ? 1 : -1;
  const parts: string[] = [];
  const draw = (svg: string) => parts.push(svg);

  for (const at of [-1, 1]) {
    draw(`<ellipse cx="${at * (half + 0.4)}" cy="1.5" rx="2.5" ry="4.4" fill="${mix(skin, shade, 0.35)}"/>`);
    draw(
      `<path d="M${at * (half + 0.9)}-.6Q${at * (half - 0.2)} 1.2 ${at * (half + 0.7)} 3.4" stroke="${shade}" stroke-width=".6" fill="none"/>`,
    );
  }
  draw(`<path d="${outline(person)}" fill="${skin}"/><clipPath id="face"><path d="${outline(person)}"/></clipPath>`);
  draw('<g clip-path="url(#face)">');
  draw(
    `<path d="M${side * 3.2}-30C${side * 6}-12 ${side * 1.6}-3 ${side * 2.6} 6C${side * 3.4} 12 ${side * 2} 16 ${side * 3.4} 30H${side * 40}V-30Z" fill="${shade}" fill-opacity=".3"/>`,
  );
  draw(`<ellipse cx="${-side * 7.2}" cy="4.9" rx="3.4" ry="2" fill="${bright}" fill-opacity=".22"/>`);
  for (const at of [-1, 1])
    draw(`<ellipse cx="${at * 8.6}" cy="7.4" rx="3.9" ry="2.6" fill="#d8404f" fill-opacity=".12"/>`);
  draw('</g>');
  if (person.freckles) draw(freckles(shade));

  for (const at of [-1, 1]) {
    const [x, w] = [at * 6.4, 3.1 * eyes];
    const lid = `M${x - w} .4Q${x}${(-3.1 * eyes).toFixed(2)} ${x + w} .3`;
    draw(`<clipPath id="eye${at}"><path d="${lid}Q${x} 2.2 ${x - w} .4Z"/></clipPath>`);
    draw(`<g clip-path="url(#eye${at})"><rect x="${x - w}" y="-4" width="${2 * w}" height="8" fill="#fbf6f0"/>`);
    draw(
      `<circle cx="${x + look}" cy="-.3" r="1.75" fill="${iris}"/><circle cx="${x + look}" cy="-.3" r=".85" fill="#15100f"/>`,
    );
    draw(`<rect x="${x - w}" y="-4" width="${2 * w}" height="2.9" fill="#000" fill-opacity=".14"/></g>`);
    draw(`<circle cx="${x + look - side * 0.6}" cy="-.9" r=".45" fill="#fff"/>`);
    draw(`<path d="${lid}" fill="none" stroke="${line}" stroke-width=".75" stroke-linecap="round"/>`);
    const high = -4.6 - smile * 0.5;
    draw(
      `<path d="M${at * 2.9} ${high + 0.7}Q${at * 6.4} ${high - 1.5} ${at * 10.2} ${high + 0.9}" fill="none" stroke="${mix(hair, '#2a1a14', 0.45)}" stroke-width="${brow}" stroke-linecap="round"/>`,
    );
  }

  draw(
    `<path d="M${side * 1.1}-1.5C${side * 1.5} 3 ${side * 2.8 * nose} 5.6 ${side * 2.3 * nose} 6.9Q${side * 1.2} 8.3 ${-side * 1.6 * nose} 7.4" fill="none" stroke="${shade}" stroke-width=".85" stroke-linecap="round" stroke-linejoin="round"/>`,
  );
  draw(`<ellipse cx="${-side * 0.5}" cy="4.8" rx=".7" ry="1.5" fill="${bright}" fill-opacity=".5"/>`);
  draw(drawMouth(smile, lips, lip, line));
  return parts.join('');
}

function drawMouth(smile: number, lips: number, lip: string, line: string): string {
  const [w, y, lift] = [4 + smile * 1.5, 12.6, smile * 1.5];
  const corner = y - lift * 0.5;
  const lower = `M${-w} ${corner}Q0 ${y + lift} ${w} ${corner}Q0 ${y + lift + 3.4 * lips} ${-w} ${corner}Z`;
  const upper = `M${-w} ${corner}Q${-w * 0.4} ${y - 1.6 * lips} 0 ${y - 0.9 * lips}Q${w * 0.4} ${y - 1.6 * lips} ${w} ${corner}Q0 ${y + lift} ${-w} ${corner}Z`;
  const teeth =
    smile > 0.62
      ? `<path d="M${-w * 0.72} ${corner + 0.5}Q0 ${y + lift * 0.4} ${w * 0.72} ${corner + 0.5}Q0 ${y + lift * 1.9} ${-w * 0.72} ${corner + 0.5}Z" fill="#fffaf3"/>`
      : '';
  return `<path d="${lower}" fill="${mix(lip, '#ffd9cf', 0.2)}"/><path d="${upper}" fill="${lip}"/>${teeth}<path d="M${-w} ${corner}Q0 ${y + lift} ${w} ${corner}" fill="none" stroke="${line}" stroke-width=".5" stroke-linecap="round" opacity="${smile > 0.62 ? 0.25 : 0.75}"/>`;
}

function freckles(colour: string): string {
  const spots = [
    [-9, 4.4],
    [-7, 5.6],
    [-5, 4.6],
    [-8, 7],
    [-3.2, 5.4],
    [9, 4.6],
    [7.2, 5.4],
    [5, 4.8],
    [8.2, 6.8],
    [3.4, 5.6],
  ];
  return spots.map(([x, y]) => `<circle cx="${x}" cy="${y}" r=".38" fill="${colour}" fill-opacity=".65"/>`).join('');
}
