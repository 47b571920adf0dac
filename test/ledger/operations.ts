/** Random operations on owners' credits. */
import { type Arbitrary, array, boolean, constant, constantFrom, integer, nat, oneof, record } from 'fast-check';
import type { Fault } from './crash.ts';

const kinds = [
  ...Array<'generate'>(6).fill('generate'),
  ...Array<'finish'>(5).fill('finish'),
  ...Array<'grant'>(2).fill('grant'),
  ...Array<'correct'>(2).fill('correct'),
  ...Array<'cancel'>(3).fill('cancel'),
  ...Array<'fail'>(2).fill('fail'),
  ...Array<'progress'>(2).fill('progress'),
  'stop',
  'train',
  'retry',
  'delete',
  'import',
  'budget',
  'admit',
  'positions',
  'wait',
] as const;

/** What each number means depends on the kind of operation: see commands.ts. */
export type Operation = {
  kind: (typeof kinds)[number];
  owner: number;
  /** An index into the owner's avatars or jobs, newest first. */
  which: number;
  /** Requested images. */
  images: number;
  /** Images that fal delivers, up to one more than requested. */
  delivered: number;
  /** Tenths of a credit, or hours. */
  amount: number;
  /** The idempotency key. There are few, so that operations repeat them. */
  key: number | null;
  /** Whether the server does not charge credits. */
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
  kind: constantFrom(...kinds),
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
    /** Whether one owner makes all operations, so that they all conflict. */
    isBusy: boolean(),
  });
