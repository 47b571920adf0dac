/**
 * The keys that fal signs webhooks with, held for a day at most and looked at anew when a signature fits none of them:
 * fal may have changed them. fal is asked once a minute at most, however many webhooks come, forged or not.
 */
import type { KeyObject } from 'node:crypto';

/** Which keys are fal's cannot be told now. A webhook that came meanwhile is neither genuine nor forged. */
export class KeysUnreachable extends Error {
  override name = 'KeysUnreachable';
}

const maxAgeMs = 24 * 60 * 60 * 1000;
const pauseMs = 60 * 1000;

export type WebhookKeysParts = {
  load: () => Promise<KeyObject[]>;
  /** Milliseconds from any beginning. A clock that never goes back. */
  elapsedMs?: () => number;
};

export class WebhookKeys {
  readonly #load: () => Promise<KeyObject[]>;
  readonly #elapsedMs: () => number;
  #keys: KeyObject[] = [];
  #loadedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #failure: unknown;

  constructor({ load, elapsedMs = () => performance.now() }: WebhookKeysParts) {
    this.#load = load;
    this.#elapsedMs = elapsedMs;
  }

  /** Whether any key fits. Throws KeysUnreachable when none that is held does, and fal does not say which it has now. */
  async some(fits: (key: KeyObject) => boolean): Promise<boolean> {
    const isHeld = this.#elapsedMs() - this.#loadedAt < maxAgeMs;
    if (isHeld && this.#keys.some(fits)) return true;
    await this.#refresh();
    return this.#keys.some(fits);
  }

  /** Resolves when the keys are no older than the pause. Asked by several at once, fal is asked once. */
  async #refresh(): Promise<void> {
    if (this.#asking === undefined && this.#elapsedMs() - this.#askedAt >= pauseMs) {
      this.#askedAt = this.#elapsedMs();
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined;
      });
    }
    await this.#asking;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #ask(): Promise<void> {
    try {
      this.#keys = await this.#load();
      this.#loadedAt = this.#askedAt;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = new KeysUnreachable("fal's webhook keys could not be read.", { cause: error });
    }
  }
}
