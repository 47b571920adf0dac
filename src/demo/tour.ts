/** The tour: a server, two avatars, their photos, their trainings, their pictures. */
import { randomUUID } from 'node:crypto';
import { Listr } from 'listr2';
import { Api, made } from './api.ts';
import { type Avatar, createAvatar, type Kind, server, startGeneration, startTraining } from './operations.ts';
import { photosIn, sendPhotos } from './photos.ts';
import { type Picture, picturesOf, type SavedPicture, savePicture } from './pictures.ts';
import { allLines, type Lines, lastLine, rendering, sayer, type Task, viewOf } from './screen.ts';
import type { DemoServer } from './server.ts';
import { Trouble } from './trouble.ts';
import { watchJob } from './watch.ts';

export type TourOptions = {
  photosFolder: string;
  outFolder: string;
  presets: string[];
  /** Whether a server that works with fal itself, for money, will do. */
  mayBill: boolean;
};

type Subject = { kind: Kind; avatar: Avatar };

export class Tour {
  readonly saved: SavedPicture[] = [];
  readonly #server: DemoServer;
  readonly #options: TourOptions;
  readonly #stop: AbortSignal;
  readonly #jobs = new Set<string>();
  /** Of pictures: the others are drawn all the same. */
  readonly #failures: Trouble[] = [];
  #client: Api | undefined;
  #subjects: Subject[] = [];

  /** `stop` ends the tour wherever it is. */
  constructor(demoServer: DemoServer, options: TourOptions, stop: AbortSignal) {
    this.#server = demoServer;
    this.#options = options;
    this.#stop = stop;
  }

  /** How many jobs were started and have not ended. */
  get unfinishedJobs(): number {
    return this.#jobs.size;
  }

  /** Throws Trouble, or the stop signal's reason. */
  async play(): Promise<void> {
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
      throw more.length === 0 ? first : new Trouble(`${first.message} (${more.length} more failed.)`);
  }

  get #api(): Api {
    return (this.#client ??= new Api(this.#server.url, this.#stop));
  }

  async #findServer(task: Task): Promise<void> {
    await this.#server.open(() => {
      task.title = 'Server: starting one, which takes some seconds the first time';
    });
    const { falMode } = (await this.#api.run(server, {})).server;
    task.title = `Server: ${this.#server.isOwn ? 'started at' : 'found at'} ${this.#api.url}, fal is ${falMode.toLowerCase()}`;
    if (falMode === 'LIVE' && !this.#options.mayBill) {
      throw new Trouble(
        'This server works with fal itself, which bills trainings and pictures. If you mean that: --live.',
      );
    }
  }

  async #createAvatars(task: Task): Promise<void> {
    const portrait = made((await this.#api.run(createAvatar, { input: { portrait: { name: 'Ada' } } })).createAvatar);
    const style = made((await this.#api.run(createAvatar, { input: { style: { name: 'Woodcut' } } })).createAvatar);
    this.#subjects = [
      { kind: 'portrait', avatar: portrait },
      { kind: 'style', avatar: style },
    ];
    task.title = `Avatars: ${this.#subjects.map(({ kind, avatar }) => `${avatar.name}, a ${kind}`).join('; ')}`;
  }

  #addPhotos(task: Task, photos: string[]) {
    return this.#forEach(task, this.#subjects, {
      name: ({ avatar }) => avatar.name,
      lines: allLines,
      run: async ({ avatar }, subtask) => {
        await sendPhotos(this.#api, avatar, photos, {
          kept: (count) => {
            subtask.title = `${avatar.name}: ${count} photos, of ${photos.length} files`;
          },
          refused: sayer(avatar.name, subtask),
        });
      },
    });
  }

  #train(task: Task) {
    return this.#forEach(task, this.#subjects, {
      name: ({ avatar }) => avatar.name,
      run: async ({ avatar }, subtask) => {
        const input = { avatarId: avatar.id, preset: 'FAST', idempotencyKey: randomUUID() };
        const { id } = made((await this.#api.run(startTraining, { input })).startTraining);
        const seconds = await this.#watch(id, avatar.name, subtask);
        subtask.title = `${avatar.name}: trained in ${seconds} s`;
      },
    });
  }

  #draw(task: Task) {
    const pictures = this.#subjects.flatMap(({ kind, avatar }) => picturesOf(kind, avatar, this.#options.presets));
    return this.#forEach(task, pictures, {
      name: nameOf,
      failed: (trouble) => this.#failures.push(trouble),
      run: async (picture, subtask) => {
        const { avatar, preset, prompt } = picture;
        const input = { avatarId: avatar.id, prompt, preset, idempotencyKey: randomUUID() };
        const { id } = made((await this.#api.run(startGeneration, { input })).startGeneration);
        const seconds = await this.#watch(id, nameOf(picture), subtask);
        this.saved.push(await savePicture(this.#api, id, picture, this.#options.outFolder));
        subtask.title = `${nameOf(picture)}: drawn in ${seconds} s`;
      },
    });
  }

  async #watch(jobId: string, name: string, task: Task): Promise<string> {
    const startedAt = performance.now();
    this.#jobs.add(jobId);
    await watchJob(this.#api, jobId, viewOf(name, task));
    this.#jobs.delete(jobId);
    return ((performance.now() - startedAt) / 1000).toFixed(1);
  }

  /** A subtask for each, all at the same time. With `failed`, one that fails leaves the others and the tour going. */
  #forEach<Item>(task: Task, items: Item[], { name, run, failed, lines = lastLine }: Each<Item>) {
    const subtasks = items.map((item) => ({
      title: name(item),
      rendererOptions: lines,
      task: async (_: unknown, subtask: Task) => {
        try {
          await run(item, subtask);
        } catch (error) {
          const told = error instanceof Trouble ? new Trouble(`${name(item)}: ${error.message}`) : error;
          if (told instanceof Trouble) failed?.(told);
          throw told;
        }
      },
    }));
    return task.newListr(subtasks, { concurrent: true, exitOnError: failed === undefined });
  }
}

type Each<Item> = {
  name: (item: Item) => string;
  run: (item: Item, subtask: Task) => Promise<void>;
  failed?: (trouble: Trouble) => void;
  lines?: Lines;
};

const nameOf = ({ avatar, preset }: Picture) => `${avatar.name}, ${preset}`;
