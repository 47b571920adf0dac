/** Run alone, with a channel to its parent: takes the lock of each folder that it is told of, at the moment it is told. */
import { lockFolder } from '../../src/database/folder-lock.ts';

process.on('message', ({ folder, at }: { folder: string; at: number }) => {
  while (Date.now() < at);
  try {
    lockFolder(folder);
    process.send?.('taken');
  } catch (error) {
    process.send?.(String(error));
  }
});
process.send?.('ready');
