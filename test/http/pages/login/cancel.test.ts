// A person declines an app's request on the login page, before logging in.
import { beforeAll, describe, expect, it } from 'vitest';
import { visitor } from '../../../support/clients/page_visitor.ts';
import { perFile } from '../../../support/fixtures/per_file.ts';
import { startServer } from '../../../support/fixtures/server.ts';
import { CHALLENGE } from '../../../support/fixtures/standard_grants.ts';

const CALLBACK = 'https://app.example.com/callback';
const QUERY = new URLSearchParams({
  ...{ response_type: 'code', client_id: 'app', redirect_uri: CALLBACK, scope: 'openid', state: 'of the app' },
  ...{ code_challenge: CHALLENGE, code_challenge_method: 'S256' },
});

const server = perFile(() => startServer({ config: { clients: [{ client_id: 'app', redirect_uris: [CALLBACK] }] } }));
beforeAll(async () => {
  await server.createOwner();
});

/** The login page that a request leads to, and its Cancel button. */
async function openLogin(path: string) {
  const browser = visitor(server);
  let url = path;
  let answer = await browser.get(url);
  while (answer.status === 303) {
    url = answer.headers.get('location') ?? '';
    answer = await browser.get(url);
  }
  const html = await answer.text();
  const [, form] = /<form method="post" action="(\/auth\/authorize\/cancel[^"]*)">/.exec(html) ?? [];
  const cancel = form?.replaceAll('&amp;', '&');
  const [, csrf = ''] = /name="csrf_token" value="([^"]*)"/.exec(html) ?? [];
  const press = async (changed: Record<string, string> = {}, csrf_token = csrf) => {
    const { pathname, searchParams } = new URL(cancel ?? '', 'https://auth.example.com');
    return await browser.post(`${pathname}?${new URLSearchParams({ ...Object.fromEntries(searchParams), ...changed })}`, { csrf_token });
  };
  return { browser, cancel, press };
}

describe('Cancel on the login page', () => {
  it('sends access_denied to the app that asked, with its state', async () => {
    const { press } = await openLogin(`/auth/authorize?${QUERY}`);
    const answer = await press();
    const location = new URL(answer.headers.get('location') ?? '');
    expect([answer.status, `${location.origin}${location.pathname}`]).toEqual([303, CALLBACK]);
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      error: 'access_denied',
      state: 'of the app',
      iss: 'https://auth.example.com',
    });
  });

  it('takes the token of the form: another site cannot press it', async () => {
    const { press } = await openLogin(`/auth/authorize?${QUERY}`);
    const answer = await press({}, 'forged');
    expect([answer.status, answer.headers.get('location')]).toEqual([403, null]);
  });

  it('is not offered where no app asked', async () => {
    expect((await openLogin('/account/sessions')).cancel).toBeUndefined();
  });

  it('goes nowhere but to a redirect URI of the client', async () => {
    const { press } = await openLogin(`/auth/authorize?${QUERY}`);
    const answer = await press({ redirect_uri: 'https://evil.example.com/' });
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });

  it('may have expired: the page links to the login again', async () => {
    const { browser, press } = await openLogin(`/auth/authorize?${QUERY}`);
    const [, again = ''] = /class="button" href="([^"]*)"/.exec(await (await press({}, 'forged')).text()) ?? [];
    const answer = await browser.get(again.replaceAll('&amp;', '&'));
    const { pathname, searchParams } = new URL(answer.headers.get('location') ?? '', 'https://auth.example.com');
    expect([answer.status, pathname, searchParams.get('client_id')]).toEqual([303, '/auth/authorize', 'app']);
  });
});
