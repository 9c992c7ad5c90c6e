import { describe, expect, it } from 'vitest';
import { parseForm } from '../../../src/http/server/form_body.ts';

const URLENCODED = 'application/x-www-form-urlencoded';

async function fields(body: string | Buffer, type: string | undefined): Promise<Record<string, string>> {
  return Object.fromEntries(await parseForm(Buffer.from(body), type));
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
    const form = await parseForm(body, request.headers.get('content-type') ?? '');
    expect([...form]).toEqual([
      ['client_id', 'https://example.com/'],
      ['grant_type', 'réfresh'],
    ]);
  });

  it('joins what may come several times', async () => {
    const body = 'resource=https://a.example&x=1&resource=https://b.example&audience=c&audience=d';
    expect(await fields(body, URLENCODED)).toEqual({ resource: 'https://a.example https://b.example', x: '1', audience: 'c d' });
  });

  it('is empty where there is no body', async () => {
    expect([...(await parseForm(undefined, URLENCODED))]).toEqual([]);
  });

  // C12, N4
  it.each([
    ['a repeated field', 'grant_type=a&grant_type=b'],
    ['a percent sign alone', 'a=%'],
    ['a bad escape', 'a=%zz'],
    ['NUL', 'a=%00'],
    ['NUL in a name', 'a%00=b'],
    ['overlong UTF-8', 'a=%C0%AF'],
    ['a surrogate', 'a=%ED%A0%80'],
    ['5,000 pairs', Array.from({ length: 5000 }, (_, n) => `a${n}=b`).join('&')],
  ])('with %s is refused', async (_story, body) => {
    await expect(fields(body, URLENCODED)).rejects.toMatchObject({ code: 'invalid_request' });
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
    await expect(fields(body, type)).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
