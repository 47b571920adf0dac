/** The text that Prometheus is answered with, read as Prometheus reads it: a sample a line, `name{label="value"} number`. */

export type Sample = { name: string; labels: Record<string, string>; value: number };

export function readExposition(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^([a-z_]\w*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? [];
      if (name === '') throw new Error(`Not a sample: ${line}`);
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', given = '']) => [key, given]);
      return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
    });
}

/** What each metric is, by its `# TYPE` line. */
export const typesOf = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));

/** The sum of the samples of that name that have those labels. */
export function sumOf(samples: Sample[], name: string, labels: Record<string, string> = {}): number {
  const found = samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  if (found.length === 0) throw new Error(`There is no ${name} with ${JSON.stringify(labels)}.`);
  return found.reduce((sum, { value }) => sum + value, 0);
}

export async function scrape(url: string, token?: string): Promise<Sample[]> {
  const answer = await fetch(
    `${url}/metrics`,
    token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
  );
  if (answer.status !== 200) throw new Error(`/metrics answers ${answer.status}.`);
  return readExposition(await answer.text());
}
