// What a client that proves itself badly is answered, at the real endpoint.
import { expect, it, test } from 'vitest';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

const SECRET = 'a secret of the file';

const config = {
  clients: [
    { client_id: 'grafana', client_secret: SECRET, redirect_uris: ['https://grafana.example.com/cb'] },
    { client_id: 'spa', redirect_uris: ['https://spa.example.com/cb'] },
  ],
};

const server = perFile(() => startServer({ config: { ...config, http: { login_attempts_threshold: -1 } } }));

const basic = (client_id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${client_id}:${secret}`).toString('base64')}`,
});
const ask = (form: Record<string, string>, headers: Record<string, string> = {}, at = server) =>
  at.inject({
    method: 'POST',
    url: '/auth/token',
    headers,
    form: {
      grant_type: 'authorization_code',
      code: 'lk_ac_unknown',
      redirect_uri: 'https://grafana.example.com/cb',
      code_verifier: 'v'.repeat(43),
      ...form,
    },
  });

// C15, C17, C25
it.each<[string, Record<string, string>, Record<string, string>]>([
  ['a wrong secret by Basic', {}, basic('grafana', 'wrong')],
  ['a wrong secret in the body', { client_id: 'grafana', client_secret: 'wrong' }, {}],
  ['an unknown client', {}, basic('nobody', SECRET)],
  ['no secret', { client_id: 'grafana' }, {}],
  ['an empty secret', {}, basic('grafana', '')],
])('%s is answered with 401 and the same body', async (_story, form, headers) => {
  const answer = await ask(form, headers);
  expect([answer.statusCode, answer.headers['www-authenticate'], answer.headers['cache-control']]).toEqual([
    401,
    'Basic realm="latchkey"',
    'no-store',
  ]);
  expect(answer.json()).toEqual({ error: 'invalid_client', error_description: 'Client authentication failed' });
});

// C14
test('two secrets at once are a request that cannot be read', async () => {
  const answer = await ask({ client_id: 'grafana', client_secret: SECRET }, basic('grafana', SECRET));
  expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request']);
});

test('with the right secret the code is what is judged', async () => {
  for (const [form, headers] of [
    [{}, basic('grafana', SECRET)],
    [{ client_id: 'grafana', client_secret: SECRET }, {}],
    [{ client_id: 'spa' }, {}],
    [{}, basic('spa', '')], // C25
  ] as const) {
    const answer = await ask(form, headers);
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_grant']);
  }
});

test('wrong secrets lead to a ban, wherever they are tried', async () => {
  const strict = await startServer({ config: { ...config, http: { login_attempts_threshold: 3 } } });
  const guess = () => strict.inject({ method: 'POST', url: '/auth/introspect', form: { token: 'x' }, headers: basic('grafana', 'wrong') });
  const statuses = [];
  for (let index = 0; index < 4; index += 1) statuses.push((await guess()).statusCode);
  expect(statuses).toEqual([401, 401, 401, 403]);
  await strict.close();
});
