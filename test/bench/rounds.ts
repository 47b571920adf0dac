/** Measuring things beside each other: in turns, several rounds, medians. */

export type Contender = { name: string; run: () => Promise<number> };

/** Each contender's numbers, one a round. Whoever goes first in a round goes last in the next: the machine's moods are shared. */
export async function inTurns(rounds: number, contenders: Contender[]): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const turn = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const { name, run } of turn) numbers.get(name)?.push(await run());
  }
  return numbers;
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((below ?? Number.NaN) + (above ?? Number.NaN)) / 2;
}

/** The number that so much of them does not pass. */
export function quantile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median of the rounds' ratios: what changed from one round to the next, changed for both. */
export function ratio(numbers: Map<string, number[]>, of: string, to: string): number {
  const below = numbers.get(to) ?? [];
  return median((numbers.get(of) ?? []).map((number, round) => number / (below[round] ?? Number.NaN)));
}

export const round = (number: number, digits = 2) => Number(number.toFixed(digits));
