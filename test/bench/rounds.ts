/** Compares candidates: they run in turns for several rounds, and medians summarise the results. */

export type Candidate = { name: string; run: () => Promise<number> };

/** Returns each candidate's numbers, one for each round. The order is reversed in every second round, so that changes of the machine's load affect all candidates alike. */
export async function inTurns(rounds: number, candidates: Candidate[]): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const turn = round % 2 === 0 ? candidates : candidates.toReversed();
    for (const { name, run } of turn) numbers.get(name)?.push(await run());
  }
  return numbers;
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((below ?? Number.NaN) + (above ?? Number.NaN)) / 2;
}

/** The quantile at `share`, from 0 to 1. */
export function quantile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median of the ratios within each round. A change of the machine's load between rounds affects both numbers of a ratio. */
export function ratio(numbers: Map<string, number[]>, of: string, to: string): number {
  const below = numbers.get(to) ?? [];
  return median((numbers.get(of) ?? []).map((number, round) => number / (below[round] ?? Number.NaN)));
}

export const round = (number: number, digits = 2) => Number(number.toFixed(digits));
