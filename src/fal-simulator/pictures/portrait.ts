/**
 * A person in front of a background. Who it is follows from the avatar; expression, clothes and light follow from the
 * picture. Coordinates: the middle of the face is 0 0, the chin about 22, the crown about -24.
 */
import { randomFrom } from '../random.ts';
import { drawBackground } from './background.ts';
import type { Canvas } from './picture.ts';

const skins = ['#f6d7c3', '#efc3a4', '#e0ac85', '#c98d63', '#a86f48', '#7f4f32'] as const;
const hairs = ['#1d1614', '#33221b', '#5a3a26', '#8a5a34', '#b9854c', '#d9b679', '#7d2f1e', '#9a9792'] as const;
const irises = ['#4a2f1d', '#6b4a2b', '#3f6b57', '#3d6285', '#5d7a94'] as const;
const hairstyles = ['cropped', 'parted', 'long', 'bob', 'bun', 'curly', 'bald'] as const;
type Person = ReturnType<typeof personOf>;

export function drawPortrait(avatarId: string, canvas: Canvas): string {
  const { width, height, random } = canvas;
  const person = personOf(avatarId);
  const scale = (Math.min(width, height * 0.86) / 100) * random.between(0.94, 1.06);
  const [x, y, tilt] = [width * random.between(0.47, 0.53), height * 0.365, random.between(-5, 5)];
  const head = (svg: string) => `<g transform="rotate(${tilt} 0 26)">${svg}</g>`;
  return `${drawBackground(canvas)}<g transform="translate(${x} ${y}) scale(${scale})">
    ${head(hairBehind(person))}${bust(person, canvas)}${head(face(person, canvas) + hairAndGlasses(person))}</g>`;
}

/** The same person for the same id, in every picture. */
function personOf(id: string) {
  const random = randomFrom('person', id);
  const hairstyle = random.pick(hairstyles);
  const isLong = hairstyle === 'long' || hairstyle === 'bob' || hairstyle === 'bun';
  return {
    skin: random.pick(skins),
    hair: random.pick(hairs),
    iris: random.pick(irises),
    half: random.between(14.2, 16),
    jaw: random.between(11.5, 14),
    chin: random.between(4, 6.5),
    lips: random.between(0.85, 1.25),
    nose: random.between(0.85, 1.2),
    hairstyle,
    beard: isLong || random.chance(0.5) ? 0 : random.pick([0.22, 1] as const),
    hasGlasses: random.chance(0.3),
  };
}

function bust({ skin }: Person, { palette, random }: Canvas): string {
  const [colour, second] = [
    random.pick([palette[0], palette[1]] as const),
    random.pick([palette[4], palette[3]] as const),
  ];
  const neckline = random.pick(['-9.5 33.5C-7 42 7 42 9.5 33.5', '-9.5 32L0 50L9.5 32', '-10 30Q0 37 10 30'] as const);
  const trim = random.pick([
    `<path d="M${neckline}" fill="none" stroke="${second}" stroke-width="2.6"/>`,
    `<path d="M-10 30.6L-.6 46L-9 53L-16.4 37ZM10 30.6L.6 46L9 53L16.4 37Z" fill="${second}"/>`,
    `<path d="M-46 78Q0 92 46 78M-47 86Q0 100 47 86" fill="none" stroke="${second}" stroke-width="2.4" opacity=".6"/>`,
  ] as const);
  return `<path d="M-7 10V30C-7 36-12 38-16 40C-6 50 6 50 16 40C12 38 7 36 7 30V10Z" fill="${skin}"/>
    <path d="M-7 10V24C-4 30 4 30 7 24V10Z" fill="#5a1f2b" opacity=".3"/>
    <path d="M-60 130C-58 66-50 46-24 38C-15 35-10 33 ${neckline}C10 33 15 35 24 38C50 46 58 66 60 130Z" fill="${colour}"/>${trim}`;
}

const both = (draw: (side: number) => string) => draw(-1) + draw(1);

function face({ skin, hair, iris, half, jaw, chin, lips, nose }: Person, { random }: Canvas): string {
  const [smile, look, side] = [random.between(0.2, 1), random.between(-0.8, 0.8), random.pick([-1, 1] as const)];
  const dark = 'stroke="#2a0f12" stroke-linecap="round" fill="none"';
  const outline = `M${-half}-3C${-half}-27 ${half}-27 ${half}-3C${half} 7 ${jaw} 15 ${chin} 20.5Q0 23.5 ${-chin} 20.5C${-jaw} 15 ${-half} 7 ${-half}-3Z`;
  const [w, corner, lift] = [4 + smile * 1.5, 12.6 - smile * 0.75, smile * 1.5];
  const mouth = (deep: number) =>
    `M${-w} ${corner}Q0 ${12.6 + lift} ${w} ${corner}Q0 ${12.6 + lift + deep} ${-w} ${corner}Z`;
  return `${both((at) => `<ellipse cx="${at * (half + 0.4)}" cy="1.5" rx="2.5" ry="4.4" fill="${skin}"/>`)}
    <clipPath id="face"><path d="${outline}"/></clipPath><path d="${outline}" fill="${skin}"/>
    <path clip-path="url(#face)" d="M${side * 3.2}-30C${side * 6}-12 ${side * 1.6}-3 ${side * 2.6} 6S${side * 2} 16 ${side * 3.4} 30H${side * 40}V-30Z" fill="#5a1f2b" opacity=".12"/>
    ${both((at) => {
      const [eye, lid] = [at * 6.4, `M${at * 6.4 - 3.1} .4Q${at * 6.4}-3.1 ${at * 6.4 + 3.1} .3`];
      return `<ellipse cx="${at * 8.6}" cy="7.4" rx="3.9" ry="2.6" fill="#d8404f" opacity=".14"/>
        <clipPath id="eye${at}"><path d="${lid}Q${eye} 2.2 ${eye - 3.1} .4Z"/></clipPath><g clip-path="url(#eye${at})">
        <rect x="${eye - 4}" y="-4" width="8" height="8" fill="#fbf6f0"/><circle cx="${eye + look}" cy="-.3" r="1.75" fill="${iris}"/>
        <circle cx="${eye + look}" cy="-.3" r=".85" fill="#15100f"/></g><circle cx="${eye + look - side * 0.6}" cy="-.9" r=".45" fill="#fff"/>
        <path d="${lid}" ${dark} stroke-width=".75"/><path d="M${at * 2.9}-4.1Q${at * 6.4}-6.6 ${at * 10.2}-3.9" ${dark} stroke-width="1.1"/>
        <path d="M${at * 2.9}-4.1Q${at * 6.4}-6.6 ${at * 10.2}-3.9" fill="none" stroke="${hair}" stroke-width=".7" opacity=".5"/>`;
    })}
    <path d="M${side * 1.1}-1.5C${side * 1.5} 3 ${side * 2.8 * nose} 5.6 ${side * 2.3 * nose} 6.9Q${side * 1.2} 8.3 ${-side * 1.6 * nose} 7.4" ${dark} stroke-width=".85" opacity=".4"/>
    <path d="${mouth(3.4 * lips)}" fill="#a8323f" opacity=".6"/><path d="${mouth(-2.6 * lips)}" fill="#8f2735" opacity=".7"/>
    <path d="${mouth(smile > 0.6 ? 1.6 : 0)}" fill="#fffaf3" ${smile > 0.6 ? '' : 'stroke="#2a0f12" stroke-width=".5"'}/>`;
}

function hairBehind({ hairstyle, hair, half }: Person): string {
  const w = half + 4.2;
  const shapes: Partial<Record<Person['hairstyle'], string>> = {
    long: `M${-w} 0C${-w - 2}-36 ${w + 2}-36 ${w} 0L${w + 3} 38Q0 46 ${-w - 3} 38Z`,
    bob: `M${-w} 0C${-w - 2}-36 ${w + 2}-36 ${w} 0C${w + 3} 12 ${w + 1} 19 ${w - 4} 22H${-w + 4}C${-w - 1} 19 ${-w - 3} 12 ${-w} 0Z`,
    bun: 'M-8.6-29A8.6 8.6 0 1 0 8.6-29A8.6 8.6 0 1 0-8.6-29Z',
  };
  const shape = `<path d="${shapes[hairstyle] ?? ''}" fill="${hair}"/><path d="${shapes[hairstyle] ?? ''}" opacity=".2"/>`;
  return hairstyle === 'curly' ? curls(half + 3, 21, 7.2, 26, hair) : shape;
}

function hairAndGlasses({ hairstyle, hair, half: w, jaw, chin, beard, hasGlasses }: Person): string {
  const cap = `M${-w - 1} 1C${-w - 4}-34 ${w + 4}-34 ${w + 1} 1`;
  const cropped = `${cap}C${w}-7 ${w - 1}-12 ${w - 3}-14.5C${w * 0.4}-16.5 ${-w * 0.4}-16.5 ${-w + 3}-14.5C${-w + 1}-12 ${-w}-7 ${-w - 1} 1Z`;
  const parted = `${cap}C${w + 0.4}-7 ${w - 1}-11 ${w - 2.6}-13C${w * 0.3}-12 ${-w * 0.2}-14.5 ${-w * 0.42}-18.5C${-w * 0.6}-13.5 ${-w + 1.5}-10 ${-w - 1} 1Z`;
  const fringe = `${cap}L${w - 0.6} 2C${w - 0.4}-3 ${w - 1}-6.6 ${w - 1.8}-8.6Q0-11 ${-w + 1.8}-8.6C${-w + 1}-6.6 ${-w + 0.4}-3 ${-w + 0.6} 2Z`;
  const tops = { cropped, parted, long: parted, bob: fringe, bun: cropped, curly: cropped, bald: '' };
  const bearded = `M${-w} 0C${-w} 8 ${-jaw - 0.4} 16 ${-chin - 0.6} 21.4Q0 26.4 ${chin + 0.6} 21.4C${jaw + 0.4} 16 ${w} 8 ${w} 0C${w - 2} 6 ${w - 4.5} 9.4 7 10Q0 6.4-7 10C${-w + 4.5} 9.4 ${-w + 2} 6 ${-w} 0ZM-5.6 12Q0 10 5.6 12Q5 16.4 0 16.4Q-5 16.4-5.6 12Z`;
  const glasses = `<g stroke="#241c1c" stroke-width=".95" fill="#fff" fill-opacity=".13"><circle cx="-6.4" cy=".4" r="5"/>
    <circle cx="6.4" cy=".4" r="5"/><path d="M${-w}-.6H-11.4M11.4-.6H${w}M-1.4-.4Q0-1.5 1.4-.4"/></g>`;
  return `<path d="${bearded}" fill="${hair}" fill-rule="evenodd" opacity="${beard}"/><path d="${tops[hairstyle]}" fill="${hair}"/>
    ${hairstyle === 'curly' ? curls(w - 2, 14, 3.4, 13, hair) : ''}
    <path d="M${-w * 0.55}-16.5Q${-w * 0.2}-20.5 ${w * 0.4}-19.5" stroke="#ffe9c9" fill="none" stroke-width="1.5" stroke-linecap="round" opacity=".3"/>
    ${hasGlasses ? glasses : ''}`;
}

/** Round curls along the upper half of an ellipse. */
function curls(rx: number, ry: number, radius: number, count: number, colour: string): string {
  const dots = Array.from({ length: count }, (_, i) => {
    const angle = Math.PI * (0.95 + (1.1 * i) / (count - 1));
    const r = radius * (0.85 + 0.3 * ((i * 7) % 5) * 0.25);
    return `<circle cx="${Math.cos(angle) * rx}" cy="${Math.sin(angle) * ry - 4}" r="${r}"/>`;
  });
  return `<g fill="${colour}">${dots.join('')}</g>`;
}
