// Forms as a server with @fastify/formbody and our parser reads them.
import { fastify } from 'fastify';
import { describe, expect, it } from 'vitest';
import { AuthError } from '../../../src/domain/errors.ts';
import { formBody, installBodies } from '../../../src/http/server/body.ts';

const URLENCODED = 'application/x-www-form-urlencoded';

const app = fastify();
installBodies(app);
app.post('/', async (request) => {
  try {
    return { fields: [...(await formBody(request))] };
  } catch (error) {
    if (error instanceof AuthError) return { error: error.code };
    throw error;
  }
});

async function read(body: string | Buffer | undefined, type: string | undefined): Promise<{ fields?: [string, string][]; error?: string }> {
  const headers = type === undefined ? {} : { 'content-type': type };
  const answer = await app.inject({ method: 'POST', url: '/', headers, ...(body !== undefined && { payload: Buffer.from(body) }) });
  return answer.json();
}

async function fields(body: string | Buffer, type: string | undefined): Promise<Record<string, string>> {
  return Object.fromEntries((await read(body, type)).fields ?? []);
}

describe('a form', () => {
  it.each<[string, string, string | undefined, Record<string, string>]>([
    ['urlencoded', 'a=b+c&d=%C3%A9%2B', URLENCODED, { a: 'b c', d: 'é+' }],
    ['with a charset', 'a=b', `${URLENCODED}; charset=UTF-8`, { a: 'b' }],
    ['in capitals', 'a=b', 'Application/X-WWW-Form-Urlencoded', { a: 'b' }],
    ['without a type', 'a=b', undefined, { a: 'b' }],
    ['with raw UTF-8', 'a=é', URLENCODED, { a: 'é' }],
    ['with empty pairs and a field without a value', '&a&&b=', URLENCODED, { a: '', b: '' }],
    ['with brackets, which mean nothing', 'a[]=1&a[b]=2', URLENCODED, { 'a[]': '1', 'a[b]': '2' }],
    ['with ;, which separates nothing', 'a=1;b=2', URLENCODED, { a: '1;b=2' }],
    // C11
    ['as JSON: empty', '{"grant_type":"authorization_code"}', 'application/json', {}],
    ['as text: empty', 'a=b', 'text/plain', {}],
    ['as something odd: empty', 'a=b', 'application/json\ta', {}],
  ])('%s', async (_story, body, type, want) => {
    expect(await fields(body, type)).toEqual(want);
  });

  it('is read from FormData as home-assistant-js-websocket sends it', async () => {
    const data = new FormData();
    data.append('client_id', 'https://example.com/');
    data.append('grant_type', 'réfresh');
    const request = new Request('http://x', { method: 'POST', body: data });
    const body = Buffer.from(await request.arrayBuffer());
    const form = await read(body, request.headers.get('content-type') ?? '');
    expect(form.fields).toEqual([
      ['client_id', 'https://example.com/'],
      ['grant_type', 'réfresh'],
    ]);
  });

  it('joins what may come several times', async () => {
    const body = 'resource=https://a.example&x=1&resource=https://b.example&audience=c&audience=d';
    expect(await fields(body, URLENCODED)).toEqual({ resource: 'https://a.example https://b.example', x: '1', audience: 'c d' });
  });

  it('is empty where there is no body', async () => {
    expect(await read(undefined, URLENCODED)).toEqual({ fields: [] });
  });

  // C12, N4
  it.each<[string, string | Buffer]>([
    ['a repeated field', 'grant_type=a&grant_type=b'],
    ['a percent sign alone', 'a=%'],
    ['a bad escape', 'a=%zz'],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
    ['NUL', 'a=%00'],
    ['NUL in a name', 'a%00=b'],
    ['overlong UTF-8', 'a=%C0%AF'],
    ['a surrogate', 'a=%ED%A0%80'],
    ['5,000 pairs', Array.from({ length: 5000 }, (_, n) => `a${n}=b`).join('&')],
  ])('with %s is refused', async (_story, body) => {
    expect(await read(body, URLENCODED)).toEqual({ error: 'invalid_request' });
  });

  it.each([
    ['no boundary', 'multipart/form-data', 'x'],
    ['junk', 'multipart/form-data; boundary=x', 'junk'],
    ['a file', 'multipart/form-data; boundary=xx', '--xx\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nb\r\n--xx--\r\n'],
    [
      'a repeated field',
      'multipart/form-data; boundary=xx',
      `${'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'.repeat(2)}--xx--\r\n`,
    ],
  ])('multipart with %s is refused', async (_story, type, body) => {
    expect(await read(body, type)).toEqual({ error: 'invalid_request' });
  });
});
