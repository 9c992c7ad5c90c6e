import { describe, expect, test } from 'vitest';
import { complaints, load } from './support.ts';

const BOMB = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  ...[...'bcdefghi'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`)}]`),
].join('\n');

// K13
describe('a YAML file', () => {
  for (const [story, yaml, first] of [
    ['has each key once', 'listen:\n  port: 1\n  port: 2', 'config.yaml:3:3: "port" is there twice in one block'],
    [
      'has no tags of its own',
      'data_dir: !!js/function "() => 1"',
      'config.yaml:1:11: tags are not allowed; put a text that begins with ! in quotes',
    ],
    ['has no binary tag', 'data_dir: !!binary aGk=', 'config.yaml:1:11: tags are not allowed; put a text that begins with ! in quotes'],
    ['cannot grow without bound', BOMB, 'config.yaml: it has aliases (*name) without an anchor (&name), or far too many of them'],
    ['is one document', 'log:\n---\nlog:', 'config.yaml:2:1: must be one document, without a second --- line'],
    ['is at most 1 MB', `# ${'x'.repeat(1024 * 1024)}`, 'config.yaml: it is larger than 1048576 bytes'],
  ] as const) {
    test(story, async () => {
      expect((await complaints(yaml))[0]).toBe(first);
    });
  }

  test('that is not YAML is refused with the place', async () => {
    for (const yaml of ['listen: { port: 1', 'log: [', 'log:\n\tlevel: info', 'a: b: c', '['.repeat(10_000)]) {
      const found = await complaints(yaml);
      expect(found.length, yaml.slice(0, 20)).toBeGreaterThan(0);
      expect(found[0], yaml.slice(0, 20)).toMatch(/^config\.yaml:\d+:\d+: \S/);
    }
  });

  test('with a key given twice is still judged as a whole', async () => {
    expect(await complaints('log: { level: info }\nlog: { level: debug }\nlisten: { port: -1 }')).toEqual([
      'config.yaml:2:1: "log" is there twice in one block',
      'config.yaml:3:11 listen.port: must be a whole number from 0 to 65535',
    ]);
  });

  test('may use anchors', async () => {
    const config = await load('sessions: { idle_lifetime: &time 1d, lifetime: *time }');
    expect(config.sessions).toEqual({ idle_lifetime: 86_400, lifetime: 86_400 });
  });

  test('cannot change the prototypes of the process', async () => {
    await complaints(
      '__proto__: { polluted: true }\nlisten: { __proto__: { polluted: true } }\nconstructor: { prototype: { polluted: true } }',
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
