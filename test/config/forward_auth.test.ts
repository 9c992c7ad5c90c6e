import { expect, test } from 'vitest';
import { complaints, load } from './support.ts';

const HOST = 'host: grafana.example.com';

test('without rules there are none', async () => {
  expect((await load()).forward_auth).toEqual({ rules: [] });
});

test('rules stay in the order of the file', async () => {
  const yaml = `
groups: [{ id: family, name: Family, policy: { entities: true } }]
forward_auth:
  rules:
    - { ${HOST}, paths: [/admin], groups: [system-admin], public_paths: [/admin/health] }
    - { ${HOST}, groups: [family, system-admin] }
    - { host: 'nas.example.com:8443', allow_preflight: true, acr: 2, max_age: 10m }`;
  expect((await load(yaml)).forward_auth.rules).toEqual([
    { host: 'grafana.example.com', paths: ['/admin'], groups: ['system-admin'], public_paths: ['/admin/health'] },
    { host: 'grafana.example.com', groups: ['family', 'system-admin'] },
    { host: 'nas.example.com:8443', allow_preflight: true, acr: '2', max_age: 600 },
  ]);
});

test('a group that nobody defined is refused where it stands', async () => {
  expect(await complaints(`forward_auth:\n  rules:\n    - ${HOST}\n      groups: [system-admin, system-user]`)).toEqual([
    'config.yaml:4:30 forward_auth.rules[0].groups[1]: there is no such group; did you mean "system-users"?',
  ]);
});

test.each([
  ['a host with a scheme', '{ host: https://grafana.example.com }', /host: must be a host in lower case/],
  ['a host with a path', '{ host: grafana.example.com/x }', /host: must be a host in lower case/],
  ['a wildcard', "{ host: '*.example.com' }", /host: must be a host in lower case/],
  ['a host in upper case', '{ host: Grafana.example.com }', /host: must be a host in lower case/],
  ['the usual port', "{ host: 'grafana.example.com:443' }", /host: leave out the usual port/],
  ['no host', '{ groups: [system-admin] }', /host: is required/],
  ['a relative path', `{ ${HOST}, paths: [admin] }`, /paths\[0\]: must begin with \//],
  ['an encoded path', `{ ${HOST}, paths: [/%61dmin] }`, /paths\[0\]: must be plain/],
  ['a path with dots', `{ ${HOST}, paths: [/a/../b] }`, /paths\[0\]: must be plain/],
  ['a list of no groups', `{ ${HOST}, groups: [] }`, /groups: must not be empty/],
  ['a public path of another rule', `{ ${HOST}, paths: [/a], public_paths: [/ab] }`, /public_paths\[0\]: is not below any/],
  ...['0', '3', 'mfa', '[]', 'true', 'null2', '1.5'].map((acr): [string, string, RegExp] => [
    `acr ${acr}`,
    `{ ${HOST}, acr: ${acr} }`,
    /acr: must be 1 or 2/,
  ]),
  ...['10', '59s', '3651d', 'never', 'true', '[]'].map((age): [string, string, RegExp] => [
    `max_age ${age}`,
    `{ ${HOST}, max_age: ${age} }`,
    /max_age: must be a duration from 1m to 3650d/,
  ]),
  ['an unknown key', `{ ${HOST}, group: [system-admin] }`, /unknown setting; did you mean "groups"/],
])('%s is refused', async (_story, rule, complaint) => {
  expect(await complaints(`forward_auth: { rules: [${rule}] }`)).toEqual([expect.stringMatching(complaint)]);
});

test('a rule that a former one of its host leaves nothing is refused', async () => {
  expect(await complaints(`forward_auth: { rules: [{ ${HOST} }, { ${HOST}, groups: [system-admin] }] }`)).toEqual([
    expect.stringMatching(/rules\[1\]: is never reached: forward_auth.rules\[0\] is about the whole host already/),
  ]);
});
