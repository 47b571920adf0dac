/** The demo's steps: find a server, create two avatars, upload photos, train, draw pictures. */
import { randomUUID } from 'node:crypto';
import { Listr } from 'listr2';
import { Api, unwrap } from './api.ts';
import { DemoError } from './errors.ts';
import { followJob } from './follow-job.ts';
import { type Avatar, createAvatar, type Kind, server, startGeneration, startTraining } from './operations.ts';
import { photosIn, uploadPhotos } from './photos.ts';
import { type Picture, picturesOf, type SavedPicture, savePicture } from './pictures.ts';
import type { DemoServer } from './server.ts';
import { allLines, jobViewOf, lastLine, type OutputOptions, printerFor, rendering, type Task } from './terminal.ts';

export type WalkthroughOptions = {
  photosFolder: string;
  outFolder: string;
  presets: string[];
  /** Whether to go on if the server uses fal itself, which charges for trainings and pictures. */
  allowsCharges: boolean;
};

type Subject = { kind: Kind; avatar: Avatar };

export class Walkthrough {
  readonly saved: SavedPicture[] = [];
  readonly #server: DemoServer;
  readonly #options: WalkthroughOptions;
  readonly #stop: AbortSignal;
  readonly #jobs = new Set<string>();
  /** The failed pictures. They do not stop the other pictures. */
  readonly #failures: DemoError[] = [];
  #client: Api | undefined;
  #subjects: Subject[] = [];

  /** Aborting `stop` ends the demo at any step. */
  constructor(demoServer: DemoServer, options: WalkthroughOptions, stop: AbortSignal) {
    this.#server = demoServer;
    this.#options = options;
    this.#stop = stop;
  }

  /** The number of started jobs that have not ended. */
  get unfinishedJobs(): number {
    return this.#jobs.size;
  }

  /** Throws DemoError, or the stop signal's reason. */
  async run(): Promise<void> {
    const photos = await photosIn(this.#options.photosFolder);
    const stages = new Listr(
      [
        { title: 'Server', task: (_, task) => this.#findServer(task) },
        { title: 'Avatars', task: (_, task) => this.#createAvatars(task) },
        { title: 'Photos', task: (_, task) => this.#addPhotos(task, photos) },
        { title: 'Trainings', task: (_, task) => this.#train(task) },
        { title: 'Pictures', task: (_, task) => this.#draw(task) },
      ],
      rendering,
    );
    await stages.run();
    this.#stop.throwIfAborted();
    const [first, ...more] = this.#failures;
    if (first !== undefined)
      throw more.length === 0 ? first : new DemoError(`${first.message} (${more.length} more pictures failed.)`);
  }

  get #api(): Api {
    return (this.#client ??= new Api(this.#server.url, this.#stop));
  }

  async #findServer(task: Task): Promise<void> {
    await this.#server.open(() => {
      task.title = 'Server: starting one (this takes a few seconds the first time)';
    });
    const { falMode } = (await this.#api.run(server, {})).server;
    task.title = `Server: ${this.#server.isOwn ? 'started at' : 'found at'} ${this.#api.url}, fal is ${falMode.toLowerCase()}`;
    if (falMode === 'LIVE' && !this.#options.allowsCharges) {
      throw new DemoError(
        'This server uses fal itself, which charges for trainings and pictures. Add --live to go ahead.',
      );
    }
  }

  async #createAvatars(task: Task): Promise<void> {
    const portrait = unwrap((await this.#api.run(createAvatar, { input: { portrait: { name: 'Ada' } } })).createAvatar);
    const style = unwrap((await this.#api.run(createAvatar, { input: { style: { name: 'Woodcut' } } })).createAvatar);
    this.#subjects = [
      { kind: 'portrait', avatar: portrait },
      { kind: 'style', avatar: style },
    ];
    task.title = `Avatars: ${this.#subjects.map(({ kind, avatar }) => `${avatar.name}, a ${kind}`).join('; ')}`;
  }

  #addPhotos(task: Task, photos: string[]) {
    return this.#forEach(task, this.#subjects, {
      name: ({ avatar }) => avatar.name,
      output: allLines,
      run: async ({ avatar }, subtask) => {
        await uploadPhotos(this.#api, avatar, photos, {
          kept: (count) => {
            subtask.title = `${avatar.name}: kept ${count} photos of ${photos.length} files`;
          },
          refused: printerFor(avatar.name, subtask),
        });
      },
    });
  }

  #train(task: Task) {
    return this.#forEach(task, this.#subjects, {
      name: ({ avatar }) => avatar.name,
      run: async ({ avatar }, subtask) => {
        const input = { avatarId: avatar.id, preset: 'FAST', idempotencyKey: randomUUID() };
        const { id } = unwrap((await this.#api.run(startTraining, { input })).startTraining);
        const seconds = await this.#follow(id, avatar.name, subtask);
        subtask.title = `${avatar.name}: trained in ${seconds} s`;
      },
    });
  }

  #draw(task: Task) {
    const pictures = this.#subjects.flatMap(({ kind, avatar }) => picturesOf(kind, avatar, this.#options.presets));
    return this.#forEach(task, pictures, {
      name: nameOf,
      failed: (failure) => this.#failures.push(failure),
      run: async (picture, subtask) => {
        const { avatar, preset, prompt } = picture;
        const input = { avatarId: avatar.id, prompt, preset, idempotencyKey: randomUUID() };
        const { id } = unwrap((await this.#api.run(startGeneration, { input })).startGeneration);
        const seconds = await this.#follow(id, nameOf(picture), subtask);
        this.saved.push(await savePicture(this.#api, id, picture, this.#options.outFolder));
        subtask.title = `${nameOf(picture)}: drawn in ${seconds} s`;
      },
    });
  }

  async #follow(jobId: string, name: string, task: Task): Promise<string> {
    const startedAt = performance.now();
    this.#jobs.add(jobId);
    await followJob(this.#api, jobId, jobViewOf(name, task));
    this.#jobs.delete(jobId);
    return ((performance.now() - startedAt) / 1000).toFixed(1);
  }

  /** Runs a subtask for each item, all at the same time. With `failed`, a failure does not stop the other subtasks. */
  #forEach<Item>(task: Task, items: Item[], { name, run, failed, output = lastLine }: Each<Item>) {
    const subtasks = items.map((item) => ({
      title: name(item),
      rendererOptions: output,
      task: async (_: unknown, subtask: Task) => {
        try {
          await run(item, subtask);
        } catch (error) {
          const failure = error instanceof DemoError ? new DemoError(`${name(item)}: ${error.message}`) : error;
          if (failure instanceof DemoError) failed?.(failure);
          throw failure;
        }
      },
    }));
    return task.newListr(subtasks, { concurrent: true, exitOnError: failed === undefined });
  }
}

type Each<Item> = {
  name: (item: Item) => string;
  run: (item: Item, subtask: Task) => Promise<void>;
  failed?: (failure: DemoError) => void;
  output?: OutputOptions;
};

const nameOf = ({ avatar, preset }: Picture) => `${avatar.name}, ${preset}`;
