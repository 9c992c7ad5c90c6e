// Runs the cases of an area against a server: sends what a case says, and compares the answer with
// what it expects. Cases that we decided against stand in test/vectors/overruled.ts; they run only
// where a test says what holds instead.
import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, test } from 'vitest';
import { OVERRULED } from '../../vectors/overruled.ts';
import type { TestRequest, TestServer } from '../fixtures/server.ts';
import { type Vector, vectors } from './vectors.ts';

/**
 * One test for each case of the area. `instead` holds, by id, what is true where a case is
 * overruled.
 */
export function runArea(area: string, run: (vector: Vector) => Promise<void>, instead: Record<string, () => Promise<void>> = {}): void {
  describe(area, () => {
    for (const vector of vectors(area)) {
      const ruling = OVERRULED[vector.id];
      const story = instead[vector.id];
      if (ruling === undefined) test(vector.id, () => run(vector));
      else if (story) test(`${vector.id}, by ${ruling}`, story);
    }
  });
}

/** A run in which every case has a story of its own. */
export function byId(stories: Record<string, (vector: Vector) => Promise<void>>): (vector: Vector) => Promise<void> {
  return async (vector) => {
    const story = stories[vector.id];
    if (!story) throw new Error(`no story for ${vector.id}`);
    await story(vector);
  };
}

/**
 * Sends the request of a case; words of its form, body, path or headers that `words` names are
 * replaced by what they stand for.
 */
export async function send(
  server: TestServer,
  request: Vector['request'],
  { words = {}, ...differs }: Partial<TestRequest> & { words?: Record<string, string> } = {},
): Promise<LightMyRequestResponse> {
  const real = (text: string) => words[text] ?? text;
  const realFields = (fields: Record<string, string>) =>
    Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, real(text)]));
  const { method, path, json, body, form, multipart, headers = {}, content_type } = request;
  return await server.inject({
    method,
    url: path.replace('{flow_id}', words['{flow_id}']),
    ...(json && { json }),
    ...(body !== undefined && { payload: body }),
    ...(form && { form: realFields(form) }),
    ...differs,
    headers: { ...realFields(headers), ...(content_type && { 'content-type': content_type }), ...differs.headers },
    ...(multipart && (await multipartBody(realFields(multipart)))),
  });
}

async function multipartBody(fields: Record<string, string>): Promise<Pick<TestRequest, 'payload' | 'headers'>> {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  const encoded = new Response(body);
  const payload = Buffer.from(await encoded.arrayBuffer());
  return { payload, headers: { 'content-type': encoded.headers.get('content-type')! } };
}

/** Everything that a case says about its answer. */
export function expectAnswer(answer: LightMyRequestResponse, want: Vector['expect']): void {
  const json = () => answer.json();
  if (want.status !== undefined) expect([answer.statusCode, answer.body]).toEqual([want.status, expect.any(String)]);
  if (want.body !== undefined) expect(answer.body).toBe(want.body);
  if (want.json !== undefined) expect(json()).toEqual(want.json);
  if (want.json_subset !== undefined) expect(json()).toMatchObject(want.json_subset);
  if (want.json_keys !== undefined) expect(Object.keys(json()).sort()).toEqual([...want.json_keys].sort());
  if (want.type !== undefined) expect(json().type).toBe(want.type);
  if (want.error !== undefined) expect(json().error).toBe(want.error);
  if (want.message_prefix !== undefined) expect(json().message.startsWith(want.message_prefix)).toBe(true);
  if (want.message_contains !== undefined) expect(json().message).toContain(want.message_contains);
  for (const [name, value] of Object.entries(want.headers ?? {})) expect(answer.headers[name.toLowerCase()]).toBe(value);
  for (const name of want.headers_absent ?? []) expect(answer.headers).not.toHaveProperty(name.toLowerCase());
}
