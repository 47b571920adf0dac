/** What may happen to owners' credits, drawn by chance. */
import { type Arbitrary, array, boolean, constant, constantFrom, integer, nat, oneof, record } from 'fast-check';
import type { Fault } from './crash.ts';

const kinds = [
  ...Array<'generate'>(6).fill('generate'),
  ...Array<'finish'>(5).fill('finish'),
  ...Array<'grant'>(2).fill('grant'),
  ...Array<'correct'>(2).fill('correct'),
  ...Array<'cancel'>(3).fill('cancel'),
  ...Array<'fail'>(2).fill('fail'),
  ...Array<'note'>(2).fill('note'),
  'stop',
  'train',
  'retry',
  'delete',
  'import',
  'budget',
  'admit',
  'tell',
  'wait',
] as const;

/** What each number is for is the operation's: see world.ts. */
export type Operation = {
  do: (typeof kinds)[number];
  owner: number;
  /** Of the owner's avatars, and of their jobs, the newest first. */
  which: number;
  /** Images asked for. */
  images: number;
  /** Paid images that come of it, up to one more than were asked for. */
  delivered: number;
  /** Tenths of a credit, hours, …. */
  amount: number;
  /** Few, so that they are repeated. */
  key: number | null;
  /** On a server that sells no credits. */
  free: boolean;
  fault: Fault | null;
};

const fault: Arbitrary<Fault> = record({
  how: constantFrom('THROW' as const, 'THROW' as const, 'KILL' as const, 'LATE' as const),
  at: integer({ min: 1, max: 12 }),
});

const sometimes = <Value>(value: Arbitrary<Value>) =>
  oneof({ weight: 3, arbitrary: constant(null) }, { weight: 1, arbitrary: value });

const operation: Arbitrary<Operation> = record({
  do: constantFrom(...kinds),
  owner: nat(2),
  which: nat(5),
  images: integer({ min: 1, max: 4 }),
  delivered: nat(5),
  amount: integer({ min: 1, max: 1200 }),
  key: sometimes(nat(3)),
  free: constantFrom(false, false, false, false, false, false, true),
  fault: sometimes(fault),
});

export const batchOf = (length: number): Arbitrary<{ operations: Operation[]; isBusy: boolean }> =>
  record({
    operations: array(operation, { minLength: length, maxLength: length, size: 'max' }),
    /** All owners are one: everything meets everything. */
    isBusy: boolean(),
  });
