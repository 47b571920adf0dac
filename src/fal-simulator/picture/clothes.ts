/** Neck, shoulders and what they wear, in the face's units. What it is follows from the prompt, else from chance. */
import { mix } from '../colours.ts';
import type { Random } from '../random.ts';
import type { Person } from './face.ts';
import type { Palette } from './palette.ts';

type Wear = (colour: string, second: string) => string;

const shoulders = 'M-60 130C-58 66-50 46-24 38C-15 35-10 33-8 29H8C10 33 15 35 24 38C50 46 58 66 60 130Z';

export function drawBust(person: Person, prompt: string, palette: Palette, random: Random): string {
  const words = prompt.toLowerCase();
  const named = wardrobe.filter(({ about }) => about.test(words)).map(({ wear }) => wear);
  const wear = random.pick((named.length > 0 ? named : wardrobe.map((one) => one.wear)) as [Wear, ...Wear[]]);
  const colour = random.pick([palette[0], palette[1], mix(palette[1], palette[2], 0.5)] as const);
  const second = random.pick([palette[4], palette[3]] as const);
  const shade = mix(person.skin, '#5a1f2b', 0.38);
  const neck = 'M-7 10V30C-7 36-12 38-16 40C-6 50 6 50 16 40C12 38 7 36 7 30V10Z';
  return [
    `<path d="${neck}" fill="${mix(person.skin, shade, 0.35)}"/>`,
    `<path d="M-7 15C-4 25 5 27 7 17V26C3 31-4 30-7 24Z" fill="${shade}" opacity=".55"/>`,
    wear(colour, second),
  ].join('');
}

const body = (colour: string, neckline: string) =>
  `<path d="${shoulders.replace('-8 29H8', neckline)}" fill="${colour}"/><path d="M-60 130C-58 66-50 46-24 38C-40 52-42 80-42 130Z" fill="#000" opacity=".12"/>`;

const roundNeck = '-9.5 33.5C-7 42 7 42 9.5 33.5';

function wearSweater(colour: string, second: string): string {
  const collar = `<path d="M-10.4 33C-7.4 44 7.4 44 10.4 33" fill="none" stroke="${mix(colour, second, 0.35)}" stroke-width="2.6"/>`;
  const ribs = `<path d="M-46 78Q0 92 46 78M-47 86Q0 100 47 86" fill="none" stroke="${second}" stroke-width="2.4" opacity=".6"/>`;
  return body(colour, roundNeck) + collar + ribs;
}

function wearSuit(colour: string, second: string): string {
  const shirt = '<path d="M-9 32L0 58L9 32L14 37L4 80H-4L-14 37Z" fill="#fbf8f2"/>';
  const tie = `<path d="M-2.2 45H2.2L3.4 49L4 78H-4L-3.4 49Z" fill="${second}"/><path d="M-2.8 43.6H2.8L1.6 48H-1.6Z" fill="${mix(second, '#000', 0.2)}"/>`;
  const collar = '<path d="M-9.6 31L-1.4 44L-8 50L-14.6 37ZM9.6 31L1.4 44L8 50L14.6 37Z" fill="#ffffff"/>';
  const lapel = mix(colour, '#000', 0.25);
  const lapels = `<path d="M-14 36L-26 52L-18 56L-22 60L-3 92L-5 60ZM14 36L26 52L18 56L22 60L3 92L5 60Z" fill="${lapel}"/>`;
  return body(colour, '-9 32L0 60L9 32') + shirt + tie + collar + lapels;
}

function wearShirt(colour: string, second: string): string {
  const cloth = mix(second, '#ffffff', 0.35);
  const collar = `<path d="M-10 30.6L-.6 46L-9 53L-16.4 37ZM10 30.6L.6 46L9 53L16.4 37Z" fill="${mix(cloth, colour, 0.18)}"/>`;
  const buttons = [54, 66, 78].map((y) => `<circle cx="0" cy="${y}" r=".9" fill="${colour}"/>`).join('');
  return `${body(cloth, '-9.5 32L0 46L9.5 32')}<path d="M0 47V130" stroke="${mix(cloth, colour, 0.3)}" stroke-width=".7"/>${collar}${buttons}`;
}

function wearTurtleneck(colour: string): string {
  const roll = `<path d="M-9.4 23.6Q0 29 9.4 23.6L10.8 36Q0 43-10.8 36Z" fill="${mix(colour, '#ffffff', 0.14)}"/>`;
  return `${body(colour, '-10 34Q0 41 10 34')}${roll}<path d="M-9.8 29Q0 34.6 9.8 29" fill="none" stroke="#000" stroke-width=".6" opacity=".2"/>`;
}

function wearSpacesuit(_colour: string, second: string): string {
  const white = '#eef0f2';
  const ring = '<path d="M-20 28C-12 36 12 36 20 28L23 38C13 48-13 48-23 38Z" fill="#c3ccd5"/>';
  const band = `<path d="M-21.6 33.4C-12 43 12 43 21.6 33.4" fill="none" stroke="${second}" stroke-width="1.8"/>`;
  const panel = `<rect x="-13" y="62" width="26" height="15" rx="3" fill="#d4dae0"/><circle cx="-7" cy="69" r="2" fill="#d9594c"/><rect x="-2" y="67" width="11" height="1.6" rx=".8" fill="#7b8894"/><rect x="-2" y="71" width="8" height="1.6" rx=".8" fill="#7b8894"/>`;
  return body(white, roundNeck) + ring + band + panel;
}

function wearTee(colour: string, second: string): string {
  const collar = `<path d="M-10 33.4C-7 43 7 43 10 33.4" fill="none" stroke="${mix(colour, '#000', 0.22)}" stroke-width="1.5"/>`;
  return `${body(colour, roundNeck)}${collar}<circle cx="0" cy="76" r="10" fill="${second}" opacity=".85"/>`;
}

const wardrobe: { about: RegExp; wear: Wear }[] = [
  { about: /winter|snow|cozy|cosy|mountain|hik|autumn|christmas/, wear: wearSweater },
  {
    about: /suit|business|office|headshot|linkedin|ceo|elegant|corporate|formal|agent|detective|wedding/,
    wear: wearSuit,
  },
  { about: /shirt|casual|summer|beach|teacher|doctor|garden/, wear: wearShirt },
  { about: /artist|studio|black|designer|poet|jazz/, wear: wearTurtleneck },
  { about: /space|astronaut|galaxy|moon/, wear: wearSpacesuit },
  { about: /sport|street|city|neon|skat|music|pop|tee|t-shirt/, wear: wearTee },
];
