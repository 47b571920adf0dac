/**
 * A cache of the keys that fal signs webhooks with. Keys are cached for at most a day
 * (https://docs.fal.ai/model-endpoints/webhooks asks for that), and fetched again when a signature fits none of them, since
 * fal may have rotated them. At most one fetch per minute, however many webhooks arrive, forged or not.
 */
import type { KeyObject } from 'node:crypto';

/** fal's keys could not be fetched, so that a webhook can be neither accepted nor rejected. */
export class KeysUnreachable extends Error {
  override name = 'KeysUnreachable';
}

const maxAgeMs = 24 * 60 * 60 * 1000;
const minFetchIntervalMs = 60 * 1000;

export type WebhookKeysParts = {
  load: () => Promise<KeyObject[]>;
  /** A monotonic clock in milliseconds. */
  elapsedMs?: () => number;
};

export class WebhookKeys {
  readonly #load: () => Promise<KeyObject[]>;
  readonly #elapsedMs: () => number;
  #keys: KeyObject[] = [];
  #loadedAt = Number.NEGATIVE_INFINITY;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #failure: unknown;

  constructor({ load, elapsedMs = () => performance.now() }: WebhookKeysParts) {
    this.#load = load;
    this.#elapsedMs = elapsedMs;
  }

  /** Whether any key satisfies `fits`. Throws KeysUnreachable when no cached key does and the keys cannot be fetched. */
  async some(fits: (key: KeyObject) => boolean): Promise<boolean> {
    const isFresh = this.#elapsedMs() - this.#loadedAt < maxAgeMs;
    if (isFresh && this.#keys.some(fits)) return true;
    await this.#refresh();
    return this.#keys.some(fits);
  }

  /** Fetches the keys unless they were fetched within the last minute. Concurrent calls share one fetch. */
  async #refresh(): Promise<void> {
    if (this.#fetching === undefined && this.#elapsedMs() - this.#fetchedAt >= minFetchIntervalMs) {
      this.#fetchedAt = this.#elapsedMs();
      this.#fetching = this.#fetch().finally(() => {
        this.#fetching = undefined;
      });
    }
    await this.#fetching;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #fetch(): Promise<void> {
    try {
      this.#keys = await this.#load();
      this.#loadedAt = this.#fetchedAt;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = new KeysUnreachable("fal's webhook keys could not be fetched.", { cause: error });
    }
  }
}
